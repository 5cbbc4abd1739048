//! The executor: settings, and a plan taken apart. What differs from runtime to runtime is in `runtime`.

use crate::blocking::Blocking;
use crate::conductor::{Conductor, Part};
use crate::in_task::InTask;
use crate::runtime::Runtime;
use crate::stretch::{Input, Stretch};
use pipe_core::plan::{Node, Nodes, Plan, RunState, Work};
use pipe_core::{Budget, MemorySettings, Profile, RunError};
use std::future::poll_fn;
use std::marker::PhantomData;

/// Runs pipelines with async stages on a runtime `R`: operations in the task that awaits the run, sync stages on threads of
/// their own unless [`in_task`](Async::in_task) says otherwise.
#[derive(Debug, Clone)]
pub struct Async<R> {
    memory: MemorySettings,
    pub(crate) shards: usize,
    runtime: PhantomData<fn() -> R>,
}

impl<R> Async<R> {
    pub(crate) fn new() -> Self {
        Async { memory: MemorySettings::default(), shards: 1, runtime: PhantomData }
    }

    /// How many bytes may be in flight between source and sink: batches on edges, items whose operations are in flight, these operations
    /// (their futures, not what they own elsewhere), items that wait for their key, copies for another attempt, outputs that wait for their turn and their places. Zero is a config error when the pipeline is run; one
    /// item that is larger ends the run with a budget error.
    ///
    /// What an operation will give is not known before: until the first of a stage is over, its outputs are taken to be as large as their
    /// type, later as large as the mean. One batch on each edge, and one operation of each stage, may exceed the limit.
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.memory.set_limit(bytes);
        self
    }

    /// Takes from this budget, together with all other runs that do; see [`Budget`]. It is the limit of each run, unless a lower
    /// [`memory_limit`](Async::memory_limit) is.
    pub fn budget(mut self, budget: &Budget) -> Self {
        self.memory.set_budget(budget);
        self
    }

    /// The same, with source, sync stages and sink in the task as well, a batch at a time between its looks at the operations: no thread is
    /// started or woken. For many small waits with little to do between them, such as requests over connections that are kept, and
    /// for short runs.
    ///
    /// The run is a [`LocalRunning`](crate::LocalRunning), since a stage's state may be `!Send`: awaited where it is made, by `block_on` or in a task
    /// of a `LocalSet`. So operations need not be `Send` either.
    ///
    /// In return nothing in the pipeline may block: not source, stages or sink, not a wait between the attempts of a sync stage. While one
    /// does no operation goes on; and one that waits for an operation waits for ever, as an iterator over a channel that operations
    /// fill. Nor can one wait for room: an item of which more comes than the memory limit allows, in front of an async stage, ends
    /// the run with a budget error. Async stages that have [shards](Async::shards) keep their threads.
    ///
    /// ```
    /// use pipe_async::Async;
    /// use pipe_core::from_iter;
    /// use std::cell::Cell;
    /// use std::rc::Rc;
    ///
    /// thread_local!(static ASKED: Rc<Cell<u64>> = Rc::default());
    ///
    /// let report = from_iter(0..1_000u64)
    ///     .map_async(|n| {
    ///         let asked = ASKED.with(Rc::clone);
    ///         async move {
    ///             asked.set(asked.get() + 1);
    ///             n * n
    ///         }
    ///     })
    ///     .fold(|| 0, |sum, n| *sum += n, |all, part| *all += part)
    ///     .run_on(&Async::tokio().in_task().blocking())?;
    /// assert_eq!((report.value, ASKED.with(|asked| asked.get())), (332_833_500, 1_000));
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn in_task(self) -> Async<InTask<R>> {
        Async { memory: self.memory, shards: self.shards, runtime: PhantomData }
    }

    /// The same for programs without a runtime: `run_on` waits for the run.
    pub fn blocking(self) -> Blocking<R> {
        Blocking { inner: self }
    }

    pub(crate) fn profile_as(&self, name: &'static str) -> Result<Profile, RunError> {
        if self.shards == 0 {
            let (field, value) = ("shards", "0".to_owned());
            return Err(RunError::Config { field, value, why: "no operation could be started" });
        }
        self.memory.profile(name, 1)
    }

    pub(crate) fn with_shards(mut self, shards: usize) -> Self {
        self.shards = shards;
        self
    }
}

/// The run of a plan, to be polled on `R`.
///
/// The plan is taken apart at once and not in the future: it is not `Send`, its parts are.
pub(crate) fn running<R: Runtime, A, D: Fn(A) -> Box<R::Worker>>(
    plan: Plan<'static, A>,
    driver: D,
) -> impl Future<Output = Result<(), RunError>> + use<R, A, D> {
    let run = plan.run().clone();
    let parts = parts::<R, A>(plan.into_nodes(), &run, driver);
    async move {
        let mut conductor = Conductor::start(parts, run)?;
        poll_fn(|cx| conductor.poll(cx)).await
    }
}

/// Sync nodes between two async ones become a stretch; without any there is none. In front of a node that keeps items
/// for a time a stretch of the source ends: while the source blocks, its thread could not look at their age.
fn parts<R: Runtime, A>(
    plan: Nodes<'static, A>,
    run: &RunState,
    driver: impl Fn(A) -> Box<R::Worker>,
) -> Vec<Part<R>> {
    debug_assert!(plan.first.is_none(), "nobody has run a part of this plan");
    let mut parts = Vec::new();
    let mut open = Some(Stretch { input: Input::Source(plan.source), nodes: Vec::new(), output: None });
    for Node { segment, work } in plan.nodes {
        let work = match work {
            Work::Parallel(segment) => Work::Parallel(segment),
            Work::Serial(worker) => Work::Serial(worker),
            Work::Async(stage) => {
                let before = open.take().map(|stretch| Stretch { output: Some(parts.len()), ..stretch });
                parts.extend(before.map(Part::Stretch));
                parts.push(Part::Driver(driver(stage)));
                continue;
            }
        };
        if run.age(segment).is_some()
            && let Some(sourced) = open.take_if(|open| matches!(open.input, Input::Source(_)))
        {
            parts.push(Part::Stretch(Stretch { output: Some(parts.len()), ..sourced }));
        }
        let input = || Input::Edge(parts.len() - 1);
        let stretch = open.get_or_insert_with(|| Stretch { input: input(), nodes: Vec::new(), output: None });
        stretch.nodes.push(Node { segment, work });
    }
    parts.extend(open.map(Part::Stretch));
    parts
}
