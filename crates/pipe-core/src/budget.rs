//! A bound on the bytes that a run keeps alive.
//!
//! A [`Permit`] is taken before the read, travels with the batch and gives its bytes back when it is dropped. This file only counts; who
//! has to wait for room, and how, is the executor's business.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Grants bytes up to a limit. Clones share the account.
///
/// Invariant: bytes in use are the sum of the live permits. They exceed the limit only by what was granted through
/// [`Budget::overdraw`], or by one permit that was granted while nothing was in use.
#[derive(Debug, Clone)]
pub struct Budget {
    account: Arc<Account>,
}

#[derive(Debug)]
struct Account {
    limit: usize,
    // Relaxed everywhere: the counters publish no other memory. What a batch holds is published by the lock it travels through.
    in_use: AtomicUsize,
    /// The part of `in_use` that stays until the end: accumulators.
    resident: AtomicUsize,
    peak: AtomicUsize,
}

impl Budget {
    /// An account with this limit, in bytes.
    pub fn new(limit: usize) -> Self {
        Budget {
            account: Arc::new(Account {
                limit,
                in_use: AtomicUsize::new(0),
                resident: AtomicUsize::new(0),
                peak: AtomicUsize::new(0),
            }),
        }
    }

    /// Grants `bytes` if they fit, or if nothing is in flight: so one batch can always move, however small the limit.
    pub fn try_take(&self, bytes: usize) -> Option<Permit> {
        let resident = self.account.resident.load(Relaxed);
        let fits = |in_use: usize| {
            let after = in_use.checked_add(bytes)?;
            (in_use <= resident || after <= self.account.limit).then_some(after)
        };
        let before = self.account.in_use.fetch_update(Relaxed, Relaxed, fits).ok()?;
        self.account.peak.fetch_max(before + bytes, Relaxed);
        Some(Permit { budget: self.clone(), bytes, stays: Stays::InFlight })
    }

    /// Counts `bytes` that exist already, whether they fit or not: outputs of a batch that is being worked on.
    pub fn overdraw(&self, bytes: usize) -> Permit {
        let mut permit = Permit { budget: self.clone(), bytes: 0, stays: Stays::InFlight };
        permit.resize(bytes);
        permit
    }

    /// A permit for what stays until the end of the run and grows meanwhile, such as an accumulator: batches can move beside it,
    /// however large it becomes. Zero bytes at first.
    pub fn resident(&self) -> Permit {
        Permit { budget: self.clone(), bytes: 0, stays: Stays::Resident }
    }

    /// The limit, in bytes.
    pub fn limit(&self) -> usize {
        self.account.limit
    }

    /// The bytes of permits for what stays.
    pub fn resident_bytes(&self) -> usize {
        self.account.resident.load(Relaxed)
    }

    /// The bytes of all live permits.
    pub fn in_use(&self) -> usize {
        self.account.in_use.load(Relaxed)
    }

    /// The most bytes that were in use at once.
    pub fn peak(&self) -> usize {
        self.account.peak.load(Relaxed)
    }
}

/// Bytes that were granted. Dropping it gives them back.
#[must_use = "a permit that is dropped is given back"]
#[derive(Debug)]
pub struct Permit {
    budget: Budget,
    bytes: usize,
    stays: Stays,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stays {
    InFlight,
    Resident,
}

impl Permit {
    /// How many bytes it holds.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Corrects an estimate to what it became. Never refused: the bytes exist.
    pub fn resize(&mut self, bytes: usize) {
        let account = &self.budget.account;
        if bytes >= self.bytes {
            let more = bytes - self.bytes;
            let before = account.in_use.fetch_add(more, Relaxed);
            account.peak.fetch_max(before + more, Relaxed);
        } else {
            account.in_use.fetch_sub(self.bytes - bytes, Relaxed);
        }
        if self.stays == Stays::Resident {
            // In two steps, and never below zero: this permit's own part is in there.
            account.resident.fetch_add(bytes, Relaxed);
            account.resident.fetch_sub(self.bytes, Relaxed);
        }
        self.bytes = bytes;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let before = self.budget.account.in_use.fetch_sub(self.bytes, Relaxed);
        if self.stays == Stays::Resident {
            self.budget.account.resident.fetch_sub(self.bytes, Relaxed);
        }
        debug_assert!(before >= self.bytes, "a budget gave {} bytes back with {before} in use", self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_never_exceed_the_limit_unless_overdrawn_or_alone() {
        let budget = Budget::new(100);
        let first = budget.try_take(60).unwrap();
        assert!(budget.try_take(41).is_none());
        let second = budget.try_take(40).unwrap();
        assert_eq!((budget.in_use(), budget.peak()), (100, 100));
        drop((first, second));
        assert_eq!(budget.in_use(), 0);

        let alone = budget.try_take(1_000).expect("one batch can always move");
        assert!(budget.try_take(0).is_none());
        drop(alone);
        let over = budget.overdraw(300);
        assert_eq!((budget.in_use(), budget.peak()), (300, 1_000));
        drop(over);
        assert!(budget.try_take(usize::MAX).is_some());
        assert_eq!(budget.in_use(), 0);
    }

    #[test]
    fn a_batch_can_move_beside_what_stays() {
        let budget = Budget::new(100);
        let mut stays = budget.resident();
        stays.resize(95);
        let batch = budget.try_take(50).expect("nothing is in flight");
        assert!(budget.try_take(1).is_none());
        assert_eq!((budget.in_use(), budget.resident_bytes()), (145, 95));
        drop(batch);
        stays.resize(10);
        assert_eq!((budget.in_use(), budget.resident_bytes()), (10, 10));
        drop(stays);
        assert_eq!((budget.in_use(), budget.resident_bytes(), budget.peak()), (0, 0, 145));
    }

    #[test]
    fn a_resized_permit_gives_back_what_it_became() {
        let budget = Budget::new(100);
        let mut permit = budget.try_take(50).unwrap();
        permit.resize(80);
        assert_eq!((permit.bytes(), budget.in_use()), (80, 80));
        permit.resize(10);
        assert_eq!(budget.in_use(), 10);
        drop(permit);
        assert_eq!((budget.in_use(), budget.peak()), (0, 80));
    }
}
