//! A complete pipeline, ready to run.

use crate::adapters::Fold;
use crate::cancel::Cancel;
use crate::clock::Clock;
use crate::error::RunError;
use crate::executor::{Executor, Finish};
use crate::explain::Explain;
use crate::handle::Run;
use crate::item::{Own, Owned};
use crate::left::{discard, thrown_by_rest};
use crate::lower::{Close, Cut, Feed, Last};
use crate::observer::Observer;
use crate::opaque::opaque;
use crate::pipeline::Pipeline;
use crate::report::Report;
use crate::run::RunState;
use crate::sink::{Merge, Sink};
use crate::spill::Spill;
use crate::stage::Then;
use crate::weigh::Weigh;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A complete pipeline: source, stages and sink.
#[must_use = "a pipeline does nothing until it is run"]
pub struct Whole<U, C, I, S> {
    pub(super) pipeline: Pipeline<U, C, I>,
    pub(super) sink: S,
}

opaque!([U, C, I, S] Whole[U, C, I, S]);

impl<U, C, I, S> Whole<U, C, I, S> {
    /// Stops the run when `cancel` is switched on.
    pub fn cancelled_by(mut self, cancel: &Cancel) -> Self {
        self.pipeline.settings.stop.cancelled_by(cancel);
        self
    }

    /// Ends the run with [`RunError::TimedOut`] if it is not over in `span`. As with [`Cancel`], a closure or a read that blocks is not
    /// interrupted.
    pub fn within(mut self, span: Duration) -> Self {
        self.pipeline.settings.stop.within = Some(span);
        self
    }

    /// Takes time from `clock`: for tests.
    pub fn clocked_by(mut self, clock: impl Clock + 'static) -> Self {
        self.pipeline.settings.stop.clocked_by(clock);
        self
    }

    /// Makes `run` the handle of the run to come: progress, cancel, drain, from any thread.
    ///
    /// A handle is of one run, and a run has one: a second one is a `Config` error when the pipeline is run. Its clones are the same one.
    pub fn handled_by(mut self, run: &Run) -> Self {
        let settings = &mut self.pipeline.settings;
        if !settings.stop.handled_by(run.control()) {
            settings.refuse("handled_by", "a second `Run`", "it has one already: clone that");
        }
        self
    }
}

/// Watching it.
impl<U, C, I, S> Whole<U, C, I, S> {
    /// Tells `observer` what the run does, per batch. Called again it adds another one.
    pub fn observe(mut self, observer: impl Observer + 'static) -> Self {
        self.pipeline.settings.observers.add(observer);
        self
    }
}

impl<U, C, N, F, A, M> Whole<U, Then<C, Fold<N, F, A>>, Own<A>, Merge<A, M>> {
    /// Weighs the accumulators of the fold with [`Weigh`]: they count against the memory limit.
    pub fn weighed(mut self) -> Self
    where
        A: Weigh + 'static,
    {
        self.pipeline.chain.second.heap = Some(A::heap);
        self.pipeline.settings.weighers.add::<A>();
        self
    }

    /// Puts the accumulators of the fold on disk when they become larger than their part of the memory limit, or when others need it: see
    /// [`Spill`]. They are weighed as well. How often that was, and how much, is an event of the report.
    pub fn spilling(self) -> Self
    where
        A: Spill + 'static,
    {
        let mut this = self.weighed();
        this.pipeline.chain.second.spill = Some(A::spill);
        this
    }
}

impl<U: Feed, C, I: Owned, S> Whole<U, C, I, S> {
    /// Says what `run_on` would do, without running anything: segments, edges, order, policies, bounds. Print it: its rows are those of the
    /// report.
    ///
    /// # Errors
    /// `Config`, as `run_on`.
    pub fn explain<'p, X: Executor<'p> + ?Sized>(&self, executor: &X) -> Result<Explain, RunError> {
        let profile = executor.profile()?;
        executor.runner().prepare()?;
        let settings = &self.pipeline.settings;
        settings.refusal().map_or(Ok(()), Err)?;
        Ok(Explain::new(settings, profile))
    }

    /// Runs the pipeline to its end on this executor, and returns the report. On an executor of `pipe-async` it returns a future of the report.
    ///
    /// # Errors
    /// The failure at the lowest position; see [`RunError`]. The sink is then dropped without a commit.
    pub fn run_on<'p, X: Executor<'p> + ?Sized>(
        self,
        executor: &X,
    ) -> <X::Ran as Finish<'p>>::With<Report<S::Done>>
    where
        Cut<U, C, I::T, Last>: Close<'p, X, I::T>,
        S: Sink<I::T, Done: 'p> + 'p,
    {
        let Pipeline { up, chain, settings, .. } = self.pipeline;
        let runner = executor.runner();
        let ready = executor.profile().and_then(|profile| Ok((profile, runner.prepare()?)));
        let (profile, events) = match ready.and_then(|ready| settings.claim().map(|()| ready)) {
            Ok(ready) => ready,
            Err(error) => {
                // By themselves, and unheard: the refusal is the error of the run.
                discard(up);
                discard(chain);
                discard(self.sink);
                discard(settings);
                return X::Ran::refused(error).with(|refused| match refused {
                    Err(error) => Err(error),
                    Ok(()) => unreachable!("a refused run is an error"),
                });
            }
        };
        let last = settings.open();
        let run = RunState::new(settings, profile, runner, executor.clock());
        events.into_iter().for_each(|event| run.note(event));
        let done = Arc::new(Mutex::new(None));
        let cut = Cut::<_, _, I::T, Last>::new(up, chain, last);
        let plan = Close::<'p, X, I::T>::close(cut, self.sink, done.clone(), run.clone());
        // Executors contain what they call. What is left is dropped on their way out: the source, closures, states, and those may throw.
        let ran = catch_unwind(AssertUnwindSafe(|| executor.execute(plan)))
            .unwrap_or_else(|thrown| X::Ran::refused(thrown_by_rest(thrown)));
        ran.with(move |ended| {
            let letters = run.finish_letters();
            let ended = ended.and(letters);
            run.end(ended.as_ref().err());
            let value = done.lock().unwrap_or_else(PoisonError::into_inner).take();
            let report = ended
                .map(|()| run.report(value.expect("an executor that returns `Ok` has finished the sink")));
            // Who takes letters, keys and observers go with it. The sink is committed: what these throw comes too late to undo that.
            discard(run);
            report
        })
    }
}
