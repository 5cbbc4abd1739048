//! Items that count themselves.

use crate::weigh::Weigh;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// How many items of one kind are alive, and the most that ever were.
#[derive(Debug, Clone, Default)]
pub struct Live {
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    now: AtomicUsize,
    most: AtomicUsize,
    made: AtomicUsize,
}

impl Live {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes one.
    pub fn item<T>(&self, value: T) -> Counted<T> {
        self.counts.made.fetch_add(1, SeqCst);
        let now = self.counts.now.fetch_add(1, SeqCst) + 1;
        self.counts.most.fetch_max(now, SeqCst);
        Counted { value, live: self.clone() }
    }

    /// How many are alive.
    pub fn now(&self) -> usize {
        self.counts.now.load(SeqCst)
    }

    /// The most that were alive at once.
    pub fn most(&self) -> usize {
        self.counts.most.load(SeqCst)
    }

    /// How many were made.
    pub fn made(&self) -> usize {
        self.counts.made.load(SeqCst)
    }
}

/// An item that is counted while it lives.
#[derive(Debug)]
pub struct Counted<T> {
    /// What it carries.
    pub value: T,
    live: Live,
}

impl<T> Drop for Counted<T> {
    fn drop(&mut self) {
        let before = self.live.counts.now.fetch_sub(1, SeqCst);
        // Wraps around where an item was dropped twice: `now` would never be zero again, but say it here.
        assert!(before > 0, "an item was dropped twice");
    }
}

impl<T: Weigh> Weigh for Counted<T> {
    fn heap(&self) -> usize {
        self.value.heap()
    }
}
