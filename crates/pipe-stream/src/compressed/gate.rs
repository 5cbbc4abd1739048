//! Whether a thread may read on, and whether it is in the middle of that.

use std::sync::atomic::{AtomicU8, Ordering::SeqCst};

/// Between who reads an input and who may want to stop it.
#[derive(Default)]
pub(crate) struct Gate(AtomicU8);

/// How long a read may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    /// As long as a disk needs.
    End,
    /// Until somebody writes: a pipe, a terminal, a reader that is not known.
    MayWait,
}

/// Nobody reads.
const OPEN: u8 = 0;
/// A read is under way.
const READING: u8 = 1;
/// There are to be no more reads.
const SHUT: u8 = 2;

impl Gate {
    /// False: it is shut.
    pub(crate) fn enter(&self) -> bool {
        self.0.compare_exchange(OPEN, READING, SeqCst, SeqCst).is_ok()
    }

    /// False: it was shut meanwhile.
    pub(crate) fn leave(&self) -> bool {
        self.0.compare_exchange(READING, OPEN, SeqCst, SeqCst).is_ok()
    }

    /// Lets nobody in any more. True: somebody is inside.
    pub(crate) fn shut(&self) -> bool {
        self.0.swap(SHUT, SeqCst) == READING
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shut_gate_lets_nobody_in_and_says_who_was_inside() {
        let gate = Gate::default();
        assert!(gate.enter() && gate.leave() && gate.enter());
        assert!(gate.shut(), "somebody is inside");
        assert!(!gate.leave() && !gate.enter() && !gate.shut());
    }
}
