//! Operations in flight: their order, how many, and that they go on while others wait.
#![cfg(feature = "tokio")]

use pipe_async::Async;
use pipe_core::{RunError, exponential, from_iter, per_second};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::{Barrier, Semaphore};
use tokio::time::{Instant, sleep};

/// How many are in flight, and the most that were.
#[derive(Default)]
struct InFlight {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl InFlight {
    async fn during<T>(&self, operation: impl Future<Output = T>) -> T {
        let now = self.now.fetch_add(1, SeqCst) + 1;
        self.most.fetch_max(now, SeqCst);
        let output = operation.await;
        self.now.fetch_sub(1, SeqCst);
        output
    }
}

/// A delay that has nothing to do with the order of items.
fn scattered(n: u64) -> Duration {
    Duration::from_millis(n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58)
}

#[tokio::test(start_paused = true)]
async fn outputs_come_in_the_order_of_the_items() {
    let report = from_iter(0..3_000u64)
        .map(|n| n + 1)
        .map_async(|n| async move {
            sleep(scattered(n)).await;
            n * 2
        })
        .map(|n| n + 1)
        .collect()
        .run_on(&Async::tokio())
        .await
        .expect("nothing fails");
    assert_eq!(report.value, (1..=3_000).map(|n| n * 2 + 1).collect::<Vec<_>>());
    assert_eq!((report.executor, report.workers), ("Async on tokio", 2));
    let accounts: Vec<_> = report.segments.iter().map(|segment| (segment.taken, segment.emitted)).collect();
    assert_eq!(accounts, [(3_000, 3_000); 3]);
}

#[tokio::test(start_paused = true)]
async fn unordered_outputs_come_as_they_are_ready() {
    // Time stands still until all have begun.
    let begun = Arc::new(Barrier::new(500));
    let report = from_iter(0..500u64)
        .map_async(move |n| {
            let begun = begun.clone();
            async move {
                begun.wait().await;
                sleep(Duration::from_secs(1_000 - n)).await;
                n
            }
        })
        .concurrency(500)
        .unordered()
        .collect()
        .run_on(&Async::tokio())
        .await
        .expect("nothing fails");
    assert_eq!(report.value, (0..500).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn concurrency_is_reached_and_never_exceeded() {
    for unordered in [false, true] {
        let (in_flight, barrier) = (Arc::new(InFlight::default()), Arc::new(Barrier::new(50)));
        let (seen, gate) = (in_flight.clone(), barrier.clone());
        let stage = from_iter(0..1_000u64).map_async(move |n| {
            let (seen, gate) = (seen.clone(), gate.clone());
            // None of them ends before there are fifty.
            async move { seen.during(async { gate.wait().await }).await.is_leader() as u64 + n }
        });
        let stage = stage.concurrency(50);
        let stage = if unordered { stage.unordered() } else { stage };
        let report = stage.collect().run_on(&Async::tokio()).await.expect("nothing fails");
        assert_eq!((report.value.len(), in_flight.most.load(SeqCst)), (1_000, 50));
        assert_eq!(report.segments.last().and_then(|segment| segment.concurrency), Some(50));
    }
}

#[tokio::test]
async fn operations_go_on_while_the_consumer_is_slow() {
    let ended = Arc::new(AtomicUsize::new(0));
    let (count, seen) = (ended.clone(), ended.clone());
    let mut first = true;
    let slow = move |_| {
        if first {
            first = false;
            // While the first item is being consumed, all others of a window come to their end.
            while seen.load(SeqCst) < 100 {
                std::thread::yield_now();
            }
        }
    };
    let report = from_iter(0..1_000u64)
        .map_async(move |n| {
            let count = count.clone();
            async move {
                tokio::task::yield_now().await;
                count.fetch_add(1, SeqCst);
                n
            }
        })
        .concurrency(50)
        .for_each(slow)
        .run_on(&Async::tokio())
        .await;
    assert_eq!(report.expect("nothing fails").written, 1_000);
}

#[tokio::test]
async fn one_slow_operation_holds_up_a_window_and_no_more() {
    let (started, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let early = Arc::new(AtomicUsize::new(0));
    let (count, open, too_early) = (started.clone(), gate.clone(), early.clone());
    let run = from_iter(0..1_000u64)
        .map_async(move |n| {
            let (count, open, too_early) = (count.clone(), open.clone(), too_early.clone());
            async move {
                // The first four windows of ten begin; all others find the gate open.
                if n >= 40 && open.available_permits() == 0 {
                    too_early.fetch_add(1, SeqCst);
                }
                count.fetch_add(1, SeqCst);
                if n == 0 {
                    drop(open.acquire().await);
                }
                n
            }
        })
        .concurrency(10)
        .collect()
        .run_on(&Async::tokio());
    let run = tokio::spawn(run);
    let forty = async {
        while started.load(SeqCst) < 40 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), forty).await.expect("a window of forty fills");
    gate.add_permits(1);
    let report = run.await.expect("no panic").expect("nothing fails");
    assert_eq!(report.value, (0..1_000).collect::<Vec<_>>());
    assert_eq!(early.load(SeqCst), 0, "operations that began while the first one held the window");
}

#[tokio::test(start_paused = true)]
async fn thousands_of_sleeps_take_the_time_of_one() {
    let (count, started) = (5_000u64, Instant::now());
    let in_flight = Arc::new(InFlight::default());
    let seen = in_flight.clone();
    let barrier = Arc::new(Barrier::new(count as usize));
    let report = from_iter(0..count)
        .map_async(move |n| {
            let (seen, barrier) = (seen.clone(), barrier.clone());
            async move {
                seen.during(async {
                    barrier.wait().await;
                    sleep(Duration::from_secs(10)).await;
                })
                .await;
                n
            }
        })
        .concurrency(count as usize)
        .fold(|| 0, |sum, n| *sum += n, |all, part| *all += part)
        .run_on(&Async::tokio())
        .await
        .expect("nothing fails");
    assert_eq!((report.value, in_flight.most.load(SeqCst)), (count * (count - 1) / 2, 5_000));
    assert!(started.elapsed() < Duration::from_secs(11), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn several_async_stages_with_sync_ones_between_and_without() {
    let wait = |n: u64| async move {
        sleep(scattered(n)).await;
        n + 1
    };
    let report = from_iter(0..2_000u64)
        .map_async(wait)
        .named("first")
        .map_async(wait)
        .named("right behind it")
        // State that is not `Send`, made on the thread that uses it.
        .map_with(|| Rc::new(10), |ten, n| n * **ten)
        .filter(|n| n % 20 == 0)
        .scan(
            || 0,
            |sum, n| {
                *sum += n;
                *sum
            },
        )
        .map_async(wait)
        .concurrency(7)
        .map(|n| n - 1)
        .collect()
        .run_on(&Async::tokio())
        .await
        .expect("nothing fails");
    let even = (2..2_002u64).filter(|n| n % 2 == 0);
    let expected = even.scan(0, |sum, n| {
        *sum += n * 10;
        Some(*sum)
    });
    assert_eq!(report.value, expected.collect::<Vec<_>>());
    assert_eq!(report.workers, 3);
}

#[test]
fn a_run_may_be_spawned_and_awaited_in_either_flavour() {
    let run = || {
        let fetch = |n: u32| async move {
            tokio::task::yield_now().await;
            n * 2
        };
        from_iter(0..10_000u32).map_async(fetch).concurrency(100).collect().run_on(&Async::tokio())
    };
    let expected: Vec<u32> = (0..10_000).map(|n| n * 2).collect();
    let many = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let spawned = many.block_on(async { tokio::join!(tokio::spawn(run()), tokio::spawn(run())) });
    assert_eq!(spawned.0.unwrap().unwrap().value, expected);
    assert_eq!(spawned.1.unwrap().unwrap().value, expected);
    let one = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(one.block_on(run()).unwrap().value, expected);
}

#[test]
fn outside_of_a_runtime_a_run_is_a_config_error() {
    let run = from_iter(0..3).map_async(|n| async move { n }).collect().run_on(&Async::tokio());
    let mut run = std::pin::pin!(run);
    let polled = run.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    let std::task::Poll::Ready(Err(error)) = polled else { panic!("it is refused at once") };
    assert!(error.to_string().contains("awaited inside a tokio runtime"), "{error}");
}

#[test]
fn what_needs_timers_is_a_config_error_where_the_runtime_has_none() {
    let runtime = Builder::new_current_thread().build().expect("a runtime without timers");
    let numbers = || from_iter(0..10u64).map_async(|n| async move { n });
    let tried = || from_iter(0..10u64).try_map_async(|n| async move { Ok::<u64, String>(n) });
    let executor = Async::tokio();
    let runs = [
        numbers().timeout(Duration::from_secs(1)).collect().run_on(&executor),
        numbers().rate(per_second(1_000)).collect().run_on(&executor),
        tried().retry(exponential(2)).collect().run_on(&executor),
        numbers().collect().within(Duration::from_secs(1)).run_on(&executor),
    ];
    for run in runs {
        let error = runtime.block_on(run).expect_err("there are no timers");
        assert!(matches!(error, RunError::Config { field: "runtime", .. }), "{error:?}");
    }
    let needs_none = runtime.block_on(numbers().collect().run_on(&executor));
    assert_eq!(needs_none.expect("it waits for nothing").value.len(), 10);
}
