//! Batches are let go when they are old enough, though no item comes; and calls for whole batches.
#![cfg(feature = "tokio")]

use pipe_async::Async;
use pipe_core::testing::VirtualClock;
use pipe_core::{BlockingExecutor, RunError, WrongAnswers, from_iter, skip};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A minute is the longest that anybody waits here; it is not what is tested.
const LONG: Duration = Duration::from_secs(60);

/// Numbers up to nine; behind every third waits until it is told that all so far have arrived.
fn until_they_arrive(arrived: Receiver<u64>) -> impl Iterator<Item = u64> + Send + 'static {
    let arrived = Mutex::new(arrived);
    (0..9).inspect(move |n| {
        if *n > 0 && n % 3 == 0 {
            let arrived = arrived.lock().unwrap();
            while arrived.recv_timeout(LONG).expect("the items before are kept back") != n - 1 {}
        }
    })
}

fn no_batch_waits_for_an_item_that_does_not_come(executor: &impl BlockingExecutor<'static>) {
    let (told, arrived) = channel();
    let all = Arc::new(Mutex::new(Vec::new()));
    let seen = all.clone();
    from_iter(until_they_arrive(arrived))
        .map(|n| n)
        .batch(100)
        .or_after(Duration::from_millis(2))
        .for_each(move |batch| {
            batch.iter().for_each(|n| _ = told.send(*n));
            seen.lock().unwrap().extend(batch);
        })
        .run_on(executor)
        .expect("nothing fails");
    assert_eq!(*all.lock().unwrap(), (0..9).collect::<Vec<_>>());
}

#[test]
fn no_batch_waits_for_an_item_that_does_not_come_on_tokio() {
    no_batch_waits_for_an_item_that_does_not_come(&Async::tokio().blocking());
    // Nor where hardly anything may be in flight.
    no_batch_waits_for_an_item_that_does_not_come(&Async::tokio().memory_limit(1_000).blocking());
}

#[cfg(all(feature = "monoio", target_os = "linux"))]
#[test]
fn no_batch_waits_for_an_item_that_does_not_come_on_monoio() {
    no_batch_waits_for_an_item_that_does_not_come(&Async::monoio().blocking());
}

#[test]
fn the_age_of_a_batch_goes_by_the_clock_of_the_run_however_that_leaps() {
    let (clock, (told, arrived)) = (VirtualClock::new(), channel());
    let (hands, arrived) = (clock.clone(), Mutex::new(arrived));
    let ages = (0..9u64).inspect(move |n| {
        let (begun, arrived) = (Instant::now(), arrived.lock().unwrap());
        // Time leaps until all before this one have arrived; nobody waits that long.
        while *n > 0 && n % 3 == 0 && arrived.try_recv() != Ok(n - 1) {
            hands.advance(Duration::from_secs(1_000));
            assert!(begun.elapsed() < LONG, "the items before {n} are kept back");
            thread::yield_now();
        }
    });
    let all = Arc::new(Mutex::new(Vec::new()));
    let seen = all.clone();
    let run =
        from_iter(ages).map(|n| n).batch(100).or_after(Duration::from_secs(3_600)).for_each(move |batch| {
            batch.iter().for_each(|n| _ = told.send(*n));
            seen.lock().unwrap().extend(batch);
        });
    run.clocked_by(clock).run_on(&Async::tokio().blocking()).expect("nothing fails");
    assert_eq!(*all.lock().unwrap(), (0..9).collect::<Vec<_>>());
}

#[test]
fn no_batch_waits_behind_an_async_stage() {
    let (told, arrived) = channel();
    let report = from_iter(until_they_arrive(arrived))
        .map_async(|n| async move { n })
        .batch(100)
        .or_after(Duration::from_millis(2))
        .try_map_batch_async(|batch: Vec<u64>| async move { Ok::<_, RunError>(batch) })
        .flat_map(|answers| answers)
        .inspect(move |n| _ = told.send(*n))
        .collect()
        .run_on(&Async::tokio().blocking())
        .expect("nothing fails");
    assert_eq!(report.value, (0..9).collect::<Vec<_>>());
}

#[test]
fn a_batch_that_is_kept_when_the_run_is_stopped_is_dropped_and_the_run_returns() {
    let cancel = pipe_core::Cancel::new();
    let stop = cancel.clone();
    let ended = from_iter((0..5u64).inspect(move |n| {
        if *n == 4 {
            stop.cancel()
        }
    }))
    .batch(100)
    .or_after(LONG)
    .for_each(drop)
    .cancelled_by(&cancel)
    .run_on(&Async::tokio().blocking());
    assert!(matches!(ended, Err(RunError::Cancelled)), "{ended:?}");
}

#[test]
fn answers_are_dealt_back_in_the_order_of_the_items() {
    let report = from_iter(0..1_000u64)
        .batch(7)
        .try_map_batch_async(|batch: Vec<u64>| async move {
            tokio::task::yield_now().await;
            Ok::<_, String>(batch.into_iter().map(|n| n * n).collect())
        })
        .concurrency(5)
        .flat_map(|answers| answers)
        .collect()
        .run_on(&Async::tokio().blocking())
        .expect("nothing fails");
    assert_eq!(report.value, (0..1_000).map(|n| n * n).collect::<Vec<_>>());
}

#[test]
fn a_wrong_number_of_answers_is_the_error_of_the_stage() {
    let call = |batch: Vec<u64>| async move {
        let answered = if batch.contains(&20) { batch.len() - 1 } else { batch.len() };
        Ok::<_, String>(batch.into_iter().take(answered).collect::<Vec<_>>())
    };
    let executor = Async::tokio().blocking();
    let error = from_iter(0..100u64).batch(8).try_map_batch_async(call).collect().run_on(&executor);
    let error = error.expect_err("one batch has too few answers");
    let wrong = error.stage_error::<WrongAnswers>().expect("the stage's error");
    assert_eq!((wrong.asked, wrong.answered), (8, 7));
    let report = from_iter(0..100u64).batch(8).try_map_batch_async(call).on_error(skip()).flat_map(|all| all);
    let report = report.collect().run_on(&executor).expect("what fails is skipped");
    assert_eq!(report.value, (0..16).chain(24..100).collect::<Vec<_>>());
    assert_eq!(report.skipped(), 1);
}
