//! Where a pipeline ends: in a sink, an accumulator, an iterator.

use crate::adapters::Fold;
use crate::clock::SystemClock;
use crate::executor::{Executor, Finish};
use crate::inline::Inline;
use crate::item::{Item, Own, Owned, Same};
use crate::iter::Iter;
use crate::kernel::Scalar;
use crate::left::discard;
use crate::limit::default_memory_limit;
use crate::lower::{Cut, Feed, Last, Lower};
use crate::memory_settings::MemorySettings;
use crate::pipeline::{Pipeline, Whole};
use crate::plan::Nodes;
use crate::report::Report;
use crate::run::RunState;
use crate::settings::Emits;
use crate::sink::{ForEach, Merge, Sink};
use crate::stage::Then;
use std::sync::Arc;

impl<U, C, I: Item> Pipeline<U, C, I> {
    /// Ends the pipeline in a sink. What [`Sink::commit`] returns becomes the [`value`](crate::Report::value) of the report.
    pub fn to<J: Owned, S: Sink<J::T>>(self, sink: S) -> Whole<U, C, J, S>
    where
        I: Same<J>,
    {
        Whole { pipeline: self.renamed(), sink }
    }

    /// Ends the pipeline in a vector of all outputs, in order. The vector does not count towards the memory limit: for outputs that do not fit
    /// into memory, use a sink that writes them.
    pub fn collect<J: Owned>(self) -> Whole<U, C, J, Vec<J::T>>
    where
        I: Same<J>,
    {
        self.to(Vec::new())
    }

    /// Ends the pipeline in a closure, called by one thread at a time and in order (unless the pipeline is unordered).
    pub fn for_each<J: Owned, F>(self, f: F) -> Whole<U, C, J, ForEach<F>>
    where
        I: Same<J>,
        F: FnMut(J::T) + Send,
    {
        self.to(ForEach(f))
    }

    /// Ends the pipeline in one accumulator: each worker folds its items into its own, and these are merged at the end. It takes borrowed rows.
    ///
    /// `merge` must give the same result however the items were distributed; a sum of floats therefore differs in its last digits.
    ///
    /// An accumulator cannot give back what an attempt put into it. So in a segment that [retries](Pipeline::retry) behind a stage that
    /// makes many items of one, a fold is a `Config` error: `.edge()` in front of it helps.
    pub fn fold<A, N, F, M>(
        self,
        new: N,
        f: F,
        merge: M,
    ) -> Whole<U, Then<C, Fold<N, F, A>>, Own<A>, Merge<A, M>>
    where
        A: Send + 'static,
        N: Fn() -> A + Send + Sync,
        F: for<'a, 'b> Fn(&'b mut A, I::Of<'a>) + Send + Sync,
        M: FnMut(&mut A, A) + Send,
    {
        let heap = self.settings.weighers.get::<A>();
        let mut this = self;
        if let Some(stage) = this.settings.attempt_leaves_something() {
            let why = "a fold behind it would count what an attempt emitted before it failed: put `.edge()` in between, or retry first";
            this.settings.refuse("retry", stage, why);
        }
        let pipeline = this.then("fold", Emits::Many, Fold { new, fold: f, heap, spill: None });
        Whole { pipeline, sink: Merge { into: None, merge } }
    }
}

impl<U: Feed, C, I: Owned> Pipeline<U, C, I> {
    /// The pipeline as an iterator, pulled batch by batch on this thread. Dropping it drops the rest.
    ///
    /// ```
    /// use pipe_core::from_iter;
    ///
    /// let first: Result<Vec<u64>, _> = from_iter(0..).map(|n| n * n).iter().take(3).collect();
    /// assert_eq!(first?, [0, 1, 4]);
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn iter<'p>(self) -> Iter<'p, I::T>
    where
        Cut<U, C, I::T, Last>: Lower<'p, Inline>,
    {
        self.iter_within(default_memory_limit())
    }

    /// As `iter`, with a limit in bytes for the outputs that were made and not yet taken. More than that is an item of its own, a `Budget` error,
    /// and so is a limit of zero: a `Config` error as the first item.
    pub fn iter_within<'p>(self, memory_limit: usize) -> Iter<'p, I::T>
    where
        Cut<U, C, I::T, Last>: Lower<'p, Inline>,
    {
        let Pipeline { up, chain, settings, .. } = self;
        let mut memory = MemorySettings::default();
        memory.set_limit(memory_limit);
        let profile = match settings.refusal().map_or_else(|| memory.profile("iterator", 1), Err) {
            Ok(profile) => profile,
            Err(error) => {
                // By themselves, and unheard: the refusal is what comes of it.
                discard(up);
                discard(chain);
                discard(settings);
                return Iter::refused(error);
            }
        };
        let last = settings.open();
        let run = RunState::new(settings, profile, Arc::new(Scalar), Arc::new(SystemClock::new()));
        let mut nodes = Vec::new();
        let cut = Cut::<_, _, I::T, Last>::new(up, chain, last);
        let source = Lower::<'p, Inline>::lower(cut, &mut nodes, &run);
        Iter::new(Nodes { source, nodes, first: None }, run)
    }
}

/// What a [`Pipeline`] lacks to be run: no type implements this, since a pipeline with an end is a [`Whole`]. It exists for the sentence
/// that the compiler prints where the end was forgotten; without it the message is "no method named `run_on`".
#[diagnostic::on_unimplemented(
    message = "this pipeline has no end yet, so it cannot be run",
    label = "nothing takes what comes out of it",
    note = "end it before `.run_on(..)`: in `.collect()`, `.fold(..)`, `.for_each(..)`, or in a sink, `.to(sink)`"
)]
pub trait Ended {
    /// Never called.
    fn run<T>(self) -> T;
}

impl<U, C, I: Item> Pipeline<U, C, I> {
    /// Does not compile: see [`Ended`]. [`Whole::run_on`] runs a pipeline.
    #[doc(hidden)]
    pub fn run_on<'p, X: Executor<'p> + ?Sized>(self, _: &X) -> <X::Ran as Finish<'p>>::With<Report<()>>
    where
        Self: Ended,
    {
        self.run()
    }
}
