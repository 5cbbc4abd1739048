//! What stops a run: its switch, its deadline, the wish to drain. Shared between the run and its handles.
//!
//! It may be older than the run. Until that begins there is no clock, and a drain is only a wish: its time runs from the beginning on.

use crate::cancel::Cancel;
use crate::clock::Clock;
use crate::error::RunError;
use crate::progress::Progress;
use crate::report::Report;
use crate::run::RunState;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

pub(crate) struct Control {
    cancel: Cancel,
    /// The source's: goes on with that of the run, and alone when nothing more is to be read.
    source: Cancel,
    /// The run's, once it has begun.
    clock: OnceLock<Arc<dyn Clock>>,
    /// In how much time the run is to end, if that was said before it began. The lock orders this before, or behind, the beginning.
    early: Mutex<Option<Duration>>,
    /// In nanoseconds of the clock; `NEVER` if there is none. Only lowered.
    deadline: AtomicU64,
    /// The deadline has passed: that, and not somebody's wish, is why the switch is on.
    timed_out: AtomicBool,
    /// A run has it: there may be no other.
    claimed: AtomicBool,
    run: OnceLock<Weak<RunState>>,
    /// How far the run came.
    ended: OnceLock<(Progress, Report<()>)>,
}

const NEVER: u64 = u64::MAX;

impl Control {
    pub(crate) fn new() -> Self {
        let cancel = Cancel::new();
        Control {
            source: cancel.child(),
            cancel,
            clock: OnceLock::new(),
            early: Mutex::new(None),
            deadline: AtomicU64::new(NEVER),
            timed_out: AtomicBool::new(false),
            claimed: AtomicBool::new(false),
            run: OnceLock::new(),
            ended: OnceLock::new(),
        }
    }

    /// How far the run is, or came. All zero before it begins.
    pub(crate) fn progress(&self) -> Progress {
        // Weak: a run holds its control.
        let run = || self.run.get().and_then(Weak::upgrade).map(|run| run.progress());
        self.ended.get().map(|(progress, _)| *progress).or_else(run).unwrap_or_default()
    }

    /// What was counted so far, or in the end. `None` before it begins.
    pub(crate) fn report(&self) -> Option<Report<()>> {
        let run = || self.run.get().and_then(Weak::upgrade).map(|run| run.report(()));
        self.ended.get().map(|(_, report)| report.clone()).or_else(run)
    }

    /// Takes it for a run. False, if there was one before.
    pub(crate) fn claim(&self) -> bool {
        !self.claimed.swap(true, SeqCst)
    }

    /// The run begins: time passes from now on.
    pub(crate) fn start(&self, clock: Arc<dyn Clock>) {
        let early = self.early();
        let fresh = self.clock.set(clock).is_ok();
        debug_assert!(fresh, "a control was claimed twice");
        early.inspect(|span| self.end_by(*span));
    }

    pub(crate) fn begin(&self, run: &Arc<RunState>) {
        let fresh = self.run.set(Arc::downgrade(run)).is_ok();
        debug_assert!(fresh, "a control was claimed twice");
    }

    /// The run is over. Only the first call counts.
    pub(crate) fn end(&self, progress: Progress, report: Report<()>) {
        let _ = self.ended.set((progress, report));
    }

    pub(crate) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// The switch of the source alone.
    pub(crate) fn source(&self) -> &Cancel {
        &self.source
    }

    /// Nothing more is to be read.
    pub(crate) fn drain(&self) {
        self.cancel.drain();
        self.source.cancel();
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &**self.clock.get().expect("a run starts its control before all else")
    }

    /// Ends the run with `TimedOut` if it is not over in `span`, counted from its beginning if it has not begun.
    pub(crate) fn end_within(&self, span: Duration) {
        let mut early = self.early();
        match self.clock.get() {
            None => *early = Some(early.map_or(span, |before| before.min(span))),
            Some(_) => self.end_by(span),
        }
    }

    fn early(&self) -> MutexGuard<'_, Option<Duration>> {
        self.early.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end_by(&self, span: Duration) {
        let at = self.clock().now().saturating_add(span);
        self.deadline.fetch_min(u64::try_from(at.as_nanos()).unwrap_or(NEVER - 1), SeqCst);
    }

    pub(crate) fn has_deadline(&self) -> bool {
        self.deadline.load(Relaxed) != NEVER
    }

    /// Waits for `span`, or until the run has to end.
    pub(crate) fn wait(&self, span: Duration) {
        let span = self.time_left().map_or(span, |left| span.min(left));
        self.clock().wait(span, &self.cancel);
    }

    /// What is left until the deadline.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let deadline = self.deadline.load(Relaxed);
        (deadline != NEVER).then(|| Duration::from_nanos(deadline).saturating_sub(self.clock().now()))
    }

    /// Looks at the clock, if there is a deadline.
    pub(crate) fn check(&self) -> Result<(), RunError> {
        let deadline = self.deadline.load(Relaxed);
        if deadline != NEVER
            && self.clock().now().as_nanos() >= u128::from(deadline)
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
