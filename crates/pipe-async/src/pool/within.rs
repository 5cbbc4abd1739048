//! Waits that end by a time, whoever polls them.

#[cfg(not(feature = "tokio"))]
pub(super) use std::time::Instant;
#[cfg(feature = "tokio")]
pub(super) use tokio::time::Instant;

use crate::sleep::sleep;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

/// A time that the clock has room for.
const YEARS: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);

/// This much later; years, if that is out of range.
pub(super) fn after(begun: Instant, span: Duration) -> Instant {
    begun + span.min(YEARS)
}

/// What the future gives, or `None` if that takes until `end`.
///
/// What is left until then passes as it does for [`sleep`]: in the wheel of a driver, by the timer of tokio, or by a thread.
///
/// Pinned by the caller: a future that is handed to an async function by value lies in it twice, and is moved as often.
pub(super) async fn within<F: Future>(end: Instant, mut future: Pin<&mut F>) -> Option<F::Output> {
    // Most have nothing to wait for, and set no timer.
    if let Poll::Ready(output) = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
        return Some(output);
    }
    let over = sleep(end.saturating_duration_since(Instant::now()));
    // A task that has had its turn is still told that its time is over.
    #[cfg(feature = "tokio")]
    let over = tokio::task::unconstrained(over);
    before(pin!(over), future).await
}

/// What a future gives that has just been polled, unless `over` comes first.
async fn before<F: Future>(
    mut over: Pin<&mut impl Future<Output = ()>>,
    mut future: Pin<&mut F>,
) -> Option<F::Output> {
    let mut is_new = true;
    poll_fn(|cx| {
        if !std::mem::take(&mut is_new)
            && let Poll::Ready(output) = future.as_mut().poll(cx)
        {
            return Poll::Ready(Some(output));
        }
        over.as_mut().poll(cx).map(|()| None)
    })
    .await
}
