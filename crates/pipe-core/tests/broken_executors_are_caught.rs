//! The kit itself on trial: executors with one deliberate flaw each, and the law that has to notice it.
#![cfg(feature = "testing")]

use pipe_core::plan::{BoxBatch, Line, Nodes, Outlet, Plan, Segment, Work, Worker};
use pipe_core::testing::laws;
use pipe_core::{Executor, Flow, Inline, Profile, RunError, Want};
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    LosesTheLastBatch,
    SwapsBatches,
    SwallowsErrors,
    CommitsAfterErrors,
    ForgetsToFinishStages,
    BuildsWorkersTwice,
    PullsAfterTheEnd,
    TakesLargeBatches,
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
        let run = plan.run().clone();
        let Nodes { mut source, nodes, .. } = plan.into_nodes();
        let mut workers: Vec<Box<dyn Worker + 'p>> = Vec::new();
        for node in nodes {
            workers.push(match node.work {
                Work::Parallel(segment) => {
                    if self.0 == Flaw::BuildsWorkersTwice {
                        drop(Segment::worker(segment.clone(), run.clone())?);
                    }
                    Segment::worker(segment, run.clone())?
                }
                Work::Serial(worker) => worker,
                Work::Async(never) => match never {},
            });
        }
        let mut sink = workers.pop().expect("the sink is last");
        let mut line = Line::new(run.clone(), workers);
        let mut held: Option<BoxBatch> = None;
        let mut failed = None;
        let items = if self.0 == Flaw::TakesLargeBatches { 100_000 } else { 64 };
        while let Some(batch) = source.pull(Want { items, bytes: 1 << 20 })? {
            let batch = match self.0 {
                Flaw::LosesTheLastBatch => held.replace(batch),
                Flaw::SwapsBatches if held.is_none() => {
                    held = Some(batch);
                    None
                }
                _ => Some(batch),
            };
            let swapped = (self.0 == Flaw::SwapsBatches && batch.is_some()).then(|| held.take()).flatten();
            for batch in [batch, swapped].into_iter().flatten() {
                match line.carry(batch, &mut Into(&mut *sink)) {
                    Ok(Flow::Continue(())) => {}
                    Ok(Flow::Break(())) => return sink.finish(&mut Nowhere),
                    Err(error) => failed = Some(error),
                }
            }
            if failed.is_some() {
                break;
            }
        }
        if self.0 == Flaw::SwapsBatches
            && let Some(batch) = held
        {
            line.carry(batch, &mut Into(&mut *sink)).map(drop)?;
        }
        match failed {
            Some(error) if self.0 == Flaw::CommitsAfterErrors => {
                sink.finish(&mut Nowhere)?;
                return Err(error);
            }
            Some(_) if self.0 == Flaw::SwallowsErrors => return sink.finish(&mut Nowhere),
            Some(error) => return Err(error),
            None => {}
        }
        if self.0 == Flaw::PullsAfterTheEnd {
            source.pull(Want { items: 1, bytes: 1 })?;
        }
        if self.0 != Flaw::ForgetsToFinishStages {
            line.finish(&mut Into(&mut *sink))?;
        }
        if run.is_cancelled() { Err(RunError::Cancelled) } else { sink.finish(&mut Nowhere) }
    }
}

/// Straight into the sink.
struct Into<'s>(&'s mut dyn Worker);

impl Outlet for Into<'_> {
    fn put(&mut self, mut batch: BoxBatch) -> Flow {
        match self.0.run(&mut *batch, usize::MAX, &mut Nowhere) {
            Ok(_) => Flow::Continue(()),
            Err(_) => Flow::Break(()),
        }
    }
}

struct Nowhere;

impl Outlet for Nowhere {
    fn put(&mut self, _: BoxBatch) -> Flow {
        unreachable!("a sink emits nothing")
    }
}

/// Whether `law` holds for an executor with this flaw.
fn holds(flaw: Flaw, law: fn(&Broken)) -> bool {
    catch_unwind(AssertUnwindSafe(|| law(&Broken(flaw)))).is_ok()
}

#[test]
fn each_flaw_is_noticed_by_its_law_and_only_the_flaw_is() {
    let order: fn(&Broken) = |executor| laws::outputs_equal_the_oracle_in_order(executor, 0..20);
    let cases: [(Flaw, fn(&Broken)); 8] = [
        (Flaw::LosesTheLastBatch, laws::accounts_close),
        (Flaw::SwapsBatches, order),
        (Flaw::SwallowsErrors, laws::the_lowest_failure_ends_the_run),
        (Flaw::CommitsAfterErrors, laws::the_lowest_failure_ends_the_run),
        (Flaw::ForgetsToFinishStages, laws::a_fold_takes_every_item_once),
        (Flaw::BuildsWorkersTwice, laws::each_worker_makes_its_state_once),
        (Flaw::PullsAfterTheEnd, order),
        (Flaw::LosesTheLastBatch, laws::unordered_outputs_are_the_same_multiset),
    ];
    for (flaw, law) in cases {
        assert!(holds(Flaw::None, law), "the law refuses an executor without the flaw");
        assert!(!holds(flaw, law), "flaw {} is not noticed", flaw as usize);
    }
}

#[test]
fn large_batches_are_no_flaw() {
    assert!(holds(Flaw::TakesLargeBatches, laws::accounts_close));
    assert!(holds(Flaw::TakesLargeBatches, laws::positions_survive_edges));
}
