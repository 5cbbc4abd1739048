//! What a run has to say of the device: each thing once.

use pipe_core::Event;
use std::sync::{Mutex, PoisonError};

/// What became of kernels that were meant for the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "cuda"), expect(dead_code, reason = "there is one topic where there is no device"))]
pub(crate) enum Topic {
    /// It computes.
    Used,
    /// There is none, or it is not used any more.
    Device,
    /// One of several is not used any more.
    Others,
    /// It has no room.
    Memory,
    /// A program has an operation that it does not know.
    Vocabulary,
    /// A kernel of one's own that the driver does not take.
    Custom,
    /// A piece of a block has no room in a slot.
    Slot,
    /// Blocks that are to be pinned are not.
    Unpinned,
    /// The CPU is faster.
    Gate,
}

/// The events of one run.
#[derive(Default)]
pub(crate) struct Log {
    said: Mutex<Vec<(Topic, Event)>>,
}

impl Log {
    /// Says something of a topic, unless the run has said so before.
    pub(crate) fn note(&self, topic: Topic, event: impl FnOnce() -> Event) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.iter().all(|(other, _)| *other != topic) {
            said.push((topic, event()));
        }
    }

    /// All events, and begins anew.
    pub(crate) fn take(&self) -> Vec<Event> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.drain(..).map(|(_, event)| event).collect()
    }
}
