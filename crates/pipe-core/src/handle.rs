//! The handle of a run: watch it, stop it, let it come to an end.

use crate::control::Control;
use crate::progress::Progress;
use crate::report::Report;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A running pipeline, from outside: made before the run and named with [`Whole::handled_by`](crate::Whole::handled_by). Clones are handles
/// of the same run; they may be on other threads, and outlive it.
///
/// ```
/// use pipe_core::{Inline, Run, from_iter};
/// use std::time::Duration;
///
/// let run = Run::new();
/// let endless = from_iter(0u64..).filter(|n| n % 2 == 0).fold(|| 0, |count, _| *count += 1, |all, part| *all += part);
/// std::thread::scope(|scope| {
///     let ended = scope.spawn(|| endless.handled_by(&run).run_on(&Inline));
///     while run.progress().taken < 1_000 {}
///     run.drain(Duration::from_secs(5)); // reads no more, finishes what it has
///     let report = ended.join().unwrap()?;
///     assert!(report.drained && report.value >= 500);
///     Ok::<(), pipe_core::RunError>(())
/// })?;
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Clone)]
pub struct Run {
    control: Arc<Control>,
}

impl Run {
    /// The handle of a run to come.
    pub fn new() -> Self {
        Run { control: Arc::new(Control::new()) }
    }

    /// A handle of the run that this one controls.
    pub(crate) fn of(control: &Arc<Control>) -> Self {
        Run { control: control.clone() }
    }

    pub(crate) fn control(&self) -> &Arc<Control> {
        &self.control
    }

    /// How far it is, or came. All zero before it begins.
    pub fn progress(&self) -> Progress {
        self.control.progress()
    }

    /// The report so far; behind the end the last one, also of a run that failed. `None` before it begins.
    ///
    /// It is made when it is asked for: some microseconds, once a second or so. The counters of a run under way are read one after the
    /// other, so sums may be off by what happened meanwhile.
    pub fn report(&self) -> Option<Report<()>> {
        self.control.report()
    }

    /// Stops it: within one item per worker, with `RunError::Cancelled`. The sink is not committed. Before the run begins, it keeps it from
    /// beginning.
    pub fn cancel(&self) {
        self.control.cancel().cancel();
    }

    /// Lets it end well and early: nothing more is read, what was read is finished, the sink commits. If that takes longer than
    /// `deadline`, counted from its beginning if it has not begun, the run is stopped with `RunError::TimedOut`.
    ///
    /// A read that blocks is not interrupted: the run goes on when it gives something. Sources that wait for others end their wait, if they
    /// can ([`Source::stopped_by`](crate::Source::stopped_by)).
    pub fn drain(&self, deadline: Duration) {
        self.control.end_within(deadline);
        self.control.drain();
    }
}

impl Default for Run {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Run({:?})", self.progress())
    }
}
