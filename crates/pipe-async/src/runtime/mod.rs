//! What a run needs of a runtime, besides being polled. One module for each; nothing else names a runtime.

mod clock;
pub(crate) mod local_stage;
#[cfg(all(feature = "monoio", target_os = "linux"))]
pub(crate) mod monoio;
pub(crate) mod test;
#[cfg(feature = "tokio")]
pub(crate) mod tokio;

use crate::driver::AsyncWorker;
use crate::polled_stretch::Inside;
use crate::stretch::Stretch;
use pipe_core::RunError;
use pipe_core::plan::RunState;
use std::task::{Context, Poll};
use std::time::Duration;

/// A runtime, as conductors see it.
pub(crate) trait Runtime: 'static {
    /// Its timer.
    type Timer: Timer;

    /// An async stage at work, erased: `Send` where a runtime moves tasks between threads.
    type Worker: AsyncWorker + ?Sized;

    /// A stretch that the task runs itself; `Infallible` where it never does.
    type Inside: Inside;

    /// Where stretch number `place` runs: on a thread of its own, unless the runtime says otherwise.
    fn seat(place: usize, stretch: Stretch) -> Seat<Self::Inside> {
        let _ = place;
        Seat::Thread(stretch)
    }

    /// The executor's name in reports; and where the task runs source and sink as well.
    const NAME: &'static str;
    const NAME_IN_TASK: &'static str;

    /// A run as the runtime wants it polled.
    fn awaited<F: Future<Output = Result<(), RunError>>>(run: F) -> impl Future<Output = F::Output> {
        run
    }

    /// Says in the report what else than it was meant for a runtime that `block_on` makes would use.
    fn note_fallback(run: &RunState) {
        let _ = run;
    }

    /// Runs a future on this thread, on a runtime made for it.
    fn block_on<F: Future>(future: F) -> Result<F::Output, RunError>;

    /// Wakes the task that is being polled, once the runtime has let other tasks run and has looked at its timers and its I/O.
    fn come_back(cx: &Context<'_>);
}

/// What shows the time on a timer's clock, to any thread.
pub(crate) type SharedClock = Box<dyn Fn() -> Duration + Send + Sync>;

/// Where a stretch runs.
pub(crate) enum Seat<I> {
    Thread(Stretch),
    Task(I),
}

/// A timer, and the clock that it goes by.
pub(crate) trait Timer: Unpin {
    /// What alarms are rounded up to. Finer than a runtime's own timer, which so is the only one that rounds for a driver that has nothing else
    /// to do; one that is at work looks at the clock all the time.
    const TICK: Duration = Duration::from_nanos(62_500);

    /// A clock that starts now. It costs nothing until it is looked at.
    fn start() -> Self;

    /// Looks whether the runtime has what `poll_until` needs, for those that will call it.
    ///
    /// # Errors
    /// `Config`: it has not.
    fn check() -> Result<(), RunError> {
        Ok(())
    }

    /// The time since then.
    fn now(&self) -> Duration;

    /// The same clock, for other threads.
    fn clock(&self) -> SharedClock;

    /// Whether that time has come. If not, the task is woken when it has, unless this is called again before with another time.
    fn poll_until(&mut self, at: Duration, cx: &mut Context<'_>) -> Poll<()>;
}
