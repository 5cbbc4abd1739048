//! A limit in time for a part of an operation.

use super::sleep;
use pipe_core::TookTooLong;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

/// The output of `future`, or [`TookTooLong`] if that takes longer than `span`, which begins with the first poll. Then the future is dropped.
///
/// For a part of an operation; the stage's own `.timeout(..)` is for all of it, and costs less. What is over when it is looked at is never
/// too late. It waits as a [`sleep`] does, and panics where that does.
///
/// # Errors
/// [`TookTooLong`], with the span.
///
/// # Examples
/// ```
/// use pipe_async::{Async, sleep, timeout};
/// use pipe_core::{RunError, from_iter};
/// use std::time::Duration;
///
/// let report = from_iter([5u64, 5_000])
///     .map_async(|millis| async move {
///         let answer = timeout(Duration::from_millis(100), sleep(Duration::from_millis(millis))).await;
///         answer.is_ok()
///     })
///     .collect()
///     .run_on(&Async::test())?;
/// assert_eq!(report.value, [true, false]);
/// # Ok::<(), RunError>(())
/// ```
pub async fn timeout<F: Future>(span: Duration, future: F) -> Result<F::Output, TookTooLong> {
    let (mut future, mut limit) = (pin!(future), sleep(span));
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Ok(output)),
        Poll::Pending => Pin::new(&mut limit).poll(cx).map(|()| Err(TookTooLong::new(span))),
    })
    .await
}
