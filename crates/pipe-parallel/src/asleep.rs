//! What workers sleep for, written to the accounts of the segments that they would work in.

use crate::gates::{Gates, State};
use pipe_core::plan::Wait;

/// Why a worker sleeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asleep {
    /// There is no job for it. Where nothing more is pulled because this stretch is full, what is before that is blocked.
    NoJob { full: Option<usize> },
    /// It has put outputs of this row at the gate, and there is no room for more.
    InRow(usize),
    /// It runs this gate, and there is no room for what that emits.
    InGate(usize),
    /// It stands in for nobody: that is no wait of the run.
    Rests,
}

impl Gates<'_> {
    /// Sleeps, and counts that.
    pub(crate) fn count<R>(&self, asleep: Asleep, sleep: impl FnOnce() -> R) -> R {
        let clock = self.run.clock();
        let since = clock.now();
        let slept = sleep();
        let span = clock.now().saturating_sub(since);
        let gate = |stretch: usize| self.serial[stretch].clone();
        match asleep {
            Asleep::NoJob { full } => {
                self.run.count_idle(full.map_or(0, |stretch| gate(stretch).start), span)
            }
            Asleep::InRow(stretch) => self.run.count_idle(gate(stretch).start, span),
            Asleep::InGate(stretch) => {
                self.run.count_idle(gate(stretch).end, span);
                gate(stretch).for_each(|segment| self.run.count_waited(segment, Wait::Room, span));
            }
            Asleep::Rests => {}
        }
        slept
    }
}

impl State<'_> {
    /// For who finds no job: the stretch that keeps the source from being asked. `None` where the source has ended, or the run has failed.
    pub(crate) fn full(&self, window: usize) -> Option<usize> {
        if self.failure.is_some() || self.lanes.first().is_none_or(|lane| lane.ledger.has_ended()) {
            return None;
        }
        let last = |least| self.lanes.iter().rposition(|lane| lane.ledger.in_flight() >= least);
        // Not the window, then the bytes: they are where something is in flight.
        last(window).or_else(|| last(1))
    }
}
