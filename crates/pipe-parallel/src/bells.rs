//! The reasons for which workers of a run sleep, and the switch of the run, which wakes all of them.

use crate::bell::{Bell, Listening};
use pipe_core::plan::RunState;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Wake, Waker};
use std::time::Duration;

/// See the module's text.
pub(crate) struct Bells {
    /// For who has no job.
    pub(crate) jobs: Bell,
    /// For who is in the middle of a job, and waits for bytes.
    pub(crate) room: Bell,
    /// For stand-ins while nobody waits for whom they would work.
    pub(crate) stand_ins: Bell,
    /// The run's switch does not know of these: it forgets whom it has woken.
    unknown: AtomicBool,
}

/// How long a sleeper goes without a look at the deadline, if there is one: it cuts off long slices only if somebody reads the clock, and who
/// is in one does not.
pub(crate) const NAP: Duration = Duration::from_millis(10);

impl Bells {
    pub(crate) fn new() -> Arc<Self> {
        let (jobs, room, stand_ins) = (Bell::new(), Bell::new(), Bell::new());
        Arc::new(Bells { jobs, room, stand_ins, unknown: AtomicBool::new(true) })
    }

    pub(crate) fn ring_for_all(&self) {
        self.jobs.ring_for_all();
        self.room.ring_for_all();
        self.stand_ins.ring_for_all();
    }

    /// Until it rings, or the run has to end, or for `limit`.
    pub(crate) fn sleep(self: &Arc<Self>, listening: Listening<'_>, run: &RunState, limit: Option<Duration>) {
        // Before the look: a switch that is turned in between rings.
        if self.unknown.swap(false, SeqCst) {
            run.cancel().wake(Waker::from(self.clone()));
        }
        if run.check().is_ok() {
            let nap = run.has_deadline().then_some(NAP);
            listening.sleep(limit.into_iter().chain(nap).min());
        }
    }
}

impl Wake for Bells {
    fn wake(self: Arc<Self>) {
        self.unknown.store(true, SeqCst);
        self.ring_for_all();
    }
}
