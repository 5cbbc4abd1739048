//! How a run ends before its source: failures, stages that have had enough, cancelling. The rules are in the text of `gates`.

use crate::gates::{Gates, Guard, State};
use crate::seat::{Key, Place, Seat};
use pipe_core::plan::{RunState, discard};
use pipe_core::{Flow, Payload, RunError};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The lowest failure so far.
pub(crate) struct Failure {
    place: Place,
    error: RunError,
}

/// How it went: a batch in a row, a part in a gate, a worker's last emits.
pub(crate) enum Outcome {
    /// To its end.
    Well,
    /// A stage has had enough, or nothing more is wanted here.
    Enough,
    Failed(RunError),
    /// The run was cancelled or ran out of time.
    Stopped(RunError),
}

/// Where in a stretch something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// In the gate: before everything that is still in the row.
    Gate,
    Row,
}

impl Outcome {
    pub(crate) fn of(carried: Result<Flow, RunError>, run: &RunState) -> Self {
        match carried {
            Ok(Flow::Continue(())) => Outcome::Well,
            // A sink that was cut off has had enough, too.
            Ok(Flow::Break(())) => run.check().map_or_else(Outcome::Stopped, |()| Outcome::Enough),
            Err(error @ (RunError::Cancelled | RunError::TimedOut)) => Outcome::Stopped(error),
            Err(error) => Outcome::Failed(error),
        }
    }
}

impl<'p> Gates<'p> {
    /// Draws the consequences.
    pub(crate) fn settle(&self, state: &mut State<'p>, place: Place, side: Side, outcome: Outcome) {
        match outcome {
            Outcome::Well => {}
            Outcome::Enough => self.enough(state, place, side),
            Outcome::Failed(error) => self.fail(state, place, side, error),
            Outcome::Stopped(error) => self.abandon_locked(state, error),
        }
    }

    fn fail(&self, state: &mut State<'p>, place: Place, side: Side, error: RunError) {
        if self.is_closed(place) {
            return;
        }
        discard(state.failure.replace(Failure { place, error }));
        state.unwanted = true;
        self.close_behind(state, place, side);
        for (stretch, bar) in self.bars.iter().enumerate() {
            bar.close_finish(match place.seat {
                Seat::Finish(rank) if stretch == place.stretch && side == Side::Row => rank + 1,
                _ => 0,
            });
        }
    }

    fn enough(&self, state: &mut State<'p>, place: Place, side: Side) {
        if self.is_closed(place) {
            return;
        }
        if state.failure.as_ref().is_some_and(|failure| failure.is_undone_by(place, side)) {
            discard(state.failure.take());
            self.bars.iter().for_each(|bar| bar.reopen_finish());
        }
        self.close_behind(state, place, side);
        self.end_source(state);
    }

    /// Closes the tickets that come after a place.
    fn close_behind(&self, state: &mut State<'p>, place: Place, side: Side) {
        for stretch in 0..=place.stretch {
            let from = match place.seat {
                Seat::Ticket(key) if stretch == place.stretch && side == Side::Row => key.next(),
                // Behind all tickets of its stretch.
                Seat::Finish(_) if stretch == place.stretch && side == Side::Row => continue,
                _ => Key::FIRST,
            };
            self.bars[stretch].close_tickets(from);
            state.lanes[stretch].ledger.close_tickets(from, &mut state.rubbish);
        }
    }

    /// Drops everything: the run was stopped, or something panicked that belongs to no item.
    pub(crate) fn abandon(&self, error: RunError) {
        let mut state = self.lock();
        self.abandon_locked(&mut state, error);
        drop(self.sweep(state));
    }

    pub(crate) fn abandon_locked(&self, state: &mut State<'p>, error: RunError) {
        state.abandoned.get_or_insert(error);
        self.end_source(state);
        for (lane, bar) in state.lanes.iter_mut().zip(&self.bars) {
            bar.close_tickets(Key::FIRST);
            bar.close_finish(0);
            lane.ledger.close_tickets(Key::FIRST, &mut state.rubbish);
        }
        self.wake(state);
    }

    /// Drops what was closed and tells the source, outside of the lock: items may take their time, or panic, and wakers are foreign code.
    pub(crate) fn sweep<'g>(&'g self, mut state: Guard<'g, 'p>) -> Guard<'g, 'p> {
        if std::mem::take(&mut state.unwanted) {
            drop(state);
            self.run.stop_source();
            state = self.lock();
        }
        while !state.rubbish.is_empty() {
            let rubbish = std::mem::take(&mut state.rubbish);
            drop(state);
            let dropped = rubbish.into_iter().map(|part| catch_unwind(AssertUnwindSafe(|| drop(part))));
            let thrown = dropped.filter_map(|dropped| dropped.err().map(Payload::new));
            let first = thrown.fold(None, |first, next| first.or(Some(next)));
            state = self.lock();
            if let Some(payload) = first {
                let stage = "drop of an item".to_owned();
                self.abandon_locked(&mut state, RunError::Panicked { stage, at: None, payload });
            }
            self.wake(&state);
        }
        state
    }
}

impl Failure {
    pub(crate) fn into_error(self) -> RunError {
        self.error
    }

    /// Whether a loop would have ended at `place`, before it came here.
    fn is_undone_by(&self, place: Place, side: Side) -> bool {
        let Seat::Ticket(failed) = self.place.seat else { return false };
        if self.place.stretch != place.stretch || side == Side::Gate {
            return self.place.stretch <= place.stretch;
        }
        // What a worker has accumulated is lost with its panic, and here it may be wanted.
        let is_whole = !matches!(self.error, RunError::Panicked { .. });
        is_whole && matches!(place.seat, Seat::Ticket(key) if failed > key)
    }
}
