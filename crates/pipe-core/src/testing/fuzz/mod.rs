//! An executor that runs a plan as if several workers did, in an order that a seed decides.

mod floor;
mod serve;

use crate::budget::Budget;
use crate::error::RunError;
use crate::executor::{Executor, Profile};
use crate::left::left;
use crate::memory_settings::MemorySettings;
use crate::plan::{Loop, Plan, Ran, RunState};
use crate::testing::{Rng, VirtualClock};
use floor::Floor;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Shakes pipelines: one thread, a few *virtual* workers, and at each step a seeded choice of who goes on, with which batch, for how many
/// items, whether a batch is split and who gets which half.
///
/// So one run covers schedules that threads show once in a thousand runs, and a seed that fails fails again. It obeys all laws, and is
/// short enough to be read as the reference for authors of executors: everything that a parallel one has to keep is in it, without a lock.
///
/// ```
/// use pipe_core::from_iter;
/// use pipe_core::testing::Fuzz;
///
/// let fuzz = Fuzz::new(7);
/// let squares = from_iter(0..100u64).map(|n| n * n).edge().filter(|n| n % 2 == 0).collect().run_on(&fuzz)?;
/// assert_eq!(squares.value[3], 36);
/// let first = fuzz.trace(); // every step of the last run
/// from_iter(0..100u64).map(|n| n * n).edge().filter(|n| n % 2 == 0).collect().run_on(&fuzz)?;
/// assert_eq!(fuzz.trace(), first);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Debug)]
pub struct Fuzz {
    seed: u64,
    memory: MemorySettings,
    clock: VirtualClock,
    trace: Mutex<Vec<Step>>,
}

/// One step of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The plan ran as one loop for this many items at most.
    Looped(usize),
    /// Up to this many items were asked of the source.
    Pulled(usize),
    /// A batch was split before node `node`.
    Split {
        /// Where it waited.
        node: usize,
    },
    /// A worker ran.
    Ran {
        /// Which node.
        node: usize,
        /// Which of its workers.
        worker: usize,
        /// How many items it was allowed.
        limit: usize,
        /// How many it took.
        items: usize,
    },
    /// A worker was finished.
    Finished {
        /// Which node.
        node: usize,
        /// Which of its workers.
        worker: usize,
    },
}

impl Fuzz {
    /// The schedules of this seed. Every run takes the same one, as far as its pipeline lets it.
    pub fn new(seed: u64) -> Self {
        let mut memory = MemorySettings::default();
        memory.set_limit(16 << 20);
        Fuzz { seed, memory, clock: VirtualClock::new(), trace: Mutex::default() }
    }

    /// How many bytes may be in flight: 16 MiB unless set. Zero is a `Config` error.
    #[must_use]
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.memory.set_limit(bytes);
        self
    }

    /// Takes from this budget, together with all other runs that do.
    #[must_use]
    pub fn budget(mut self, budget: &Budget) -> Self {
        self.memory.set_budget(budget);
        self
    }

    /// A clock that each step advances by up to a millisecond, for [`Whole::clocked_by`](crate::Whole::clocked_by).
    pub fn clock(&self) -> VirtualClock {
        self.clock.clone()
    }

    /// What the last run did.
    pub fn trace(&self) -> Vec<Step> {
        self.trace.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Two would meet all cases; a third one makes them come sooner.
const MOST_WORKERS: u64 = 3;

impl<'p> Executor<'p> for Fuzz {
    type Ran = Result<(), RunError>;
    type Async = Infallible;

    fn profile(&self) -> Result<Profile, RunError> {
        let workers = 1 + Rng::new(self.seed).below(MOST_WORKERS) as usize;
        self.memory.profile("Fuzz", workers)
    }

    fn execute(&self, plan: Plan<'p>) -> Result<(), RunError> {
        let run = plan.run().clone();
        let mut dice = Dice { rng: Rng::new(self.seed), clock: self.clock.clone(), steps: Vec::new() };
        let ended = self.run(plan, &run, &mut dice);
        *self.trace.lock().unwrap_or_else(PoisonError::into_inner) = dice.steps;
        ended
    }
}

impl Fuzz {
    fn run<'p>(&self, plan: Plan<'p>, run: &Arc<RunState>, dice: &mut Dice) -> Result<(), RunError> {
        let nodes = match plan.into_loop() {
            Err(nodes) => nodes,
            Ok(mut whole) => match alone(&mut *whole, run, dice) {
                Ok(Alone::Pauses) => whole.open(),
                ended => return ended.map(drop).and(left(whole)),
            },
        };
        let workers = run.profile().workers;
        run.note_workers(workers);
        let mut floor = Floor::new(nodes, workers, run.clone(), dice)?;
        let ran = floor.run();
        ran.and(left(floor))
    }
}

/// How far a loop came.
enum Alone {
    Ended,
    Pauses,
}

/// Runs the loop for a few steps, or to its end.
fn alone<'p>(whole: &mut (dyn Loop<'p> + 'p), run: &RunState, dice: &mut Dice) -> Result<Alone, RunError> {
    for _ in 0..dice.below(6) {
        run.check()?;
        let limit = dice.items();
        dice.step(Step::Looped(limit));
        match whole.run(limit)? {
            Ran::More(_) => {}
            Ran::Done(_) | Ran::Enough(_) => {
                run.check()?;
                whole.finish()?;
                return Ok(Alone::Ended);
            }
        }
    }
    run.check()?;
    Ok(Alone::Pauses)
}

/// The choices, and what was chosen.
pub(crate) struct Dice {
    rng: Rng,
    clock: VirtualClock,
    steps: Vec<Step>,
}

/// Traces longer than this are of no use to anybody.
const MOST_STEPS: usize = 100_000;

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.rng.below(end as u64) as usize
    }

    /// True once in this many times.
    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// How many items to go on for: one, a few, as many as there are.
    fn items(&mut self) -> usize {
        match self.below(6) {
            0 => 1,
            1 => 1 + self.below(3),
            2 => 1 + self.below(20),
            3 => 1 + self.below(300),
            _ => 8192,
        }
    }

    fn step(&mut self, step: Step) {
        self.clock.advance(Duration::from_micros(self.rng.below(1_000)));
        if self.steps.len() < MOST_STEPS {
            self.steps.push(step);
        }
    }
}
