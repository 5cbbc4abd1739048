//! Stopping a run from outside.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A switch that stops a run. Clones are the same switch; once on it stays on.
///
/// Workers look at it after each item, so a run ends within one item per worker. It does not interrupt a closure or a read that blocks.
///
/// ```
/// use pipe_core::{Cancel, Inline, RunError, from_iter};
///
/// let cancel = Cancel::new();
/// let endless = from_iter(0u64..).inspect(|n| if *n == 1_000 { cancel.cancel() });
/// let ended = endless.for_each(|_| ()).cancelled_by(&cancel).run_on(&Inline);
/// assert!(matches!(ended, Err(RunError::Cancelled)));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    on: AtomicBool,
    /// The leashes of the runs that it stops.
    leashes: Mutex<Vec<Weak<AtomicU64>>>,
}

impl Cancel {
    /// A switch that is off.
    pub fn new() -> Self {
        Self::default()
    }

    /// Switches it on. More calls do nothing.
    pub fn cancel(&self) {
        self.shared.on.store(true, SeqCst);
        let leashes =
            std::mem::take(&mut *self.shared.leashes.lock().unwrap_or_else(PoisonError::into_inner));
        leashes.iter().filter_map(Weak::upgrade).for_each(|leash| leash.store(0, SeqCst));
    }

    /// Whether it is on.
    pub fn is_cancelled(&self) -> bool {
        // Relaxed: nothing is published with the flag.
        self.shared.on.load(Relaxed)
    }

    /// The switch itself, for loops that look at it after each item: one load, where going through the `Arc` takes two.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.shared.on
    }

    /// A leash that is cut to zero when the switch is turned on.
    pub(crate) fn leash(&self) -> Leash {
        let leash = Leash { cancel: self.clone(), until: Arc::new(AtomicU64::new(0)) };
        let mut leashes = self.shared.leashes.lock().unwrap_or_else(PoisonError::into_inner);
        leashes.retain(|leash| leash.strong_count() > 0);
        leashes.push(Arc::downgrade(&leash.until));
        leash
    }
}

/// How far a loop may go, or zero once it is cancelled: so that one comparison per item answers both questions.
#[derive(Debug)]
pub(crate) struct Leash {
    cancel: Cancel,
    until: Arc<AtomicU64>,
}

impl Leash {
    /// Lets the loop go on until it has taken `items` in all.
    ///
    /// A `cancel` at the same time is not lost: of the two stores to `until` and the two accesses to the switch, all sequentially
    /// consistent, either the one of `cancel` comes last, or the switch is seen here.
    pub(crate) fn pay_out(&self, items: u64) -> &AtomicU64 {
        self.until.store(items, SeqCst);
        if self.cancel.shared.on.load(SeqCst) {
            self.until.store(0, SeqCst);
        }
        &self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leash_is_cut_whenever_the_switch_is_turned_on() {
        let cancel = Cancel::new();
        let (early, late) = (cancel.leash(), cancel.leash());
        assert_eq!(early.pay_out(7).load(Relaxed), 7);
        drop(cancel.leash());
        cancel.clone().cancel();
        assert_eq!(early.until.load(Relaxed), 0);
        assert_eq!(early.pay_out(9).load(Relaxed), 0);
        assert_eq!(late.pay_out(9).load(Relaxed), 0);
        assert_eq!(cancel.leash().pay_out(9).load(Relaxed), 0);
        assert!(cancel.is_cancelled());
    }
}
