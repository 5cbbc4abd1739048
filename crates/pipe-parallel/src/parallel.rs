//! The executor: settings, threads, and the end of a run.

use crate::alone::{Alone, alone};
use crate::crew::{Crew, Head, Strength};
use crate::loan::lend;
use crate::one_thread::one_thread;
use crate::processors::processors;
use crate::stretch::stretches;
use crate::thread_pool::{Caller, Refused, ThreadPool};
use crate::tuning::Bounds;
use pipe_core::plan::{Nodes, Plan, RunState};
use pipe_core::{Budget, Event, Executor, MemorySettings, Profile, RunError, Want};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// Runs pipelines on several workers, the calling thread among them.
///
/// Outputs come in input order unless the pipeline is `.unordered()`. Serial stages may stand anywhere: one worker at a time runs them,
/// in input order, while the others work before and behind.
///
/// A stage of one's own that ends the run (`Break`) ends it at its first item that does, in input order. Accumulators of the same
/// segment may then hold later items, unless all of these end it too; behind a serial stage, such as `take`, they hold none.
#[derive(Debug, Clone)]
pub struct Parallel {
    /// `None`: as many as there are cores for this process.
    workers: Option<usize>,
    memory: MemorySettings,
    /// `None`: that of the process.
    pool: Option<ThreadPool>,
    /// The most items in a batch that is pulled.
    batch: usize,
    /// The longest that an item waits for others to make a batch with it.
    max_delay: Option<Duration>,
    start: Start,
}

/// When the other workers are started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    /// When it has been measured that they pay.
    WhenItPays,
    /// The same, and as many as do.
    Tuned,
    /// Before anything is pulled, which waits for all of them: for tests.
    AtOnce,
}

impl Parallel {
    /// One worker per core that this process may use, and at most [`default_memory_limit`](pipe_core::default_memory_limit) bytes in flight.
    pub fn new() -> Self {
        let (memory, batch) = (MemorySettings::default(), Want::MOST.items);
        Parallel { workers: None, memory, pool: None, batch, max_delay: None, start: Start::WhenItPays }
    }

    /// As [`new`](Parallel::new), and tunes itself by the head of the data: how many workers, how large batches at most, how many of them under
    /// way. The report says what was chosen and why ([`Event::Tuned`]), or why the run stayed on the calling thread
    /// ([`Event::StayedInline`]): because its items are cheap, or few.
    ///
    /// The calling thread runs the first few hundred microseconds of the data alone, as part of the run, and measures source, stages and sink
    /// apart. Settings are bounds: with [`workers`](Parallel::workers) there are at most that many.
    ///
    /// ```
    /// use pipe_core::{Event, from_iter};
    /// use pipe_parallel::Parallel;
    ///
    /// let report = from_iter(0..100u64).map(|n| n + 1).collect().run_on(&Parallel::auto().workers(4))?;
    /// for event in &report.events {
    ///     match event {
    ///         Event::Tuned { workers, why, .. } => println!("{workers} workers: {why}"),
    ///         Event::StayedInline { why, .. } => println!("one worker: {why}"),
    ///         other => println!("{other}"),
    ///     }
    /// }
    /// assert_eq!(report.value.len(), 100);
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn auto() -> Self {
        Parallel { start: Start::Tuned, ..Self::new() }
    }

    /// Sets the number of workers, the calling thread included. Zero is a `Config` error when the pipeline is run. The others come from the pool
    /// of the process, or that of [`pool`](Parallel::pool), as soon as they are free.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// How many bytes may be in flight between source and sink: inputs being worked on, outputs that wait for their turn, what stages
    /// accumulate. The input batches of all workers are reserved first. Outputs may exceed the limit by the buffers that are being
    /// filled or handed on, of 64 KiB: two per worker and row of parallel stages, one per serial stage.
    ///
    /// Zero is a config error when the pipeline is run; a batch of one item that is larger than the limit ends the run with a budget
    /// error.
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.memory.set_limit(bytes);
        self
    }

    /// Takes from this budget, together with all other runs that do; see [`Budget`]. It is the limit of each run, unless a lower
    /// [`memory_limit`](Parallel::memory_limit) is.
    pub fn budget(mut self, budget: &Budget) -> Self {
        self.memory.set_budget(budget);
        self
    }

    /// Takes its helpers from this pool, together with all other runs that do. Unless [`workers`](Parallel::workers) says otherwise, up to all
    /// of its threads. See [`ThreadPool`].
    pub fn pool(mut self, pool: &ThreadPool) -> Self {
        self.pool = Some(pool.clone());
        self
    }

    /// For live sources: each item goes on as soon as it is there, instead of waiting until others make a batch with it.
    ///
    /// An item then costs about a microsecond more, and a wake where it goes to a worker that sleeps. Without this, batches follow the rate of the
    /// source too, but one that stops in the middle of a batch holds that back until it goes on.
    pub fn low_latency(mut self) -> Self {
        self.batch = 1;
        self
    }

    /// For live sources that are quick at times: no item waits for longer than `delay` until others make a batch with it. Batches are as large as
    /// the rate of the source makes them, and end by age.
    ///
    /// This concerns sources that gather items one by one, such as iterators; others give what they have at hand. It reads the clock for each
    /// item, some 20 ns. An iterator that blocks cannot be interrupted: items that it has already given for the same batch wait until it
    /// gives the next one. Where that matters, [`low_latency`](Parallel::low_latency) makes no batches at all.
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = Some(delay);
        self
    }

    /// Starts all workers before anything is pulled, and measures nothing: for tests, whose cases are too small to pay.
    #[doc(hidden)]
    pub fn spread_at_once(mut self) -> Self {
        self.start = Start::AtOnce;
        self
    }

    fn check(&self) -> Result<Profile, RunError> {
        self.memory.profile("Parallel", self.count()?)
    }

    /// How many workers.
    fn count(&self) -> Result<usize, RunError> {
        match self.workers {
            Some(0) => {
                let (value, why) = ("0".to_owned(), "at least the calling thread is a worker");
                Err(RunError::Config { field: "workers", value, why })
            }
            Some(workers) => Ok(workers),
            None => Ok(self.pool.as_ref().map_or_else(processors, |pool| pool.threads().saturating_add(1))),
        }
    }
}

impl Default for Parallel {
    fn default() -> Self {
        Self::new()
    }
}

impl<'p> Executor<'p> for Parallel {
    type Ran = Result<(), RunError>;
    type Async = Infallible;

    fn profile(&self) -> Result<Profile, RunError> {
        self.check()
    }

    fn execute(&self, plan: Plan<'p>) -> Result<(), RunError> {
        // Its own, and not those of the run's profile: an executor that chooses among others says the most of them.
        let workers = self.count()?;
        let run = plan.run().clone();
        let mut longest = Duration::ZERO;
        let nodes = match plan.into_loop() {
            Err(nodes) => nodes,
            Ok(whole) if self.start == Start::AtOnce => whole.open(),
            Ok(whole) => match alone(whole, workers, &run)? {
                Alone::Ended => return Ok(()),
                Alone::Opened { nodes, longest: slice } => {
                    longest = slice;
                    nodes
                }
            },
        };
        let processors = match self.start {
            Start::WhenItPays | Start::Tuned => processors(),
            Start::AtOnce => workers,
        };
        let bounds = Bounds::new(workers, self.batch);
        let strength = Strength { bounds, processors, max_delay: self.max_delay };
        let began = Began { nodes, longest, start: self.start };
        match (&self.pool, self.start) {
            (Some(pool), _) => together(began, strength, pool, &run),
            // A run that waits for all of them may not share: others might be waiting as well, each for the threads of the other.
            (None, Start::AtOnce) => {
                together(began, strength, &ThreadPool::new(workers.saturating_mul(2)), &run)
            }
            (None, _) => together(began, strength, ThreadPool::of_process(), &run),
        }
    }
}

/// A run that is not over yet.
struct Began<'p> {
    nodes: Nodes<'p>,
    /// The longest slice of what the calling thread has done of it.
    longest: Duration,
    start: Start,
}

/// Runs the nodes on the calling thread and on those that it starts when they pay.
fn together<'p>(
    Began { nodes, longest, start }: Began<'p>,
    strength: Strength,
    pool: &ThreadPool,
    run: &Arc<RunState>,
) -> Result<(), RunError> {
    let mut stretches = stretches(nodes.nodes, run);
    if let [only] = &mut stretches[..]
        && only.row.is_empty()
    {
        return one_thread(nodes.source, std::mem::take(&mut only.gate), strength, run);
    }
    let processors = strength.processors;
    let crew = Crew::new(nodes.source, stretches, strength, run.clone());
    // Before this thread is a worker itself.
    let caller = Caller::here();
    lend(&|| crew.help(), |loan| {
        let invite = || {
            let workers = crew.hired();
            let invited = pool.invite(loan, workers - 1, caller, processors);
            if let Err(Refused { helpers, error }) = &invited {
                run.note(Event::FewerWorkers { wanted: workers, got: 1 + helpers, why: error.to_string() });
            }
            invited.is_ok()
        };
        crew.call_from(pool, loan);
        crew.lead(Head { first: nodes.first, longest }, start, invite);
        pool.withdraw(loan);
    });
    run.note_workers(crew.workers());
    crew.close()
}
