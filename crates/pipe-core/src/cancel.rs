//! Stopping a run from outside.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
    // Relaxed everywhere: nothing is published with the flag.
    on: Arc<AtomicBool>,
}

impl Cancel {
    /// A switch that is off.
    pub fn new() -> Self {
        Self::default()
    }

    /// Switches it on. More calls do nothing.
    pub fn cancel(&self) {
        self.on.store(true, Ordering::Relaxed);
    }

    /// Whether it is on.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }
}
