//! The floor on which virtual workers meet: all batches in flight, in the order of the source.
//!
//! # The one idea
//!
//! `cells` is a list of batches in the order in which a loop on one thread would come to them. Running a batch replaces its cell by the
//! cells of its outputs, then by what is left of it. Everything else is read off the list:
//!
//! * a serial node takes a batch only if nothing before it in the list has still to come to this node: so it sees all in order;
//! * after a failure, or when a stage has had enough, what stands behind in the list is dropped, and what stands before goes on. So the
//!   lowest failure wins, whoever fails first; and a failure behind the place where a stage had enough never happened;
//! * whoever stands first in the list can always go on: worker 0 of each node is kept for it.

use super::{Dice, Step};
use crate::budget::Permit;
use crate::error::RunError;
use crate::order::Order;
use crate::plan::{AnySource, BoxBatch, Node, Nodes, RunState, Segment, Work, Worker};
use crate::source::Want;
use std::sync::Arc;

pub(super) struct Floor<'p, 'd> {
    source: Box<dyn AnySource + 'p>,
    pub(super) stations: Vec<Station<'p>>,
    pub(super) cells: Vec<Cell>,
    /// Names the next cell.
    next: u64,
    /// No more is pulled: the source is at its end, a stage had enough, or something failed.
    pub(super) ended: bool,
    /// The failure at the lowest place so far.
    pub(super) failure: Option<RunError>,
    /// The last node that had enough: what comes to it later is dropped.
    pub(super) enough: Option<usize>,
    /// The source is at its end, and workers are being finished.
    pub(super) finishing: bool,
    pub(super) run: Arc<RunState>,
    pub(super) dice: &'d mut Dice,
    virtual_workers: usize,
}

/// More than that are not read ahead, so that a run on three workers stays a small thing.
const MOST_CELLS: usize = 12;

/// A node and its workers.
pub(super) struct Station<'p> {
    pub(super) serial: bool,
    /// Whether it may take any batch, and not only the first.
    pub(super) any_order: bool,
    segment: Option<Arc<dyn Segment<'p> + 'p>>,
    pub(super) workers: Vec<Desk<'p>>,
}

/// Where a worker sits.
pub(super) enum Desk<'p> {
    /// Its worker was not needed yet.
    Unbuilt,
    Idle(Box<dyn Worker + 'p>),
    /// Holds outputs of the cell it is at, between two slices.
    Holding(Box<dyn Worker + 'p>),
    /// On the stack below.
    Busy,
    /// Failed or finished.
    Gone,
}

/// A batch in flight.
pub(super) struct Cell {
    pub(super) id: u64,
    /// The node it has to go through next.
    pub(super) node: usize,
    /// The worker that is at it.
    pub(super) owner: Option<usize>,
    /// `None` while it is being worked on.
    pub(super) batch: Option<(BoxBatch, Permit)>,
}

impl Station<'_> {
    /// Whether it is one worker that takes any batch.
    pub(super) fn takes_any(&self) -> bool {
        self.serial && self.any_order
    }
}

impl<'p, 'd> Floor<'p, 'd> {
    pub(super) fn new(
        plan: Nodes<'p>,
        virtual_workers: usize,
        run: Arc<RunState>,
        dice: &'d mut Dice,
    ) -> Result<Self, RunError> {
        let mut first = plan.first;
        let mut stations = Vec::new();
        for node in plan.nodes {
            let any_order = node.segment > 0 && run.order(node.segment - 1) == Order::Any;
            let Node { work, .. } = node;
            stations.push(match work {
                Work::Parallel(segment) => {
                    let mut workers: Vec<Desk<'p>> = (0..virtual_workers).map(|_| Desk::Unbuilt).collect();
                    // One that was used already; else one is built, so that there is one to finish.
                    let worker = match first.take() {
                        Some(worker) => worker,
                        None => segment.clone().worker(run.clone())?,
                    };
                    workers[0] = Desk::Idle(worker);
                    Station { serial: false, any_order: true, segment: Some(segment), workers }
                }
                Work::Serial(worker) => {
                    let workers = vec![Desk::Idle(worker as Box<dyn Worker + 'p>)];
                    Station { serial: true, any_order, segment: None, workers }
                }
                Work::Async(never) => match never {},
            });
        }
        Ok(Floor {
            source: plan.source,
            stations,
            cells: Vec::new(),
            next: 0,
            ended: false,
            failure: None,
            enough: None,
            finishing: false,
            run,
            dice,
            virtual_workers,
        })
    }

    /// To the end of the source, then through the finish of each node, the sink last.
    pub(super) fn run(&mut self) -> Result<(), RunError> {
        while self.step()? {}
        self.finishing = true;
        for node in 0..self.stations.len() {
            self.go_on()?;
            self.finish(node)?;
        }
        Ok(())
    }

    /// One step: pulls, or serves a batch. False when the source is at its end and nothing is in flight.
    fn step(&mut self) -> Result<bool, RunError> {
        self.go_on()?;
        let pulls = self.cells.is_empty() || self.cells.len() < MOST_CELLS && self.dice.once_in(3);
        if !self.ended && pulls && self.pull() {
            return Ok(true);
        }
        if self.cells.is_empty() {
            return Ok(!self.ended);
        }
        self.serve_any();
        Ok(true)
    }

    /// Whether the run goes on, as far as it is known from outside.
    pub(super) fn go_on(&mut self) -> Result<(), RunError> {
        if let Err(stopped) = self.run.check() {
            self.cells.clear();
            return Err(self.failure.take().unwrap_or(stopped));
        }
        match self.failure.take() {
            // Everything before it has been delivered.
            Some(failure) if self.cells.is_empty() => Err(failure),
            failure => {
                self.failure = failure;
                Ok(())
            }
        }
    }

    /// Asks the source for a batch, if there is room. True if there was.
    fn pull(&mut self) -> bool {
        let want = Want { items: self.dice.items(), bytes: 1 << (6 + self.dice.below(13)) };
        let limit = self.run.budget().limit();
        let Some(mut permit) = self.run.budget().try_take(want.bytes.min(limit / 2).max(1)) else {
            return false;
        };
        self.dice.step(Step::Pulled(want.items));
        match self.source.pull(Want { bytes: permit.bytes(), ..want }) {
            Ok(Some(batch)) if batch.bytes() > limit => {
                let refusal = self.run.budget().refusal("source", batch.bytes(), 0);
                self.fail(refusal, self.cells.len());
            }
            Ok(Some(batch)) => {
                permit.resize(batch.bytes());
                let id = self.name();
                self.cells.push(Cell { id, node: 0, owner: None, batch: Some((batch, permit)) });
            }
            Ok(None) => self.ended = true,
            Err(error) => self.fail(error, self.cells.len()),
        }
        true
    }

    /// Drops the cells from `index` on, and keeps the reason.
    pub(super) fn fail(&mut self, error: RunError, index: usize) {
        self.drop_from(index);
        self.failure = Some(error);
    }

    /// Drops the cells from `index` on, with what workers hold for them. Nothing more is pulled.
    pub(super) fn drop_from(&mut self, index: usize) {
        self.ended = true;
        for cell in self.cells.drain(index..).collect::<Vec<_>>() {
            let Some(owner) = cell.owner else { continue };
            let desk = &mut self.stations[cell.node].workers[owner];
            *desk = match std::mem::replace(desk, Desk::Busy) {
                Desk::Holding(worker) => Desk::Idle(super::serve::emptied(worker)),
                other => other,
            };
        }
    }

    /// A worker that may serve this cell now.
    pub(super) fn worker_for(&mut self, index: usize) -> Option<usize> {
        let cell = &self.cells[index];
        cell.batch.as_ref()?;
        let station = &self.stations[cell.node];
        if let Some(owner) = cell.owner {
            return Some(owner);
        }
        let idle = |at: &usize| matches!(station.workers[*at], Desk::Unbuilt | Desk::Idle(_));
        if station.serial {
            let first = station.any_order || self.cells[..index].iter().all(|other| other.node > cell.node);
            return Some(0).filter(|at| first && idle(at));
        }
        // The first cell has a worker of its own.
        if index == 0 && idle(&0) {
            return Some(0);
        }
        let (from, others) = (1, self.virtual_workers - 1);
        if others == 0 {
            return None;
        }
        let start = self.dice.below(others);
        (0..others).map(|k| from + (start + k) % others).find(idle)
    }

    /// The worker at a desk, which is busy from now on.
    pub(super) fn take(&mut self, node: usize, at: usize) -> Result<Box<dyn Worker + 'p>, RunError> {
        let station = &mut self.stations[node];
        match std::mem::replace(&mut station.workers[at], Desk::Busy) {
            Desk::Idle(worker) | Desk::Holding(worker) => Ok(worker),
            Desk::Unbuilt => {
                let segment = station.segment.clone().expect("serial workers are built");
                segment.worker(self.run.clone())
            }
            Desk::Busy | Desk::Gone => unreachable!("only idle workers are asked"),
        }
    }

    pub(super) fn name(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(super) fn index_of(&self, id: u64) -> Option<usize> {
        self.cells.iter().position(|cell| cell.id == id)
    }
}
