//! Waiting for room: who finds the budget overdrawn helps further downstream, and sleeps where there is nothing to help with. The protocol
//! is told in `gates.rs`.

use crate::asleep::Asleep;
use crate::gates::{Gates, Guard, State};
use crate::hands::Hands;
use crate::meter::Account;
use crate::seat::Place;
use pipe_core::Flow;

/// Who waits for room.
#[derive(Clone, Copy)]
pub(crate) enum Waiter {
    /// A worker of a row, having put a part of this place.
    Row(Place),
    /// A worker of a row that keeps outputs of this place back.
    Keeper(Place),
    /// Who runs the gate of this place, having emitted a batch.
    Gate(Place),
}

impl<'p> Gates<'p> {
    /// Waits while the budget is overdrawn, unless it is for this place to go on: what it emits is kept back meanwhile. `Break`: the place is
    /// not wanted any more. `hands` are those behind the stretch.
    pub(crate) fn wait_to_keep_back(&self, place: Place, hands: &mut Hands<'_, 'p>) -> Flow {
        self.make_room(Waiter::Keeper(place), self.lock(), hands)
    }

    /// The same for a serial node, which waits as if it had emitted what it keeps back.
    pub(crate) fn wait_in_gate(&self, place: Place, hands: &mut Hands<'_, 'p>) -> Flow {
        self.make_room(Waiter::Gate(place), self.lock(), hands)
    }

    /// Helps, or sleeps, until the waiter may go on. `Break`: its place is not wanted any more.
    pub(crate) fn make_room<'g>(
        &'g self,
        waiter: Waiter,
        mut state: Guard<'g, 'p>,
        hands: &mut Hands<'_, 'p>,
    ) -> Flow {
        let (Waiter::Row(place) | Waiter::Keeper(place) | Waiter::Gate(place)) = waiter;
        loop {
            if self.is_closed(place) {
                return Flow::Break(());
            }
            if !self.budget.is_overdrawn() || state.may_overdraw(waiter) {
                return Flow::Continue(());
            }
            state = match self.claim(&mut state, hands) {
                Some(ticket) => {
                    drop(state);
                    hands.lap(Account::Gate(place.stretch));
                    hands.work(self, ticket);
                    self.lock()
                }
                None => {
                    let listening = self.bells.room.listen();
                    drop(state);
                    let asleep = match waiter {
                        Waiter::Row(_) | Waiter::Keeper(_) => Asleep::InRow(place.stretch),
                        Waiter::Gate(_) => Asleep::InGate(place.stretch),
                    };
                    self.sleep(listening, None, asleep)
                }
            };
        }
    }
}

impl State<'_> {
    /// Whether who waits goes on in spite of an overdrawn budget, because nobody else could before.
    fn may_overdraw(&mut self, waiter: Waiter) -> bool {
        match waiter {
            Waiter::Row(place) => self.lanes[place.stretch].ledger.is_taken(place.seat),
            Waiter::Keeper(place) => self.lanes[place.stretch].ledger.may_keep_back(place.seat),
            Waiter::Gate(place) => {
                self.lanes[place.stretch + 1..].iter().all(|lane| lane.ledger.in_flight() == 0)
            }
        }
    }
}
