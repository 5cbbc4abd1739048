//! The kit itself on trial: executors with one deliberate flaw each, and the law that has to notice it.
#![cfg(feature = "testing")]

use pipe_core::plan::{AnySource, BoxBatch, Nodes, Outlet, Plan, Ran, RunState, Segment, Work, Worker};
use pipe_core::testing::{Num, Provable, laws};
use pipe_core::{Budget, Executor, Flow, Inline, Items, MemorySettings, Profile, RunError, Want};
use std::any::Any;
use std::convert::Infallible;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Flaw {
    None,
    LosesTheLastBatch,
    SwapsBatches,
    SwallowsErrors,
    CommitsAfterErrors,
    CommitsAfterCancel,
    ForgetsToFinishStages,
    BuildsWorkersTwice,
    PullsAfterTheEnd,
    LeaksAPermit,
    LosesPositions,
    HandsOnTwice,
    LosesOutputsOfFailedBatches,
    CountsFailuresBehindTheEnd,
    DropsWhatItReadWhenDrained,
    IgnoresTheDeadline,
    NeverReturnsWhenStopped,
    TakesLargeBatches,
    ReadsAllAtOnce,
    HasABudgetOfItsOwn,
}

/// `Inline`, written with the public parts of a plan.
struct Broken(Flaw);

impl<'p> Executor<'p> for Broken {
    type Ran = Result<(), RunError>;
    type Async = Infallible;

    fn profile(&self) -> Result<Profile, RunError> {
        Inline.profile()
    }

    fn execute(&self, plan: Plan<'p>) -> Result<(), RunError> {
        let (flaw, run) = (self.0, plan.run().clone());
        let Nodes { source, nodes, .. } = plan.into_nodes();
        let mut workers: Vec<Box<dyn Worker + 'p>> = Vec::new();
        for node in nodes {
            workers.push(match node.work {
                Work::Parallel(segment) => {
                    if flaw == Flaw::BuildsWorkersTwice {
                        drop(Segment::worker(segment.clone(), run.clone())?);
                    }
                    Segment::worker(segment, run.clone())?
                }
                Work::Serial(worker) => worker,
                Work::Async(never) => match never {},
            });
        }
        let mut row = Row { flaw, run: run.clone(), enough_at: None, error: None };
        let ended = self.read(source, &mut workers, &mut row);
        if flaw == Flaw::LeaksAPermit {
            mem::forget(run.budget().overdraw(8));
        }
        let Some(sink) = workers.last_mut() else { unreachable!("the sink is last") };
        match ended {
            Err(RunError::Cancelled) if flaw == Flaw::CommitsAfterCancel => {
                sink.finish(&mut Nowhere)?;
                Err(RunError::Cancelled)
            }
            Err(error @ RunError::Stage { .. }) if flaw == Flaw::CommitsAfterErrors => {
                sink.finish(&mut Nowhere)?;
                Err(error)
            }
            Err(RunError::Stage { .. }) if flaw == Flaw::SwallowsErrors => sink.finish(&mut Nowhere),
            Err(_) if flaw == Flaw::NeverReturnsWhenStopped => loop {
                std::thread::park();
            },
            ended => ended,
        }
    }
}

impl Broken {
    fn read<'p>(
        &self,
        mut source: Box<dyn AnySource + 'p>,
        workers: &mut [Box<dyn Worker + 'p>],
        row: &mut Row,
    ) -> Result<(), RunError> {
        let items = if self.0 == Flaw::TakesLargeBatches { 100_000 } else { 64 };
        let want = Want { items, bytes: 1 << 20 };
        let mut held: Option<BoxBatch> = None;
        row.check()?;
        if self.0 == Flaw::ReadsAllAtOnce {
            let mut read = Vec::new();
            while let Some(batch) = source.pull(want)? {
                read.push((row.run.budget().overdraw(batch.bytes()), batch));
            }
            read.into_iter().try_for_each(|(_permit, batch)| row.carry(batch, workers))?;
            return row.finish(workers);
        }
        while row.enough_at.is_none()
            && let Some(batch) = source.pull(want)?
        {
            let batches = match (self.0, held.take()) {
                (Flaw::LosesTheLastBatch, before) => {
                    held = Some(batch);
                    vec![before]
                }
                (Flaw::SwapsBatches, None) => {
                    held = Some(batch);
                    vec![]
                }
                (Flaw::SwapsBatches, before) => vec![Some(batch), before],
                (Flaw::DropsWhatItReadWhenDrained, None) => {
                    let ahead = source.pull(want)?;
                    row.carry(batch, workers)?;
                    vec![ahead.filter(|_| !row.run.is_draining())]
                }
                _ => vec![Some(batch)],
            };
            for batch in batches.into_iter().flatten() {
                row.carry(batch, workers)?;
            }
        }
        if let Some(batch) = held.filter(|_| self.0 == Flaw::SwapsBatches) {
            row.carry(batch, workers)?;
        }
        if self.0 == Flaw::PullsAfterTheEnd {
            source.pull(want)?;
        }
        row.finish(workers)
    }
}

/// The same with a budget that it shares.
struct Sharing(Broken, MemorySettings);

impl Sharing {
    fn new(flaw: Flaw, budget: &Budget) -> Self {
        let mut memory = MemorySettings::default();
        if flaw != Flaw::HasABudgetOfItsOwn {
            memory.set_budget(budget);
        }
        Sharing(Broken(flaw), memory)
    }
}

impl<'p> Executor<'p> for Sharing {
    type Ran = Result<(), RunError>;
    type Async = Infallible;

    fn profile(&self) -> Result<Profile, RunError> {
        self.1.profile("Broken", 1)
    }

    fn execute(&self, plan: Plan<'p>) -> Result<(), RunError> {
        self.0.execute(plan)
    }
}

/// A row of workers; carries batches through them.
struct Row {
    flaw: Flaw,
    run: Arc<RunState>,
    /// How many workers are behind the last one that had enough.
    enough_at: Option<usize>,
    error: Option<RunError>,
}

impl Row {
    fn check(&self) -> Result<(), RunError> {
        match self.flaw {
            Flaw::IgnoresTheDeadline if !self.run.is_cancelled() => Ok(()),
            _ => self.run.check(),
        }
    }

    fn carry(&mut self, batch: BoxBatch, workers: &mut [Box<dyn Worker + '_>]) -> Result<(), RunError> {
        self.contained(|row| {
            let _ = Down { row, workers }.put(batch);
        })
    }

    fn finish(&mut self, workers: &mut [Box<dyn Worker + '_>]) -> Result<(), RunError> {
        for at in 0..workers.len() {
            self.check()?;
            let (worker, rest) = workers[at..].split_first_mut().expect("`at` is in range");
            let is_sink = rest.is_empty();
            // The one whose failure came behind the end has failed, and is not used again.
            let gone = self.enough_at.is_some_and(|enough| rest.len() > enough);
            if gone || self.flaw == Flaw::ForgetsToFinishStages && !is_sink {
                continue;
            }
            self.contained(|row| {
                if let Err(error) = worker.finish(&mut Down { row, workers: rest }) {
                    row.error.get_or_insert(error);
                }
            })?;
        }
        Ok(())
    }

    fn contained(&mut self, body: impl FnOnce(&mut Self)) -> Result<(), RunError> {
        if let Err(thrown) = catch_unwind(AssertUnwindSafe(|| body(self))) {
            let (stage, payload) = ("drop of an item".to_owned(), pipe_core::Payload::new(thrown));
            return Err(RunError::Panicked { stage, at: None, payload });
        }
        self.error.take().map_or(Ok(()), Err)
    }
}

/// The rest of a row.
struct Down<'r, 'w, 'p> {
    row: &'r mut Row,
    workers: &'w mut [Box<dyn Worker + 'p>],
}

impl Outlet for Down<'_, '_, '_> {
    fn put(&mut self, batch: BoxBatch) -> Flow {
        let Some((worker, rest)) = self.workers.split_first_mut() else {
            unreachable!("a sink emits nothing")
        };
        let mut batch = altered(batch, self.row.flaw);
        loop {
            if self.row.enough_at.is_some_and(|enough| rest.len() >= enough) || self.row.error.is_some() {
                return Flow::Break(());
            }
            if let Err(stopped) = self.row.check() {
                self.row.error = Some(stopped);
                return Flow::Break(());
            }
            let behind = rest.len();
            let ran = if self.row.flaw == Flaw::LosesOutputsOfFailedBatches {
                let mut kept = Keep(Vec::new());
                let ran = worker.run(&mut *batch, 64, &mut kept);
                let mut down = Down { row: self.row, workers: rest };
                if ran.is_ok() {
                    kept.0.into_iter().for_each(|batch| _ = down.put(batch));
                }
                ran
            } else {
                worker.run(&mut *batch, 64, &mut Down { row: self.row, workers: rest })
            };
            match ran {
                Ok(Ran::More(_)) => continue,
                Ok(Ran::Done(_)) => {}
                Ok(Ran::Enough(_)) => {
                    let row = &mut *self.row;
                    row.enough_at = Some(row.enough_at.map_or(behind, |enough| enough.min(behind)));
                }
                Err(_)
                    if self.row.enough_at.is_some() && self.row.flaw != Flaw::CountsFailuresBehindTheEnd =>
                {
                    return Flow::Break(());
                }
                Err(error) => {
                    self.row.error.get_or_insert(error);
                    return Flow::Break(());
                }
            }
            if self.row.error.is_none() && behind > 0 {
                worker.flush(&mut Down { row: self.row, workers: rest });
            }
            return if self.row.enough_at.is_some() { Flow::Break(()) } else { Flow::Continue(()) };
        }
    }
}

/// What a flaw makes of a batch on its way.
fn altered(mut batch: BoxBatch, flaw: Flaw) -> BoxBatch {
    match flaw {
        Flaw::LosesPositions => {
            if let Some(items) = batch.as_any().downcast_mut::<Items<u64>>() {
                let items: Vec<u64> = items.collect();
                return Box::new(Items::new(0, items));
            }
        }
        // As if an attempt that failed had left something behind.
        Flaw::HandsOnTwice => {
            if let Some(items) = batch.as_any().downcast_mut::<Items<Num>>() {
                let items: Vec<Num> = items.flat_map(|item| [item; 2]).collect();
                return Box::new(Items::new(0, items));
            }
        }
        _ => {}
    }
    batch
}

struct Keep(Vec<BoxBatch>);

impl Outlet for Keep {
    fn put(&mut self, batch: BoxBatch) -> Flow {
        self.0.push(batch);
        Flow::Continue(())
    }
}

struct Nowhere;

impl Outlet for Nowhere {
    fn put(&mut self, _: BoxBatch) -> Flow {
        unreachable!("a sink emits nothing")
    }
}

type Law = fn(&dyn Provable);

/// What a law says of an executor with this flaw; `None` if it holds.
fn says(flaw: Flaw, law: Law) -> Option<String> {
    let thrown = catch_unwind(AssertUnwindSafe(|| law(&Broken(flaw)))).err()?;
    Some(text_of(&*thrown))
}

fn text_of(thrown: &(dyn Any + Send)) -> String {
    let text = thrown.downcast_ref::<String>().cloned();
    text.or_else(|| thrown.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

#[test]
fn each_flaw_is_noticed_by_its_law_and_only_the_flaw_is() {
    let cases: [(Flaw, Law); 18] = [
        (Flaw::LosesTheLastBatch, laws::accounts_close),
        (Flaw::LosesTheLastBatch, laws::unordered_outputs_are_the_same_multiset),
        (Flaw::SwapsBatches, laws::outputs_come_in_order),
        (Flaw::SwallowsErrors, laws::the_lowest_failure_ends_the_run),
        (Flaw::CommitsAfterErrors, laws::the_lowest_failure_ends_the_run),
        (Flaw::CommitsAfterCancel, laws::cancelling_ends_the_run),
        (Flaw::ForgetsToFinishStages, laws::a_fold_takes_every_item_once),
        (Flaw::ForgetsToFinishStages, laws::the_last_group_is_not_lost),
        (Flaw::BuildsWorkersTwice, laws::each_worker_makes_its_state_once),
        (Flaw::PullsAfterTheEnd, laws::outputs_come_in_order),
        (Flaw::LeaksAPermit, laws::every_permit_comes_back),
        (Flaw::LosesPositions, laws::positions_survive_edges),
        (Flaw::HandsOnTwice, laws::an_attempt_that_failed_leaves_nothing),
        (Flaw::LosesOutputsOfFailedBatches, laws::the_lowest_failure_ends_the_run),
        (Flaw::LosesOutputsOfFailedBatches, laws::a_panic_hands_on_what_came_before_it),
        (Flaw::CountsFailuresBehindTheEnd, laws::a_failure_behind_the_end_never_happened),
        (Flaw::DropsWhatItReadWhenDrained, laws::draining_ends_the_run_well),
        (Flaw::IgnoresTheDeadline, laws::a_deadline_ends_the_run),
    ];
    for (flaw, law) in cases {
        assert_eq!(says(Flaw::None, law), None, "the law refuses an executor without flaw {flaw:?}");
        assert!(says(flaw, law).is_some(), "{flaw:?} is not noticed");
    }
}

#[test]
fn the_executor_without_a_flaw_obeys_all_laws() {
    laws::named(&Broken(Flaw::None));
    laws::random_cases(&Broken(Flaw::None), laws::seeds(0..500));
}

#[test]
fn random_pipelines_notice_what_changes_outputs() {
    for flaw in [
        Flaw::LosesTheLastBatch,
        Flaw::SwapsBatches,
        Flaw::SwallowsErrors,
        Flaw::CommitsAfterErrors,
        Flaw::ForgetsToFinishStages,
        Flaw::PullsAfterTheEnd,
        Flaw::HandsOnTwice,
        Flaw::LosesOutputsOfFailedBatches,
    ] {
        let said = says(flaw, |executor| drop(laws::random_cases(executor, 0..300)));
        let said = said.unwrap_or_else(|| panic!("{flaw:?} is not noticed"));
        // A source that is pulled after its end says so itself; everything else names its seed and the pipeline.
        let named = said.contains("PIPE_SEED=") && said.contains(".to(sink") || said.contains(".fold(");
        assert!(named || flaw == Flaw::PullsAfterTheEnd, "{flaw:?}: {said}");
    }
}

#[test]
fn a_run_that_never_returns_is_named() {
    let law = |flaw| {
        catch_unwind(move || {
            laws::a_stopped_run_returns_within(std::time::Duration::from_millis(500), move || Broken(flaw))
        })
    };
    assert!(law(Flaw::None).is_ok());
    let thrown = law(Flaw::NeverReturnsWhenStopped).expect_err("it is not noticed");
    let text = thrown.downcast_ref::<String>().expect("a text");
    assert_eq!(text, "a run that was cancelled does not return");
}

#[test]
fn runs_that_do_not_share_are_named() {
    let law = |flaw| {
        catch_unwind(|| laws::runs_share_a_budget(|budget| Sharing::new(flaw, budget), 512 << 10)).err()
    };
    assert!(law(Flaw::None).is_none());
    for (flaw, said) in [
        (Flaw::ReadsAllAtOnce, "while another one waited"),
        (Flaw::HasABudgetOfItsOwn, "did not count in the budget"),
    ] {
        let thrown = law(flaw).unwrap_or_else(|| panic!("{flaw:?} is not noticed"));
        let text = text_of(&*thrown);
        assert!(text.contains(said), "{flaw:?}: {text}");
    }
}

#[test]
fn large_batches_are_no_flaw() {
    laws::accounts_close(&Broken(Flaw::TakesLargeBatches));
    laws::positions_survive_edges(&Broken(Flaw::TakesLargeBatches));
    laws::random_cases(&Broken(Flaw::TakesLargeBatches), 0..200);
}
