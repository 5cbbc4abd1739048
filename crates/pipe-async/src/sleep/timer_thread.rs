//! Sleeps that no driver and no runtime serves: a thread with a wheel, started for the first of them, which then stays.

use super::sleeps::{Shared, Sleeps, Then};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// As that of drivers.
const TICK: Duration = Duration::from_nanos(62_500);

/// Those that fire before their wakers are called.
const MOST: usize = 1_024;

/// The one of this process.
pub(super) struct TimerThread {
    sleeps: Arc<Shared>,
    thread: Thread,
}

/// The thread, which is started if it is not there.
///
/// # Panics
/// The system refuses it.
pub(super) fn get() -> &'static TimerThread {
    static THREAD: OnceLock<TimerThread> = OnceLock::new();
    THREAD.get_or_init(|| {
        let start = Instant::now();
        let sleeps = Sleeps::everywhere(Box::new(move || start.elapsed()), TICK);
        let shared = sleeps.shared().clone();
        let spawned = thread::Builder::new().name("pipe-timer".to_owned()).spawn(move || run(sleeps, start));
        let thread = spawned.expect("a sleep outside of runs and of tokio needs a thread").thread().clone();
        TimerThread { sleeps: shared, thread }
    })
}

impl TimerThread {
    pub(super) fn sleeps(&self) -> &Arc<Shared> {
        &self.sleeps
    }

    /// A sleep was set. The thread looks, now or when it is about to sit down.
    pub(super) fn look(&self) {
        self.thread.unpark();
    }
}

fn run(mut sleeps: Sleeps, start: Instant) {
    loop {
        match sleeps.turn(MOST, || start.elapsed()).then {
            Then::AtOnce => {}
            Then::At(at) => thread::park_timeout(at.saturating_sub(start.elapsed())),
            Then::Never => thread::park(),
        }
    }
}
