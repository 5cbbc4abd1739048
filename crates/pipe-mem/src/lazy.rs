//! The executor: settings, and the loop that pulls.

use crate::prefetch::{Ahead, Prefetch, Reader};
use crate::pressure::{Pressure, PressureLevel};
use crate::sizer::BatchSizer;
use crate::watch::Watch;
use crate::weighed::Weighed;
use pipe_core::plan::{
    AnySource, Line, NoEnd, Node, Nodes, Plan, RunState, Segment, Work, Worker, discard, left, made,
};
use pipe_core::{
    Budget, Cut, Event, Executor, Feed, Inline, Iter, Last, Lower, MemorySettings, Owned, Pipeline, Profile,
    RunError,
};
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

/// Runs pipelines on the calling thread in little memory: one batch on each edge is alive, and all of them fit into the limit.
///
/// A batch is sized to take between a half and one millisecond, and to fit into half of the L2 cache.
#[derive(Debug, Clone)]
pub struct Lazy {
    memory: MemorySettings,
    pressure: Option<Pressure>,
    prefetch: Prefetch,
}

impl Lazy {
    /// Within [`default_memory_limit`](pipe_core::default_memory_limit): a batch is then as large as it is on other executors.
    pub fn new() -> Self {
        Lazy { memory: MemorySettings::default(), pressure: None, prefetch: Prefetch::Off }
    }

    /// How many bytes may be alive between source and sink. Each edge gets an equal part, so batches become smaller with the limit; one
    /// item may exceed its part, but one that alone exceeds the limit ends the run with a budget error, as do accumulators that do. Zero
    /// is a config error when the pipeline is run.
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.memory.set_limit(bytes);
        self
    }

    /// Takes from this budget, together with all other runs that do; see [`Budget`]. It is the limit of each run, unless a lower
    /// [`memory_limit`](Lazy::memory_limit) is.
    pub fn budget(mut self, budget: &Budget) -> Self {
        self.memory.set_budget(budget);
        self
    }

    /// Makes batches smaller when memory is short: their items and bytes are halved for each level. What is registered with `pressure`
    /// shrinks meanwhile, since the run asks for the level before each batch. Each change of the level is an event in the report.
    pub fn watching(mut self, pressure: &Pressure) -> Self {
        self.pressure = Some(pressure.clone());
        self
    }

    /// Whether to read the next batch while this one is worked on: worth it where the source waits, for a disk or a network. Off unless set.
    ///
    /// The batches are half as large then, so that both fit into their part of the limit. Nothing is read ahead behind an item that alone
    /// exceeds its part, nor while memory pressure is critical. What the source reads outside of
    /// [`pull`](pipe_core::Source::pull), when the batch is [loaded](pipe_core::Batch::load), is not read ahead. The thread ends with the
    /// run; a run that ends early still waits for the one read that is under way.
    pub fn prefetch(mut self, prefetch: Prefetch) -> Self {
        self.prefetch = prefetch;
        self
    }

    /// The pipeline as an iterator, pulled batch by batch. Dropping it drops the rest. It neither reads ahead nor looks at memory pressure, and takes nothing from a shared budget.
    ///
    /// Here a batch of inputs becomes outputs before the first of them is taken. If these exceed the limit, because an item becomes very
    /// many, the iteration ends with a budget error: run on this executor with a sink instead.
    ///
    /// ```
    /// use pipe_core::from_iter;
    /// use pipe_mem::Lazy;
    ///
    /// let lines = from_iter(["a b", "c"]).flat_map(|line| line.split(' '));
    /// let words: Result<Vec<_>, _> = Lazy::new().memory_limit(1 << 10).iter(lines).collect();
    /// assert_eq!(words?, ["a", "b", "c"]);
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn iter<'p, U: Feed, C, I: Owned>(&self, pipeline: Pipeline<U, C, I>) -> Iter<'p, I::T>
    where
        Cut<U, C, I::T, Last>: Lower<'p, Inline>,
    {
        pipeline.iter_within(self.memory.limit())
    }
}

impl Default for Lazy {
    fn default() -> Self {
        Self::new()
    }
}

impl<'p> Executor<'p> for Lazy {
    type Ran = Result<(), RunError>;
    type Async = Infallible;

    fn profile(&self) -> Result<Profile, RunError> {
        self.memory.profile("Lazy", 1)
    }

    fn execute(&self, plan: Plan<'p>) -> Result<(), RunError> {
        let run = plan.run().clone();
        // Never as one loop, which has no batches to weigh.
        let Nodes { mut source, nodes, first } = plan.into_nodes();
        let mut line = match workers(nodes, first, &run) {
            Ok(workers) => Line::new(run.clone(), workers),
            Err(error) => {
                discard(source);
                return Err(error);
            }
        };
        let pulled = self.pull(&mut *source, &mut line, &run);
        // A worker that was cancelled says that it has had enough. And what the source had read ahead is not needed any more while folds are
        // merged.
        let pulled = pulled.and_then(|()| run.check()).and(left(source));
        let finished = pulled.and_then(|()| line.finish(&mut NoEnd));
        // Behind the result: what it throws is the error of a run that has none.
        finished.and(left(line))
    }
}

fn workers<'p>(
    nodes: Vec<Node<'p>>,
    mut first: Option<Box<dyn Worker + 'p>>,
    run: &Arc<RunState>,
) -> Result<Vec<Box<dyn Worker + 'p>>, RunError> {
    let build = |node: Node<'p>| {
        let worker = match node.work {
            Work::Parallel(segment) => {
                first.take().map_or_else(|| Segment::worker(segment, run.clone()), Ok)?
            }
            Work::Serial(worker) => worker,
            Work::Async(never) => match never {},
        };
        Ok(Box::new(Weighed::new(worker, node.segment, run.clone())) as Box<dyn Worker + 'p>)
    };
    made(nodes.into_iter().map(build))
}

impl Lazy {
    /// Everything that the source has, through the line.
    fn pull(&self, source: &mut dyn AnySource, line: &mut Line<'_>, run: &RunState) -> Result<(), RunError> {
        let mut watch = Watch::new(self.pressure.as_ref(), run);
        if self.prefetch == Prefetch::OneBatch {
            let ran = thread::scope(|scope| {
                let ahead = Ahead::start(scope, &mut *source, run)?;
                Ok::<_, io::Error>(pull(Reader::Ahead(ahead), line, &mut watch, run))
            });
            match ran {
                Ok(pulled) => return pulled,
                Err(error) => run.note(Event::Fallback {
                    wanted: "reading one batch ahead".to_owned(),
                    got: "reading it when it is needed".to_owned(),
                    why: error.to_string(),
                }),
            }
        }
        pull(Reader::Direct(source), line, &mut watch, run)
    }
}

fn pull(
    mut reader: Reader<'_, '_>,
    line: &mut Line<'_>,
    watch: &mut Watch<'_>,
    run: &RunState,
) -> Result<(), RunError> {
    let pulled = carry_all(&mut reader, line, watch, run);
    let closed = reader.close();
    pulled.and(closed)
}

/// Carries one batch after the other through the line, until the source ends or a stage has had enough.
fn carry_all(
    reader: &mut Reader<'_, '_>,
    line: &mut Line<'_>,
    watch: &mut Watch<'_>,
    run: &RunState,
) -> Result<(), RunError> {
    let part = run.batch_bytes() / reader.batches();
    let mut sizer = BatchSizer::new(part);
    loop {
        run.check()?;
        let level = watch.level()?;
        let started = Instant::now();
        let Some(batch) = reader.next(sizer.want(level))? else { return Ok(()) };
        if level < PressureLevel::Critical && batch.bytes() <= part {
            reader.begin(sizer.want(level));
        }
        let before = line.taken();
        if line.carry(batch, &mut NoEnd)?.is_break() {
            return Ok(());
        }
        sizer.learn((line.taken() - before) as usize, started.elapsed());
    }
}
