//! Async stages that several threads drive.
#![cfg(feature = "tokio")]

use pipe_async::Async;
use pipe_core::{Position, RunError, exponential, from_iter, per_second, skip};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;
use tokio::task::yield_now;

/// Where threads wait until this many are there.
struct Gate {
    there: Mutex<usize>,
    changed: Condvar,
}

impl Gate {
    fn new() -> Arc<Self> {
        Arc::new(Gate { there: Mutex::new(0), changed: Condvar::new() })
    }

    /// Blocks the thread. False if the others do not come.
    fn meets(&self, threads: usize) -> bool {
        let mut there = self.there.lock().unwrap();
        *there += 1;
        self.changed.notify_all();
        let limit = Duration::from_secs(60);
        let (_there, waited) =
            self.changed.wait_timeout_while(there, limit, |there| *there < threads).unwrap();
        !waited.timed_out()
    }
}

#[test]
fn operations_that_compute_do_so_on_all_shards_at_once() {
    let gate = Gate::new();
    let report = from_iter(0..3u32)
        .map_async(move |n| {
            let gate = gate.clone();
            async move {
                assert!(gate.meets(3), "each of the three has a thread");
                n
            }
        })
        .concurrency(3)
        .collect()
        .run_on(&Async::tokio().shards(3).blocking());
    assert_eq!(report.expect("nothing fails").value, [0, 1, 2]);
}

#[test]
fn all_shards_together_have_no_more_in_flight_than_the_stage_may_have() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = most.clone();
    let report = from_iter(0..5_000u64)
        .map_async(move |n| {
            let (now, most) = (now.clone(), most.clone());
            async move {
                most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                yield_now().await;
                now.fetch_sub(1, SeqCst);
                n
            }
        })
        .concurrency(7)
        .collect()
        .run_on(&Async::tokio().shards(3).blocking());
    assert_eq!(report.expect("nothing fails").value, (0..5_000).collect::<Vec<_>>());
    assert!((1..=7).contains(&seen.load(SeqCst)), "{} in flight", seen.load(SeqCst));
}

#[test]
fn of_many_failures_the_first_in_the_input_is_that_of_the_run() {
    for _ in 0..20 {
        let error = from_iter(0..2_000u64)
            .try_map_async(|n| async move {
                // Later ones fail sooner.
                for _ in 0..(2_000 - n) % 50 {
                    yield_now().await;
                }
                if n >= 300 { Err(format!("{n}")) } else { Ok(n) }
            })
            .concurrency(100)
            .collect()
            .run_on(&Async::tokio().shards(3).blocking())
            .expect_err("most items fail");
        assert_eq!(error.to_string(), "stage try_map_async#0 failed at 300: 300");
    }
}

#[test]
fn a_panic_has_the_position_of_its_item() {
    // With a filter before it an item has another position than number.
    let error = from_iter(0..1_000u64)
        .filter(|n| n % 2 == 1)
        .map_async(|n| async move {
            yield_now().await;
            assert!(n != 501, "no");
            n
        })
        .concurrency(10)
        .collect()
        .run_on(&Async::tokio().shards(2).blocking())
        .expect_err("one panics");
    assert!(
        matches!(&error, RunError::Panicked { at, .. } if *at == Some(Position::from_raw(501))),
        "{error:?}"
    );
}

#[test]
fn failed_items_are_tried_again_on_their_shard_and_follow_their_policy() {
    let attempts = Arc::new(AtomicUsize::new(0));
    let counted = attempts.clone();
    let report = from_iter(0..600u64)
        .try_map_async(move |n| {
            counted.fetch_add(1, SeqCst);
            async move { if n % 3 == 0 { Err("a third fails") } else { Ok(n) } }
        })
        .concurrency(50)
        .retry(exponential(2).first(Duration::ZERO))
        .on_error(skip())
        .collect()
        .run_on(&Async::tokio().shards(2).blocking())
        .expect("what fails is skipped");
    let kept: Vec<u64> = (0..600).filter(|n| n % 3 != 0).collect();
    assert_eq!((report.skipped(), &report.value), (200, &kept));
    assert_eq!(attempts.load(SeqCst), 400 + 2 * 200);
}

#[test]
fn what_counts_over_all_operations_of_a_stage_has_one_driver_in_the_task() {
    let threads = Arc::new(Mutex::new(HashSet::new()));
    let seen = threads.clone();
    let run = from_iter(0..100u64)
        .map_async(move |n| {
            seen.lock().unwrap().insert(thread::current().id());
            async move { n }
        })
        .rate(per_second(1_000_000).burst(100))
        .collect();
    run.run_on(&Async::tokio().shards(2).blocking()).expect("nothing fails");
    assert_eq!(*threads.lock().unwrap(), HashSet::from([thread::current().id()]));
}

#[test]
fn without_shards_there_is_no_run() {
    let run = from_iter(0..3u32).map_async(|n| async move { n }).collect();
    let error = run.run_on(&Async::tokio().shards(0).blocking()).expect_err("nobody would start operations");
    assert!(matches!(error, RunError::Config { field: "shards", .. }), "{error:?}");
}
