//! The executor: settings, threads, and the end of a run.

use crate::alone::{Alone, alone};
use crate::crew::Crew;
use crate::gate::Gate;
use pipe_core::plan::{Node, Nodes, Plan, RunState, Segment, Work, Worker};
use pipe_core::{Event, Executor, Profile, RunError, default_memory_limit};
use std::convert::Infallible;
use std::sync::Arc;
use std::thread;

/// Runs pipelines on several workers, the calling thread among them.
///
/// Outputs come in input order unless the pipeline is `.unordered()`.
#[derive(Debug, Clone)]
pub struct Parallel {
    /// `None`: as many as there are cores for this process.
    workers: Option<usize>,
    /// `None`: [`default_memory_limit`].
    memory_limit: Option<usize>,
}

impl Parallel {
    /// One worker per core that this process may use, at most [`default_memory_limit`] in flight.
    pub fn new() -> Self {
        Parallel { workers: None, memory_limit: None }
    }

    /// How many workers, the calling thread included. Zero is a config error when the pipeline is run.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = Some(workers);
        self
    }

    /// How many bytes may be in flight between source and sink: inputs being worked on, outputs that wait for their turn. The input
    /// batches of all workers are reserved first; outputs of a batch may exceed the limit by two buffers of 64 KiB per
    /// worker. Zero is a
    /// config error when the pipeline is run; a batch of one item that is larger than the limit ends the run with a budget error.
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    fn check(&self) -> Result<Profile, RunError> {
        let config = |field, why| Err(RunError::Config { field, value: "0".to_owned(), why });
        match (self.workers, self.memory_limit) {
            (Some(0), _) => config("workers", "at least the calling thread is a worker"),
            (_, Some(0)) => config("memory_limit", "no batch could be read"),
            (workers, limit) => Ok(Profile {
                name: "Parallel",
                workers: workers.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from)),
                memory_limit: limit.unwrap_or_else(default_memory_limit),
            }),
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
        let workers = plan.run().profile().workers;
        let run = plan.run().clone();
        let nodes = match plan.into_loop() {
            Err(nodes) => nodes,
            Ok(whole) => match alone(whole, workers, &run)? {
                Alone::Ended => return Ok(()),
                Alone::Opened(nodes) => nodes,
            },
        };
        self.together(nodes, workers, &run)
    }
}

impl Parallel {
    fn together<'p>(&self, nodes: Nodes<'p>, workers: usize, run: &Arc<RunState>) -> Result<(), RunError> {
        let last = nodes.nodes.iter().rev().nth(1).map_or(0, |node| node.segment);
        let (segments, sink) = stops(nodes.nodes);
        let order = run.order(last);
        let limit = run.budget().limit();
        let gate = Gate::new(sink, order, workers, run.clone());
        let crew = Crew::new(nodes.source, segments, gate, workers, limit, run.clone());
        let parts = thread::scope(|scope| {
            let mut threads = Vec::new();
            let mut parts = crew.lead(nodes.first, |index| {
                let crew = &crew;
                let thread = thread::Builder::new().name(format!("pipe-worker-{index}"));
                match thread.spawn_scoped(scope, move || crew.help()) {
                    Ok(thread) => threads.push(thread),
                    Err(error) if index < workers => {
                        run.note(Event::FewerWorkers { wanted: workers, got: index, why: error.to_string() });
                        return false;
                    }
                    Err(_) => return false,
                }
                true
            });
            // In the order of the workers, so that accumulators are merged in a fixed order.
            for thread in threads {
                parts.extend(thread.join().expect("a worker contains all panics"));
            }
            parts
        });
        run.note_workers(crew.workers());
        crew.close(parts)
    }
}

/// The parallel segments, and the serial end.
fn stops(nodes: Vec<Node<'_>>) -> (Vec<Arc<dyn Segment<'_> + '_>>, Box<dyn Worker + Send + '_>) {
    let (mut segments, mut sink) = (Vec::new(), None);
    for node in nodes {
        match node.work {
            Work::Parallel(segment) => segments.push(segment),
            Work::Serial(worker) => sink = Some(worker),
            Work::Async(never) => match never {},
        }
    }
    (segments, sink.expect("a plan ends in a serial node"))
}
