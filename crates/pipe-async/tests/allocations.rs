//! No allocation for an operation, in the long run. In a process of its own: it counts those of all threads.
#![cfg(feature = "tokio")]
#![expect(
    unsafe_code,
    reason = "an allocator can only be written with it; this one hands on to the system's"
)]

use pipe_async::Async;
use pipe_core::from_iter;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
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

/// How often a run of so many operations allocates, each of which waits once and has a deadline.
fn allocations(operations: u64) -> usize {
    let before = CALLS.load(Relaxed);
    let run = from_iter(0..operations)
        .map_async(|n| async move {
            tokio::task::yield_now().await;
            n
        })
        .concurrency(1_000)
        .timeout(Duration::from_secs(60))
        .fold(|| 0, |sum, n| *sum += n, |all, part| *all += part)
        .run_on(&Async::tokio().blocking());
    assert_eq!(run.expect("nothing fails").value, operations * (operations - 1) / 2);
    CALLS.load(Relaxed) - before
}

#[test]
fn an_operation_allocates_nothing_once_there_are_slots() {
    let (few, many) = (allocations(10_000), allocations(310_000));
    // What is left is for batches: some calls for each, of which there is one for hundreds of operations or more.
    assert!(many.saturating_sub(few) < 300_000 / 50, "{few} for 10,000, {many} for 310,000");
}
