//! Small numbers for pools, so that a thread finds its magazine of a pool by index.

use std::sync::{Mutex, PoisonError};

static SLOTS: Mutex<Slots> = Mutex::new(Slots { free: Vec::new(), next: 0 });

struct Slots {
    free: Vec<usize>,
    next: usize,
}

/// A number that no other live `Slot` has. It is used again later: who finds something under it asks whose it is.
pub(super) struct Slot(usize);

impl Slot {
    pub(super) fn new() -> Self {
        let mut slots = SLOTS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.free.pop() {
            return Slot(slot);
        }
        slots.next += 1;
        Slot(slots.next - 1)
    }

    #[inline(always)]
    pub(super) fn index(&self) -> usize {
        self.0
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        SLOTS.lock().unwrap_or_else(PoisonError::into_inner).free.push(self.0);
    }
}
