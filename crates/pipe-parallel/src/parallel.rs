//! The executor: settings, threads, and the end of a run.

use crate::alone::{Alone, alone};
use crate::crew::Crew;
use crate::gate::Gate;
use pipe_core::plan::{Node, Nodes, Plan, RunState, Segment, Worker};
use pipe_core::{Event, Executor, RunError};
use std::sync::Arc;
use std::thread;

/// Runs pipelines on several workers, the calling thread among them.
///
/// Outputs come in input order unless the pipeline is `.unordered()`.
#[derive(Debug, Clone)]
pub struct Parallel {
    /// `None`: as many as there are cores for this process.
    workers: Option<usize>,
    memory_limit: usize,
}

/// Bytes in flight unless set.
const MEMORY_LIMIT: usize = 256 << 20;

impl Parallel {
    /// One worker per core that this process may use, at most 256 MiB in flight.
    pub fn new() -> Self {
        Parallel { workers: None, memory_limit: MEMORY_LIMIT }
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
        self.memory_limit = bytes;
        self
    }

    fn check(&self) -> Result<usize, RunError> {
        let config = |field, why| Err(RunError::Config { field, value: "0".to_owned(), why });
        match (self.workers, self.memory_limit) {
            (Some(0), _) => config("workers", "at least the calling thread is a worker"),
            (_, 0) => config("memory_limit", "no batch could be read"),
            (Some(workers), _) => Ok(workers),
            (None, _) => Ok(thread::available_parallelism().map_or(1, usize::from)),
        }
    }
}

impl Default for Parallel {
    fn default() -> Self {
        Self::new()
    }
}

impl<'p> Executor<'p> for Parallel {
    fn execute(&self, plan: Plan<'p>) -> Result<(), RunError> {
        let workers = self.check()?;
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
        let (segments, sink) = stops(nodes.nodes);
        let order = run.order(segments.len() - 1);
        let gate = Gate::new(sink, order, workers, self.memory_limit, run.clone());
        let crew = Crew::new(nodes.source, segments, gate, workers, self.memory_limit, run.clone());
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
        match node {
            Node::Parallel(segment) => segments.push(segment),
            Node::Serial(worker) => sink = Some(worker),
        }
    }
    (segments, sink.expect("a plan ends in a serial node"))
}
