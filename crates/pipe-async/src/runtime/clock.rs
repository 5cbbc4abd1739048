//! The timer of a runtime, made of its future that sleeps.

use crate::runtime::{SharedClock, Timer};
use pipe_core::{Payload, RunError};
use std::future::Future;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// A runtime's future that is over at a moment, and the clock that it goes by.
pub(crate) trait SleepUntil: Future<Output = ()> + 'static {
    /// What that clock shows.
    fn now() -> Instant;

    /// A future that is over at that moment. Panics where the runtime has no timers.
    fn until(at: Instant) -> Self;

    /// Makes it one that is over at another moment.
    fn reset(self: Pin<&mut Self>, at: Instant);

    /// Whether that moment has come, and the future may not know: where the runtime looks at its timers only when nothing wants to run.
    fn has_come(at: Instant) -> bool {
        let _ = at;
        false
    }
}

/// A runtime's clock, and a sleep that is made when it is needed: the runtime may have no timers.
pub(crate) struct Clock<S> {
    start: Instant,
    sleep: Option<Pin<Box<S>>>,
    /// When the sleep is over.
    until: Instant,
}

impl<S: SleepUntil> Timer for Clock<S> {
    fn start() -> Self {
        let start = S::now();
        Clock { start, sleep: None, until: start }
    }

    /// Runtimes do not tell; they panic. So this costs a panic that is caught, and its words on the screen, where they have none.
    fn check() -> Result<(), RunError> {
        catch_unwind(|| drop(S::until(S::now()))).map_err(|thrown| RunError::Config {
            field: "runtime",
            value: Payload::new(thrown).message(),
            why: "timeouts, retries, rates and deadlines need its timers",
        })
    }

    fn now(&self) -> Duration {
        S::now().saturating_duration_since(self.start)
    }

    fn clock(&self) -> SharedClock {
        let start = self.start;
        Box::new(move || S::now().saturating_duration_since(start))
    }

    /// Panics where the runtime has no timers: see `check`.
    fn poll_until(&mut self, at: Duration, cx: &mut Context<'_>) -> Poll<()> {
        // A sum out of range is in some thousand years.
        let Some(at) = self.start.checked_add(at) else { return Poll::Pending };
        let sleep = match &mut self.sleep {
            Some(sleep) => {
                if self.until != at {
                    sleep.as_mut().reset(at);
                }
                sleep
            }
            none => none.insert(Box::pin(S::until(at))),
        };
        self.until = at;
        match sleep.as_mut().poll(cx) {
            Poll::Pending if S::has_come(at) => Poll::Ready(()),
            polled => polled,
        }
    }
}
