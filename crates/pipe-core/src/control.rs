//! What stops a run: its switch, its deadline, the wish to drain. Shared between the run and its handles.

use crate::cancel::Cancel;
use crate::clock::{Clock, SystemClock};
use crate::error::RunError;
use crate::run::RunState;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

pub(crate) struct Control {
    cancel: Cancel,
    clock: Arc<dyn Clock>,
    /// In nanoseconds of the clock; `NEVER` if there is none. Only lowered.
    deadline: AtomicU64,
    /// The deadline has passed: that, and not somebody's wish, is why the switch is on.
    timed_out: AtomicBool,
    run: OnceLock<Weak<RunState>>,
}

const NEVER: u64 = u64::MAX;

impl Control {
    pub(crate) fn new(clock: Option<Arc<dyn Clock>>) -> Self {
        let clock = clock.unwrap_or_else(|| Arc::new(SystemClock::new()));
        let (deadline, timed_out) = (AtomicU64::new(NEVER), AtomicBool::new(false));
        Control { cancel: Cancel::new(), clock, deadline, timed_out, run: OnceLock::new() }
    }

    /// The run that this controls, once it has begun. Weak: a run holds its control.
    pub(crate) fn run(&self) -> Option<Arc<RunState>> {
        self.run.get()?.upgrade()
    }

    pub(crate) fn begin(&self, run: &Arc<RunState>) {
        // A pipeline is run once, so nobody was here before.
        let _ = self.run.set(Arc::downgrade(run));
    }

    pub(crate) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Ends the run with `TimedOut` if it is not over in `span`.
    pub(crate) fn end_within(&self, span: Duration) {
        let at = self.clock.now().saturating_add(span);
        self.deadline.fetch_min(u64::try_from(at.as_nanos()).unwrap_or(NEVER - 1), SeqCst);
    }

    pub(crate) fn has_deadline(&self) -> bool {
        self.deadline.load(Relaxed) != NEVER
    }

    /// Waits for `span`, or until the run has to end.
    pub(crate) fn wait(&self, span: Duration) {
        let span = self.time_left().map_or(span, |left| span.min(left));
        self.clock.wait(span, &self.cancel);
    }

    /// What is left until the deadline.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let deadline = self.deadline.load(Relaxed);
        (deadline != NEVER).then(|| Duration::from_nanos(deadline).saturating_sub(self.clock.now()))
    }

    /// Looks at the clock, if there is a deadline.
    pub(crate) fn check(&self) -> Result<(), RunError> {
        let deadline = self.deadline.load(Relaxed);
        if deadline != NEVER
            && self.clock.now().as_nanos() >= u128::from(deadline)
            && !self.cancel.is_cancelled()
        {
            self.timed_out.store(true, SeqCst);
            self.cancel.cancel();
        }
        match self.cancel.is_cancelled() {
            false => Ok(()),
            true if self.timed_out.load(SeqCst) => Err(RunError::TimedOut),
            true => Err(RunError::Cancelled),
        }
    }
}
