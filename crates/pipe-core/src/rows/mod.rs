//! The first rows of a source, borrowed ones too: left out, or the only ones read.
//!
//! A stage that counts needs all items in order, and what comes to it must be owned. Here the batches themselves are cut, under the source
//! lock, before their items are lent to anybody.

mod skip;
mod take;
mod truncate;

use crate::adapters::Identity;
use crate::lower::Start;
use crate::pipeline::Pipeline;
use crate::source::Source;
pub use skip::SkipRows;
pub use take::TakeRows;
pub use truncate::Truncate;

/// Right behind the source.
impl<S: Source> Pipeline<Start<S>, Identity, S::Item> {
    /// Leaves out the first `rows` rows: a header, say. The positions of the others stay what they are.
    ///
    /// ```
    /// use pipe_core::{FromIter, Inline, from_source};
    ///
    /// let report = from_source(FromIter::new(["name", "a", "b"])).skip_rows(1).collect().run_on(&Inline)?;
    /// assert_eq!((report.taken(), report.value), (2, vec!["a", "b"]));
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn skip_rows(self, rows: u64) -> Pipeline<Start<SkipRows<S>>, Identity, S::Item> {
        self.over(|source| SkipRows::new(source, rows))
    }

    /// Reads `rows` rows and ends well. The source is not pulled again behind them; what the last batch holds beyond is dropped.
    ///
    /// ```
    /// use pipe_core::{FromIter, Inline, from_source};
    ///
    /// let first = from_source(FromIter::new(1..)).skip_rows(2).take_rows(3).collect().run_on(&Inline)?;
    /// assert_eq!(first.value, [3, 4, 5]);
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn take_rows(self, rows: u64) -> Pipeline<Start<TakeRows<S>>, Identity, S::Item>
    where
        S::Batch: Truncate,
    {
        self.over(|source| TakeRows::new(source, rows))
    }

    /// The same pipeline over another source of the same items.
    fn over<R: Source<Item = S::Item>>(
        self,
        wrap: impl FnOnce(S) -> R,
    ) -> Pipeline<Start<R>, Identity, S::Item> {
        let mut pipeline = Pipeline::start(wrap(self.up.0));
        pipeline.settings = self.settings;
        pipeline
    }
}
