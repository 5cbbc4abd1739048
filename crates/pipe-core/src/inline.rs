//! The reference executor: the calling thread, one batch at a time.

use crate::budget::Budget;
use crate::error::RunError;
use crate::executor::{Executor, Profile};
use crate::left::{discard, left, made};
use crate::line::Line;
use crate::memory_settings::MemorySettings;
use crate::pace::Pace;
use crate::plan::{AnySource, Loop, NoEnd, Node, Nodes, Outlet, Plan, Ran, RunState, Segment, Work, Worker};
use crate::source::Want;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Runs a pipeline on the calling thread, one batch alive at a time.
///
/// The shortest way from source to sink, and the measure of every other executor. Use it for cheap work (below some 6 ns per item,
/// threads lose), for small inputs, in tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct Inline;

impl Inline {
    /// The same with a limit of its own, see [`MemorySettings`]: its accumulators count in it, and batches become smaller with it. What it
    /// has of batches is not weighed.
    pub fn memory_limit(self, bytes: usize) -> InlineWithin {
        InlineWithin::default().memory_limit(bytes)
    }

    /// The same with a budget that it shares with other runs, see [`MemorySettings`]: its accumulators count in it. What it has of batches is
    /// not weighed.
    pub fn budget(self, budget: &Budget) -> InlineWithin {
        InlineWithin::default().budget(budget)
    }
}

/// [`Inline`] with settings of memory: what [`Inline::memory_limit`] and [`Inline::budget`] give.
#[derive(Debug, Clone, Default)]
pub struct InlineWithin {
    memory: MemorySettings,
}

impl InlineWithin {
    /// See [`Inline::memory_limit`].
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.memory.set_limit(bytes);
        self
    }

    /// See [`Inline::budget`].
    pub fn budget(mut self, budget: &Budget) -> Self {
        self.memory.set_budget(budget);
        self
    }
}

impl<'p> Executor<'p> for InlineWithin {
    type Ran = Result<(), RunError>;
    type Async = Infallible;

    fn profile(&self) -> Result<Profile, RunError> {
        self.memory.profile("Inline", 1)
    }

    fn execute(&self, plan: Plan<'p>) -> Result<(), RunError> {
        Inline.execute(plan)
    }
}

impl<'p> Executor<'p> for Inline {
    type Ran = Result<(), RunError>;
    type Async = Infallible;

    fn profile(&self) -> Result<Profile, RunError> {
        MemorySettings::default().profile("Inline", 1)
    }

    fn execute(&self, plan: Plan<'p>) -> Result<(), RunError> {
        let run = plan.run().clone();
        match plan.into_loop() {
            Ok(mut whole) => {
                let ran = run_loop(&mut *whole, &run);
                // Behind the result: what it throws is the error of a run that has none.
                ran.and(left(whole))
            }
            Err(nodes) => {
                let mut line = PullLine::new(nodes, run)?;
                let ran = run_line(&mut line);
                ran.and(left(line))
            }
        }
    }
}

fn run_line(line: &mut PullLine<'_>) -> Result<(), RunError> {
    while line.step(&mut NoEnd)? {}
    Ok(())
}

fn run_loop<'p>(whole: &mut (dyn Loop<'p> + 'p), run: &RunState) -> Result<(), RunError> {
    // Long enough for the look at clock, deadline and accumulators to cost nothing.
    let mut pace = Pace::new(Duration::from_millis(10), usize::MAX);
    loop {
        run.check()?;
        let started = Instant::now();
        match whole.run(pace.items())? {
            Ran::More(items) => pace.learn(items, started.elapsed()),
            Ran::Done(_) | Ran::Enough(_) => {
                run.check()?;
                return whole.finish();
            }
        }
    }
}

/// A whole plan on one thread, moved on step by step.
pub(crate) struct PullLine<'p> {
    source: Box<dyn AnySource + 'p>,
    line: Line<'p>,
    run: Arc<RunState>,
    /// Sizes batches, so that a slow source or heavy items do not fill 4,096 of them before the first comes out.
    pace: Pace,
    ended: bool,
    finished: bool,
}

impl<'p> PullLine<'p> {
    pub(crate) fn new(plan: Nodes<'p>, run: Arc<RunState>) -> Result<Self, RunError> {
        let Nodes { source, nodes, mut first } = plan;
        let build = |node: Node<'p>| match node.work {
            Work::Parallel(segment) => first.take().map_or_else(|| Segment::worker(segment, run.clone()), Ok),
            Work::Serial(worker) => Ok(worker as Box<dyn Worker + 'p>),
            Work::Async(never) => match never {},
        };
        let workers = match made(nodes.into_iter().map(build)) {
            Ok(workers) => workers,
            Err(error) => {
                discard(source);
                return Err(error);
            }
        };
        let line = Line::new(run.clone(), workers);
        let pace = Pace::new(Pace::BATCH, Want::MOST.items);
        Ok(PullLine { source, line, run, pace, ended: false, finished: false })
    }

    /// Carries one batch to the end; at the end of the source finishes all workers. False when all is done.
    pub(crate) fn step(&mut self, end: &mut dyn Outlet) -> Result<bool, RunError> {
        self.run.check()?;
        if self.ended {
            if !self.finished {
                self.finished = true;
                self.line.finish(end)?;
                return Ok(true);
            }
            return Ok(false);
        }
        let started = Instant::now();
        let want = Want { items: self.pace.items(), bytes: self.run.batch_bytes() };
        let Some(batch) = self.source.pull(want)? else {
            self.ended = true;
            return Ok(true);
        };
        let before = self.line.taken();
        self.ended = self.line.carry(batch, end)?.is_break();
        self.pace.learn((self.line.taken() - before) as usize, started.elapsed());
        Ok(true)
    }
}
