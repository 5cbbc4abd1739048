//! How much memory 100,000 operations in flight take, beside the same futures in futures-buffered. In a process of its own: it counts the
//! bytes of all threads, at the moment at which the last of them has begun.
#![cfg(feature = "tokio")]
#![expect(
    unsafe_code,
    reason = "an allocator can only be written with it; this one hands on to the system's"
)]

use futures_buffered::BufferedStreamExt;
use futures_core::Stream;
use pipe_async::Async;
use pipe_core::from_iter;
use std::alloc::{GlobalAlloc, Layout, System};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

struct Counting;

/// Bytes that are held now, and that were when all operations had begun.
static HELD: AtomicUsize = AtomicUsize::new(0);
static HELD_BY_ALL: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all methods hand their arguments on to `System`, unchanged, so its guarantees are ours.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), SeqCst);
        // SAFETY: the caller keeps the obligations of `alloc`, which are those of `System`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), SeqCst);
        // SAFETY: as above; `place` came from `System`, the only allocator here.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const OPERATIONS: usize = 100_000;

/// How many operations have begun.
static BEGUN: AtomicUsize = AtomicUsize::new(0);

/// Holds 256 bytes, and is over when all others are in flight too: so it is that many for sure.
async fn operation(n: u64) -> u64 {
    let held = [n; 32];
    let mut is_new = true;
    poll_fn(|cx| {
        if std::mem::take(&mut is_new) && BEGUN.fetch_add(1, SeqCst) + 1 == OPERATIONS {
            HELD_BY_ALL.store(HELD.load(SeqCst), SeqCst);
        }
        if BEGUN.load(SeqCst) == OPERATIONS {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
    held[(n % 32) as usize]
}

/// What `work` holds while all operations are in flight, for each of them.
fn bytes_each(work: impl FnOnce() -> u64) -> f64 {
    BEGUN.store(0, SeqCst);
    let before = HELD.load(SeqCst);
    let (sum, all) = (work(), OPERATIONS as u64);
    assert_eq!(sum, all * (all - 1) / 2);
    (HELD_BY_ALL.load(SeqCst) - before) as f64 / OPERATIONS as f64
}

/// An iterator as a stream.
struct Given<I>(I);

impl<I: Iterator + Unpin> Stream for Given<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.0.next())
    }
}

fn theirs() -> f64 {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime of one thread");
    bytes_each(|| {
        runtime.block_on(tokio::task::unconstrained(async {
            let operations = Given((0..OPERATIONS as u64).map(operation));
            let mut all = pin!(operations.buffered_unordered(OPERATIONS));
            let mut sum = 0;
            while let Some(n) = poll_fn(|cx| all.as_mut().poll_next(cx)).await {
                sum += n;
            }
            sum
        }))
    })
}

/// The runs are counted one at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// Not a function: what an executor drives is the type of the stage, and that has no name.
macro_rules! ours {
    ($executor:expr) => {
        bytes_each(|| {
            let run = from_iter(0..OPERATIONS as u64)
                .map_async(operation)
                .concurrency(OPERATIONS)
                .unordered()
                .fold(|| 0, |sum, n| *sum += n, |all, part| *all += part);
            run.run_on($executor).expect("nothing fails").value
        })
    };
}

fn assert_little(ours: f64) {
    let (theirs, future) = (theirs(), size_of_val(&operation(0)) as f64);
    println!("{:.1} bytes beside the future, futures-buffered {:.1}", ours - future, theirs - future);
    assert!(theirs > future, "not all were in flight");
    assert!(ours > future && ours <= theirs, "{ours} bytes, futures-buffered {theirs}");
}

#[test]
fn a_hundred_thousand_operations_on_tokio_take_no_more_memory_than_in_futures_buffered() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    assert_little(ours!(&Async::tokio().memory_limit(1 << 30).blocking()));
}

#[cfg(all(feature = "monoio", target_os = "linux"))]
#[test]
fn a_hundred_thousand_operations_on_monoio_take_no_more_memory_than_in_futures_buffered() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    assert_little(ours!(&Async::monoio().memory_limit(1 << 30).blocking()));
}
