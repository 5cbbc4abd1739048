//! Where a fused segment ends.

use crate::adapters::Identity;
use crate::inline::Inline;
use crate::item::{Own, Owned};
use crate::lower::{AnyWorkers, Boxed, Cut, Lower};
use crate::pipeline::Pipeline;
use crate::settings::SegmentKind;

impl<U, C, I: Owned> Pipeline<U, C, I> {
    /// Ends the fused segment: what follows is compiled apart, takes batches of owned items and may be ordered otherwise. Chains of more
    /// than 32 stages compile faster with one in the middle.
    pub fn edge(self) -> Pipeline<Cut<U, C, I::T, AnyWorkers>, Identity, Own<I::T>> {
        self.cut(SegmentKind::Parallel)
    }

    /// An edge at which the type ends too, so that a pipeline can be returned from a function.
    ///
    /// ```
    /// use pipe_core::{Boxed, Identity, Inline, Own, Pipeline, from_iter};
    ///
    /// fn squares(to: u64) -> Pipeline<Boxed<'static, u64>, Identity, Own<u64>> {
    ///     from_iter(0..to).map(|n| n * n).boxed()
    /// }
    ///
    /// assert_eq!(squares(4).map(|n| n + 1).collect().run_on(&Inline)?.value, [1, 2, 5, 10]);
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn boxed<'p>(self) -> Pipeline<Boxed<'p, I::T>, Identity, Own<I::T>>
    where
        Cut<U, C, I::T, AnyWorkers>: Lower<'p, Inline> + Send + 'p,
    {
        let Pipeline { up, chain, settings, item } = self.edge();
        Pipeline { up: Boxed::new(up), chain, settings, item }
    }
}
