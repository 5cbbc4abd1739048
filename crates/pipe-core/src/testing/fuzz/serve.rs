//! What a virtual worker does with a batch.

use super::Step;
use super::floor::{Cell, Desk, Floor};
use crate::error::RunError;
use crate::left::{discard, left};
use crate::plan::{BoxBatch, Outlet, Ran, Worker};
use crate::stage::Flow;

impl<'p> Floor<'p, '_> {
    /// Lets `worker` go on with the cell at `index`, for a slice.
    pub(super) fn serve(&mut self, index: usize, worker: usize) {
        let (id, node) = (self.cells[index].id, self.cells[index].node);
        self.split(index);
        let Some((mut batch, mut permit)) = self.cells[index].batch.take() else { return };
        self.cells[index].owner = Some(worker);
        let mut hand = match self.take(node, worker) {
            Ok(hand) => hand,
            Err(error) => return self.fail(error, index),
        };
        let limit = self.dice.items();
        let ran = hand.run(&mut *batch, limit, &mut Ahead { floor: self, id });
        let items = match &ran {
            Ok(Ran::More(n) | Ran::Done(n) | Ran::Enough(n)) => *n,
            Err(_) => 0,
        };
        self.dice.step(Step::Ran { node, worker, limit, items });
        permit.resize(batch.bytes());
        let Some(index) = self.index_of(id) else {
            // Dropped meanwhile: somebody before it failed or had enough.
            self.stations[node].workers[worker] = if ran.is_ok() {
                Desk::Idle(emptied(hand))
            } else {
                discard(hand);
                Desk::Gone
            };
            return;
        };
        match ran {
            Err(error) => {
                discard(hand);
                self.stations[node].workers[worker] = Desk::Gone;
                // A sink that takes any batch and has failed can take none of those before either.
                self.fail(error, if self.stations[node].takes_any() { 0 } else { index });
            }
            // A sink that takes any batch keeps none: another one may be the first.
            Ok(Ran::More(_)) if !self.stations[node].takes_any() && !self.dice.once_in(3) => {
                // Keeps it, with the outputs that it holds.
                self.stations[node].workers[worker] = Desk::Holding(hand);
                self.cells[index].batch = Some((batch, permit));
            }
            Ok(ran) => {
                hand.flush(&mut Ahead { floor: self, id });
                self.stations[node].workers[worker] = Desk::Idle(hand);
                let Some(index) = self.index_of(id) else { return };
                match ran {
                    // Whoever comes may go on with it.
                    Ran::More(_) => {
                        self.cells[index].owner = None;
                        self.cells[index].batch = Some((batch, permit));
                    }
                    Ran::Done(_) => drop(self.cells.remove(index)),
                    Ran::Enough(_) => self.had_enough(node, index),
                }
            }
        }
    }

    /// What is behind this cell is not wanted. A failure there never happened.
    fn had_enough(&mut self, node: usize, index: usize) {
        self.drop_from(index);
        self.failure = None;
        // While finishing, this comes on top of what had enough before; else it comes earlier in the input, and replaces it.
        self.enough = if self.finishing { self.enough.max(Some(node)) } else { Some(node) };
    }

    /// Splits a waiting batch now and then: its back half is a cell of its own.
    fn split(&mut self, index: usize) {
        let cell = &mut self.cells[index];
        if cell.owner.is_some() || !self.dice.once_in(3) {
            return;
        }
        let Some((batch, permit)) = &mut cell.batch else { return };
        let Some(back) = batch.split() else { return };
        permit.resize(batch.bytes());
        let node = cell.node;
        self.dice.step(Step::Split { node });
        self.insert(index + 1, node, back);
    }

    pub(super) fn insert(&mut self, index: usize, node: usize, batch: BoxBatch) {
        let permit = self.run.budget().overdraw(batch.bytes());
        let id = self.name();
        self.cells.insert(index, Cell { id, node, owner: None, batch: Some((batch, permit)) });
    }

    /// Finishes the workers of a node, in any order, and carries on what they emit.
    pub(super) fn finish(&mut self, node: usize) -> Result<(), RunError> {
        let mut unfinished: Vec<usize> = (0..self.stations[node].workers.len()).collect();
        while !unfinished.is_empty() {
            let worker = unfinished.swap_remove(self.dice.below(unfinished.len()));
            let desk = std::mem::replace(&mut self.stations[node].workers[worker], Desk::Gone);
            let Desk::Idle(mut hand) = desk else { continue };
            self.dice.step(Step::Finished { node, worker });
            // A cell that stands for the worker, so that its outputs have a place.
            let id = self.name();
            self.cells.push(Cell { id, node, owner: None, batch: None });
            let finished = hand.finish(&mut Ahead { floor: self, id });
            let finished = finished.and(left(hand));
            let index = self.index_of(id);
            match (finished, index) {
                (Ok(()), Some(index)) => drop(self.cells.remove(index)),
                (Err(error), Some(index)) => self.fail(error, index),
                // Something that it emitted has failed meanwhile.
                (_, None) => {}
            }
            while !self.cells.is_empty() {
                self.go_on()?;
                self.serve_any();
            }
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
        }
        Ok(())
    }

    /// Serves one of the cells that can go on.
    pub(super) fn serve_any(&mut self) {
        let ready: Vec<_> =
            (0..self.cells.len()).filter_map(|index| Some((index, self.worker_for(index)?))).collect();
        assert!(!ready.is_empty(), "the first cell has a worker of its own");
        let (index, worker) = ready[self.dice.below(ready.len())];
        self.serve(index, worker);
    }

    /// Serves the first cell: it can always go on.
    fn serve_first(&mut self) {
        if let Err(stopped) = self.run.check() {
            return self.fail(stopped, 0);
        }
        let worker = self.worker_for(0).expect("the first cell has a worker of its own");
        self.serve(0, worker);
    }

    /// Serves all that stands before a cell: then it is the first, and its outputs go straight to the sink.
    fn serve_all_before(&mut self, id: u64) {
        while self.index_of(id).is_some_and(|index| index > 0) {
            self.serve_first();
        }
    }
}

/// Discards what a worker holds.
pub(super) fn emptied<'p>(mut worker: Box<dyn Worker + 'p>) -> Box<dyn Worker + 'p> {
    worker.flush(&mut Nowhere);
    worker
}

/// The place right before a cell: where the outputs of its worker belong.
struct Ahead<'f, 'p, 'd> {
    floor: &'f mut Floor<'p, 'd>,
    id: u64,
}

impl Outlet for Ahead<'_, '_, '_> {
    fn put(&mut self, batch: BoxBatch) -> Flow {
        let floor = &mut *self.floor;
        let Some(index) = floor.index_of(self.id) else { return Flow::Break(()) };
        let node = floor.cells[index].node + 1;
        if floor.finishing && floor.enough.is_some_and(|enough| node <= enough) {
            return Flow::Continue(());
        }
        floor.insert(index, node, batch);
        // An item that explodes: no more comes into being before this has gone.
        if floor.run.budget().is_overdrawn() {
            floor.serve_all_before(self.id);
        }
        if floor.index_of(self.id).is_some() { Flow::Continue(()) } else { Flow::Break(()) }
    }
}

struct Nowhere;

impl Outlet for Nowhere {
    fn put(&mut self, _: BoxBatch) -> Flow {
        Flow::Continue(())
    }
}
