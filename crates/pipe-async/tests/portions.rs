//! How long the task of a run keeps others waiting: counted in operations between two turns of a neighbour in the same task.
#![cfg(feature = "tokio")]

use pipe_async::Async;
use pipe_core::{from_iter, skip};
use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::yield_now;

/// An operation that computes. It may take longer, where the machine has other things to do, but never less: so only few are in a portion.
fn compute() {
    let started = Instant::now();
    while started.elapsed() < Duration::from_micros(100) {
        std::hint::spin_loop();
    }
}

/// The most operations between two turns of a neighbour: ten are in the millisecond after which the task lets others run, a portion of two
/// comes on top, and the run may have two turns in a row.
const MOST: usize = 40;

/// Gives others their turn until there are `count`; returns by how many they have grown at most from one turn to the next.
async fn longest_step(done: &AtomicUsize, count: usize) -> usize {
    let (before, longest) = (Cell::new(done.load(SeqCst)), Cell::new(0));
    while before.get() < count {
        yield_now().await;
        let now = done.load(SeqCst);
        longest.set(longest.get().max(now - before.replace(now)));
    }
    longest.get()
}

#[tokio::test]
async fn many_that_wake_at_once_do_not_keep_others_waiting_though_few_did_before() {
    let (gate, done) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
    let (passed, count) = (gate.clone(), done.clone());
    let run = from_iter(0..1_050)
        .map_async(move |n: usize| {
            let (passed, count) = (passed.clone(), count.clone());
            async move {
                passed.acquire().await.expect("it stays open").forget();
                compute();
                count.fetch_add(1, SeqCst);
                n
            }
        })
        .concurrency(1_050)
        .unordered()
        .collect()
        .run_on(&Async::tokio());
    let neighbour = async {
        for n in 1..=50 {
            gate.add_permits(1);
            longest_step(&done, n).await;
        }
        gate.add_permits(1_000);
        longest_step(&done, 1_050).await
    };
    let (report, longest) = tokio::join!(run, neighbour);
    assert_eq!(report.expect("nothing fails").value.len(), 1_050);
    assert!(longest <= MOST, "{longest} operations in one turn");
}

/// Computes, and counts, when it is dropped.
struct Costly(Arc<AtomicUsize>);

impl Drop for Costly {
    fn drop(&mut self) {
        compute();
        self.0.fetch_add(1, SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn many_that_are_too_slow_at_once_do_not_keep_others_waiting() {
    const COUNT: usize = 500;
    let (begun, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (started, count) = (begun.clone(), dropped.clone());
    let run = from_iter(0..COUNT)
        .try_map_async(move |_| {
            let (started, costly) = (started.clone(), Costly(count.clone()));
            async move {
                let _costly = costly;
                // What they cost is known when they are ended.
                compute();
                started.fetch_add(1, SeqCst);
                pending::<Result<(), String>>().await
            }
        })
        .concurrency(COUNT)
        .timeout(Duration::from_secs(10))
        .on_error(skip())
        .collect()
        .run_on(&Async::tokio());
    let neighbour = async {
        // While it has something to do the clock stands still.
        longest_step(&begun, COUNT).await;
        tokio::time::advance(Duration::from_secs(11)).await;
        longest_step(&dropped, COUNT).await
    };
    let (report, longest) = tokio::join!(run, neighbour);
    assert!(report.expect("they are skipped").value.is_empty());
    assert!(longest <= MOST, "{longest} operations in one turn");
}

#[tokio::test]
async fn operations_that_wake_themselves_let_all_others_have_their_turn() {
    // All wait for the second turn of the last one, and ask again all the time.
    let (begun, over) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let run = from_iter(0..64)
        .map_async(move |n| {
            let (begun, over, mut polls) = (begun.clone(), over.clone(), 0);
            poll_fn(move |cx| {
                compute();
                if n == 63 && begun.swap(true, SeqCst) {
                    over.store(true, SeqCst);
                }
                if over.load(SeqCst) {
                    return Poll::Ready(n);
                }
                polls += usize::from(begun.load(SeqCst));
                assert!(polls < 10, "number {n} is asked again and again, and the last one is not");
                cx.waker().wake_by_ref();
                Poll::Pending
            })
        })
        .concurrency(64)
        .collect()
        .run_on(&Async::tokio());
    assert_eq!(run.await.expect("it ends").value.len(), 64);
}
