//! A plan as a line of workers on one thread: pulls a batch, pushes it through all of them.
//!
//! A full output batch is handed to the next worker at once, inside the `emit` that filled it. So one batch per edge is alive, however
//! many outputs an item has.

use crate::error::RunError;
use crate::pace::Pace;
use crate::plan::{AnySource, BoxBatch, Node, Outlet, Plan, Ran, Segment, Worker};
use crate::run::RunState;
use crate::source::Want;
use crate::stage::Flow;
use std::sync::Arc;
use std::time::Instant;

/// What a pull asks for at most. 256 KiB is what one read brings at the best rate; 4,096 items of 10 ns are a batch of 40 us.
const WANT: Want = Want { items: 4096, bytes: 256 << 10 };

pub(crate) struct Line<'p> {
    source: Box<dyn AnySource + 'p>,
    stops: Vec<Stop<'p>>,
    status: Status,
    /// Sizes batches, so that a slow source or heavy items do not fill 4,096 of them before the first comes out.
    pace: Pace,
    /// The next worker to finish, once the source is at its end.
    finishing: usize,
}

struct Stop<'p> {
    worker: Box<dyn Worker + 'p>,
    pace: Pace,
    enough: bool,
}

struct Status {
    run: Arc<RunState>,
    /// The first error wins: a worker hands on what it emitted before it reports its own failure, so an error further down belongs to an
    /// earlier item.
    error: Option<RunError>,
    /// The source need not be asked again.
    ended: bool,
}

impl<'p> Line<'p> {
    pub(crate) fn new(plan: Plan<'p>) -> Self {
        let run = plan.run;
        let stop = |node| {
            let worker = match node {
                Node::Parallel(segment) => Segment::worker(segment, run.clone()),
                Node::Serial(worker) => worker as Box<dyn Worker + 'p>,
            };
            Stop { worker, pace: Pace::new(Pace::SLICE, usize::MAX), enough: false }
        };
        let stops = plan.nodes.into_iter().map(stop).collect();
        let status = Status { run, error: None, ended: false };
        Line { source: plan.source, stops, status, pace: Pace::new(Pace::BATCH, WANT.items), finishing: 0 }
    }

    /// Carries one batch to the end, or finishes one worker. False when all is done.
    pub(crate) fn step(&mut self, end: &mut dyn Outlet) -> Result<bool, RunError> {
        if self.status.run.is_cancelled() {
            return Err(RunError::Cancelled);
        }
        if !self.status.ended {
            self.carry(end)?;
            return Ok(true);
        }
        let at = self.finishing;
        if at == self.stops.len() {
            return Ok(false);
        }
        self.finishing += 1;
        let (stop, rest) = self.stops[at..].split_first_mut().expect("`at` is in range");
        let finished = stop.worker.finish(&mut Down { stops: rest, status: &mut self.status, end });
        if let Err(error) = finished {
            self.status.error.get_or_insert(error);
        }
        self.status.error.take().map_or(Ok(true), Err)
    }

    fn carry(&mut self, end: &mut dyn Outlet) -> Result<(), RunError> {
        let started = Instant::now();
        let want = Want { items: self.pace.items(), ..WANT };
        let Some(batch) = self.source.pull(want)? else {
            self.status.ended = true;
            return Ok(());
        };
        let _ = Down { stops: &mut self.stops, status: &mut self.status, end }.put(batch);
        // Sources that count bytes gave another number of items; then the pace of items does not matter.
        self.pace.learn(want.items, started.elapsed());
        self.status.error.take().map_or(Ok(()), Err)
    }
}

/// The rest of the line.
struct Down<'l, 'p> {
    stops: &'l mut [Stop<'p>],
    status: &'l mut Status,
    end: &'l mut dyn Outlet,
}

impl Outlet for Down<'_, '_> {
    fn put(&mut self, batch: BoxBatch) -> Flow {
        match self.stops.split_first_mut() {
            None => self.end.put(batch),
            Some((stop, rest)) => {
                stop.run(batch, &mut Down { stops: rest, status: self.status, end: self.end })
            }
        }
    }
}

impl Stop<'_> {
    fn run(&mut self, mut batch: BoxBatch, down: &mut Down<'_, '_>) -> Flow {
        while !self.enough && down.status.error.is_none() {
            if down.status.run.is_cancelled() {
                down.status.error = Some(RunError::Cancelled);
                break;
            }
            let started = Instant::now();
            match self.worker.run(&mut *batch, self.pace.items(), down) {
                Ok(Ran::More(items)) => self.pace.learn(items, started.elapsed()),
                Ok(Ran::Done(items)) => {
                    self.pace.learn(items, started.elapsed());
                    break;
                }
                Ok(Ran::Enough(_)) => {
                    self.enough = true;
                    down.status.ended = true;
                }
                Err(error) => {
                    down.status.error.get_or_insert(error);
                    return Flow::Break(());
                }
            }
        }
        if down.status.error.is_none() {
            self.worker.flush(down);
        }
        if self.enough || down.status.error.is_some() { Flow::Break(()) } else { Flow::Continue(()) }
    }
}
