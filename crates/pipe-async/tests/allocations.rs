//! No allocation for an operation, in the long run. In a process of its own: it counts those of all threads.
#![cfg(feature = "tokio")]
#![expect(
    unsafe_code,
    reason = "an allocator can only be written with it; this one hands on to the system's"
)]

use pipe_async::{Async, sleep};
use pipe_core::from_iter;
use std::alloc::{GlobalAlloc, Layout, System};
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

struct Counting;

static CALLS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: both methods hand their arguments on to `System`, unchanged, so its guarantees are ours.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        CALLS.fetch_add(1, Relaxed);
        // SAFETY: the caller keeps the obligations of `alloc`, which are those of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: as above; `place` came from `System`, the only allocator here.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The calls of one test are not to be counted by the other.
static ALONE: Mutex<()> = Mutex::new(());

/// Runs this many operations, each of which waits for a wake and for a moment and has a deadline, and says how often that allocates. Not a function: what an executor
/// drives is the type of the stage, and that has no name.
macro_rules! allocations {
    ($operations:expr, $executor:expr) => {{
        let (before, operations) = (CALLS.load(Relaxed), $operations);
        let run = from_iter(0..operations)
            .map_async(|n| async move {
                once_later().await;
                sleep(Duration::from_micros(100)).await;
                n
            })
            .concurrency(1_000)
            .timeout(Duration::from_secs(60))
            .fold(|| 0, |sum, n| *sum += n, |all, part| *all += part)
            .run_on($executor);
        assert_eq!(run.expect("nothing fails").value, operations * (operations - 1) / 2);
        CALLS.load(Relaxed) - before
    }};
}

/// Over at its second poll, on any runtime.
fn once_later() -> impl Future<Output = ()> {
    let mut is_late = false;
    poll_fn(move |cx| {
        if std::mem::replace(&mut is_late, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

/// What is left is for batches: some calls for each, of which there is one for hundreds of operations or more.
fn assert_none(few: usize, many: usize) {
    assert!(many.saturating_sub(few) < 300_000 / 50, "{few} for 10,000, {many} for 310,000");
}

#[test]
fn an_operation_on_tokio_allocates_nothing_once_there_are_slots() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let executor = Async::tokio().blocking();
    assert_none(allocations!(10_000u64, &executor), allocations!(310_000u64, &executor));
}

#[cfg(all(feature = "monoio", target_os = "linux"))]
#[test]
fn an_operation_on_monoio_allocates_nothing_once_there_are_slots() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let executor = Async::monoio().blocking();
    assert_none(allocations!(10_000u64, &executor), allocations!(310_000u64, &executor));
}
