//! A span of time to wait for, the same on each runtime.
//!
//! ```text
//! polled inside a driver                    polled elsewhere
//! in the driver's wheel (`sleeps`)          inside of tokio: its timer
//!                                           else: the wheel of a thread (`timer_thread`)
//! ```
//!
//! A sleep lies in the wheel of the driver that polls it. Polled by another it moves, with what is left of its span: a driver that stands
//! still, or is gone, keeps nobody waiting. What it lies in elsewhere serves it wherever it goes.

mod sleeps;
mod timeout;
mod timer_thread;

use sleeps::{Shared, Stands};
pub(crate) use sleeps::{Sleeps, Then};
use std::fmt;
use std::future::Future;
use std::mem::replace;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
pub use timeout::timeout;

/// A future that is over after `span`. The span begins with the first poll, which `.await` does at once. Never early.
///
/// An operation that waits with this runs unchanged on tokio, on monoio and in [virtual time](crate::Test). It costs less than a timer of the
/// runtime: the operations of a driver share one, and setting, dropping and firing a sleep take constant time and no allocation in the long run. It is
/// late as a timer of the runtime is, by a millisecond or so, and by the time that its task is late.
///
/// A sleep may be dropped at any time and anywhere, and may go from one task or thread to another. Polled outside of a run it is a timer of tokio's,
/// inside of tokio, and elsewhere one of a thread that this crate then starts.
///
/// An operation that blocks its thread until a sleep is over (a `block_on` of another crate) waits for ever: that thread is the one which ends sleeps.
///
/// # Panics
/// When it is polled: inside of a tokio runtime without timers (`enable_time`); or outside of runs and of tokio, if the system refuses a thread.
///
/// # Examples
/// ```
/// use pipe_async::{Async, Test, sleep};
/// use pipe_core::{RunError, from_iter};
/// use std::time::Duration;
///
/// async fn answer(n: u64) -> u64 {
///     sleep(Duration::from_millis(10) * n as u32).await;
///     n * n
/// }
/// let squares = || from_iter(1..=3).map_async(answer).collect();
/// assert_eq!(squares().run_on(&Async::tokio().blocking())?.value, [1, 4, 9]);
///
/// let begun = Test::now();
/// assert_eq!(squares().run_on(&Async::test())?.value, [1, 4, 9]);
/// assert_eq!(Test::now() - begun, Duration::from_millis(30));
/// # Ok::<(), RunError>(())
/// ```
pub fn sleep(span: Duration) -> Sleep {
    Sleep { state: State::Unset(span) }
}

/// Waits for a span of time to pass; made by [`sleep`].
#[must_use = "a future does nothing unless it is awaited"]
pub struct Sleep {
    state: State,
}

enum State {
    /// In no wheel: what is left of its span.
    Unset(Duration),
    /// An alarm in a wheel, which is this one's until it is released.
    Set {
        sleeps: Arc<Shared>,
        number: u32,
    },
    #[cfg(feature = "tokio")]
    Tokio(Pin<Box<tokio::time::Sleep>>),
    Over,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let left = match &mut self.state {
            State::Unset(span) => *span,
            State::Set { sleeps, number } => match sleeps.look(*number, cx.waker()) {
                Stands::Waits => return Poll::Pending,
                Stands::Released(left) => {
                    // At once: the number is that of another sleep from here on.
                    self.state = State::Unset(left);
                    left
                }
            },
            #[cfg(feature = "tokio")]
            State::Tokio(sleep) => return sleep.as_mut().poll(cx),
            State::Over => return Poll::Ready(()),
        };
        if left.is_zero() {
            self.state = State::Over;
            return Poll::Ready(());
        }
        match sleeps::current() {
            Some(sleeps) => self.wait_in(sleeps, left, cx),
            None => self.wait_elsewhere(left, cx),
        }
    }
}

impl Sleep {
    fn wait_in(&mut self, sleeps: Arc<Shared>, left: Duration, cx: &Context<'_>) -> Poll<()> {
        let number = sleeps.set(left, cx.waker());
        self.state = State::Set { sleeps, number };
        Poll::Pending
    }

    /// No driver polls it.
    #[cold]
    fn wait_elsewhere(&mut self, left: Duration, cx: &mut Context<'_>) -> Poll<()> {
        #[cfg(feature = "tokio")]
        if tokio::runtime::Handle::try_current().is_ok() {
            let mut sleep = Box::pin(tokio::time::sleep(left));
            let polled = sleep.as_mut().poll(cx);
            self.state = State::Tokio(sleep);
            return polled;
        }
        let thread = timer_thread::get();
        let polled = self.wait_in(thread.sleeps().clone(), left, cx);
        thread.look();
        polled
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let State::Set { sleeps, number } = replace(&mut self.state, State::Over) {
            sleeps.release(number);
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("is_over", &matches!(self.state, State::Over)).finish_non_exhaustive()
    }
}
