//! The executor: settings, and a plan taken apart.

use crate::blocking::Blocking;
use crate::conductor::{BoxDriver, Conductor, Part};
use crate::driver::Driver;
use crate::running::Running;
use crate::runtime;
use crate::stretch::{Input, Stretch};
use pipe_core::plan::{Node, Nodes, Plan, RunState, Work};
use pipe_core::{AsyncStep, Budget, Drives, Executor, MemorySettings, Profile, RunError};
use std::future::poll_fn;
use std::marker::PhantomData;
use std::sync::Arc;

/// Runs pipelines with async stages on a runtime `R`: operations in the task that awaits the run, sync stages on threads of their own.
#[derive(Debug, Clone)]
pub struct Async<R> {
    memory: MemorySettings,
    runtime: PhantomData<fn() -> R>,
}

/// tokio, as the runtime of [`Async`].
#[derive(Debug, Clone, Copy)]
pub enum Tokio {}

impl Async<Tokio> {
    /// On tokio. The run is awaited inside a runtime, of either flavour; elsewhere it is a `Config` error. Retries and deadlines need the
    /// runtime's timers (`enable_time`), and panic without.
    pub fn tokio() -> Self {
        Async { memory: MemorySettings::default(), runtime: PhantomData }
    }
}

impl<R> Async<R> {
    /// How many bytes may be in flight between source and sink: batches on edges, items whose operations are in flight, outputs that wait
    /// for their turn. Zero is a config error when the pipeline is run; one item that is larger ends the run with a budget error.
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

    /// The same for programs without a runtime: `run_on` waits for the run.
    pub fn blocking(self) -> Blocking<R> {
        Blocking::new(self)
    }
}

impl Executor<'static> for Async<Tokio> {
    type Ran = Running;
    type Async = Stage;

    fn profile(&self) -> Result<Profile, RunError> {
        self.memory.profile("Async on tokio", 1)
    }

    fn execute(&self, plan: Plan<'static, Stage>) -> Running {
        let run = plan.run().clone();
        // Here and not in the future: a plan is not `Send`, its parts are.
        let parts = parts(plan.into_nodes());
        Running::new(runtime::tokio::unconstrained(async move {
            runtime::tokio::check()?;
            let mut conductor = Conductor::start(parts, run)?;
            poll_fn(|cx| conductor.poll(cx)).await
        }))
    }
}

/// The one place that says `Send`: tokio may move a task between threads.
impl<S: AsyncStep + 'static> Drives<'static, S> for Async<Tokio>
where
    S::Future: Send,
{
    fn drive(step: S, segment: usize, run: &Arc<RunState>) -> Stage {
        Stage { driver: Box::new(Driver::new(step, segment, run)) }
    }
}

/// An async stage, ready to be driven on tokio.
pub struct Stage {
    driver: BoxDriver,
}

/// Sync nodes between two async ones become a stretch; without any there is none.
fn parts(plan: Nodes<'static, Stage>) -> Vec<Part> {
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
                parts.push(Part::Driver(stage.driver));
                continue;
            }
        };
        let input = || Input::Edge(parts.len() - 1);
        let stretch = open.get_or_insert_with(|| Stretch { input: input(), nodes: Vec::new(), output: None });
        stretch.nodes.push(Node { segment, work });
    }
    parts.extend(open.map(Part::Stretch));
    parts
}
