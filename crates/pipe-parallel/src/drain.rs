//! Completing places and running the gates.

use crate::ending::{Outcome, Side};
use crate::gates::{Gate, Gates, Guard};
use crate::hands::Hands;
use crate::ledger::{Due, Part};
use crate::meter::Account;
use crate::seat::{Place, Seat};
use pipe_core::plan::{BoxBatch, Outlet, SerialLine, discard, left};
use pipe_core::{Flow, RunError};

impl<'p> Gates<'p> {
    /// Takes the last part of a place, if there is one, and completes it. May run the gate. `hands` are those behind the stretch.
    pub(crate) fn complete(
        &self,
        place: Place,
        last: Option<Part>,
        outcome: Outcome,
        hands: &mut Hands<'_, 'p>,
    ) {
        let mut state = self.lock();
        match last {
            Some(last) if self.is_closed(place) => state.rubbish.push(last),
            Some(last) => state.lanes[place.stretch].ledger.put(place.seat, last),
            None => {}
        }
        self.settle(&mut state, place, Side::Row, outcome);
        state.lanes[place.stretch].ledger.complete(place.seat, &self.bars[place.stretch]);
        drop(self.drain(place.stretch, state, hands));
    }

    /// Drains a gate that nobody else would.
    pub(crate) fn drain_now(&self, stretch: usize, hands: &mut Hands<'_, 'p>) {
        drop(self.drain(stretch, self.lock(), hands));
    }

    /// Runs the gate on all that is due, if nobody else does. Leaves the lock meanwhile, and wakes who sleeps.
    pub(crate) fn drain<'g>(
        &'g self,
        stretch: usize,
        mut state: Guard<'g, 'p>,
        hands: &mut Hands<'_, 'p>,
    ) -> Guard<'g, 'p> {
        let mut ran = false;
        loop {
            let lane = &mut state.lanes[stretch];
            if matches!(lane.gate, Gate::Out) {
                break;
            }
            let Some(due) = lane.ledger.due(&self.bars[stretch]) else { break };
            let (finishes, place) = (matches!(due, Due::Finish), Place { stretch, seat: due.seat() });
            match (std::mem::replace(&mut lane.gate, Gate::Out), due) {
                (Gate::Here(line), due) => {
                    drop(state);
                    let (gate, outcome) = self.pass(line, place, due, hands);
                    hands.lap(Account::Gate(stretch));
                    state = self.lock();
                    state.lanes[stretch].gate = gate;
                    self.settle(&mut state, place, Side::Gate, outcome);
                }
                (gate, due) => {
                    lane.gate = gate;
                    state.rubbish.extend(due.into_part());
                }
            }
            if finishes {
                state.lanes[stretch + 1].ledger.end();
            }
            self.wake(&state);
            ran = true;
        }
        if !ran {
            // What was put or completed may be bytes that were given back.
            self.wake(&state);
        }
        self.sweep(state)
    }

    /// Runs serial nodes on what is due.
    fn pass(
        &self,
        mut line: SerialLine<'p>,
        place: Place,
        due: Due,
        hands: &mut Hands<'_, 'p>,
    ) -> (Gate<'p>, Outcome) {
        let mut onward = Onward { gates: self, place, hands };
        let outcome = match due {
            Due::Part(Part { batch, permit }, _) => {
                let carried = line.carry(batch, &mut onward);
                drop(permit);
                Outcome::of(carried, &self.run)
            }
            Due::Finish => Outcome::of(line.finish(&mut onward).map(Flow::Continue), &self.run),
        };
        match outcome {
            Outcome::Failed(_) => {
                discard(line);
                (Gate::Broken, outcome)
            }
            _ => (Gate::Here(line), outcome),
        }
    }

    /// After all workers have left: the last gate, in which the sink is, or the error of the run.
    pub(crate) fn close(self) -> Result<SerialLine<'p>, RunError> {
        let mut state = self.lock();
        let mut rubbish = std::mem::take(&mut state.rubbish);
        state.lanes.iter_mut().for_each(|lane| lane.ledger.clear(&mut rubbish));
        let error = state.failure.take().map(|failure| failure.into_error()).or(state.abandoned.take());
        let mut lanes = std::mem::take(&mut state.lanes);
        drop(state);
        let last = lanes.pop().expect("there is one");
        debug_assert!(error.is_some() || rubbish.is_empty(), "parts were left at a gate");
        // The run has its error. What panics here, panics because of that.
        rubbish.into_iter().for_each(discard);
        let left = lanes.into_iter().map(left).fold(Ok(()), Result::and);
        match (error.or(left.err()), last.gate) {
            (Some(error), gate) => {
                discard(gate);
                Err(error)
            }
            (None, Gate::Here(line)) => Ok(line),
            (None, Gate::Out | Gate::Broken) => unreachable!("a gate that was lost has left an error"),
        }
    }
}

/// What a gate emits: tickets of the next stretch.
struct Onward<'a, 'h, 'p> {
    gates: &'a Gates<'p>,
    place: Place,
    /// Those behind the gate.
    hands: &'a mut Hands<'h, 'p>,
}

impl Outlet for Onward<'_, '_, '_> {
    fn put(&mut self, batch: BoxBatch) -> Flow {
        self.gates.emit(self.place, batch, self.hands)
    }

    fn wait_for_room(&mut self) -> Flow {
        self.gates.wait_in_gate(self.place, self.hands)
    }

    fn is_closed(&self) -> bool {
        self.gates.is_closed(self.place)
    }
}

impl Due {
    fn seat(&self) -> Seat {
        match self {
            Due::Part(_, seat) => *seat,
            Due::Finish => Seat::GATE,
        }
    }

    fn into_part(self) -> Option<Part> {
        match self {
            Due::Part(part, _) => Some(part),
            Due::Finish => None,
        }
    }
}
