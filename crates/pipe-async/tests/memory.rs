//! The memory limit: what counts, what it bounds, and that a small one slows down and does not stop.
#![cfg(feature = "tokio")]

use pipe_async::Async;
use pipe_core::testing::{Counted, Live};
use pipe_core::{Budget, RunError, from_iter};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

#[tokio::test]
async fn zero_is_a_config_error_before_anything_is_pulled() {
    let pulled = Arc::new(AtomicUsize::new(0));
    let count = pulled.clone();
    let items = (0..10).inspect(move |_| _ = count.fetch_add(1, SeqCst));
    let run = from_iter(items).map_async(|n| async move { n }).collect();
    let error = run.run_on(&Async::tokio().memory_limit(0)).await.expect_err("zero makes no sense");
    let RunError::Config { field, value, .. } = &error else { panic!("{error:?}") };
    assert_eq!((*field, &**value, pulled.load(SeqCst)), ("memory_limit", "0", 0));
    let none = from_iter(0..3).map_async(|n| async move { n }).concurrency(0).collect();
    let error = none.run_on(&Async::tokio()).await.expect_err("nor does this");
    assert!(matches!(error, RunError::Config { field: "concurrency", .. }), "{error:?}");
}

#[tokio::test]
async fn items_larger_than_the_limit_are_budget_errors() {
    let small = Async::tokio().memory_limit(1 << 10);
    let read =
        from_iter((0..10).map(|_| vec![0u8; 4096])).map_async(|item| async move { item.len() }).collect();
    let made =
        from_iter(0..10u8).map_async(|n| async move { vec![n; 4096] }).map(|item| item.len()).collect();
    for ended in [read.run_on(&small).await, made.run_on(&small).await] {
        let Err(RunError::Budget { wanted, limit, .. }) = ended else { panic!("{ended:?}") };
        assert_eq!((wanted > 4096, limit), (true, 1 << 10));
    }
}

#[tokio::test]
async fn items_that_own_most_of_the_limit_pass_one_after_the_other() {
    let texts = (0..20).map(|_| "x".repeat(800_000));
    let lengths = from_iter(texts)
        .map_async(|text| async move { text })
        .map_async(|text| async move { text.len() })
        .collect()
        .run_on(&Async::tokio().memory_limit(1_000_000));
    let report = tokio::time::timeout(Duration::from_secs(60), lengths).await.expect("it does not lock up");
    assert_eq!(report.expect("each fits").value, [800_000; 20]);
}

/// Items that explode before, and behind, a stage whose operations are slower than they are made.
async fn explode(limit: usize, per_item: u64) {
    let live = Live::new();
    let (early, late) = (live.clone(), live.clone());
    let mut next = 0;
    let report = from_iter(0..4u64)
        .flat_map(move |n| (0..per_item).map(move |k| n * per_item + k))
        .map(move |n| early.item(n))
        .map_async(|item| async move {
            if item.value % 64 == 0 {
                tokio::task::yield_now().await;
            }
            item
        })
        .flat_map(move |item: Counted<u64>| {
            let twice = [late.item(item.value), late.item(item.value)];
            drop(item);
            twice
        })
        .for_each(move |item| {
            assert_eq!(item.value, next / 2, "out of order");
            next += 1;
        })
        .run_on(&Async::tokio().memory_limit(limit))
        .await
        .expect("nothing fails");
    assert_eq!((report.written, live.now()), (8 * per_item, 0));
    // One batch of each part may be beside the limit: it is made before anybody knows how large it is.
    let (alive, slack) = (live.most() * size_of::<Counted<u64>>(), 4 * limit.min(64 << 10));
    assert!(alive <= limit + slack, "{alive} bytes were alive, the limit is {limit}");
    assert!(
        report.peak_bytes <= limit + slack,
        "{} bytes were counted, the limit is {limit}",
        report.peak_bytes
    );
}

#[tokio::test]
async fn exploding_items_stay_within_the_limit() {
    for (limit, per_item) in [(1 << 10, 1_000), (64 << 10, 20_000), (1 << 20, 50_000)] {
        let run = explode(limit, per_item);
        tokio::time::timeout(Duration::from_secs(60), run).await.expect("it does not lock up");
    }
}

#[tokio::test]
async fn large_outputs_lower_the_number_in_flight() {
    // 200 operations are allowed, but only a few of their outputs fit once it is known what they weigh.
    let (limit, size) = (1 << 20, 64 << 10);
    let report = from_iter(0..400u64)
        .map_async(move |n| async move {
            tokio::task::yield_now().await;
            vec![n as u8; size]
        })
        .concurrency(200)
        .map(|page| page.len())
        .collect()
        .run_on(&Async::tokio().memory_limit(limit))
        .await
        .expect("each fits");
    assert_eq!(report.value, vec![size; 400]);
    // The first 200 started when nothing was known.
    assert!(report.peak_bytes <= 210 * size, "{}", report.peak_bytes);
}

#[tokio::test]
async fn a_limit_of_one_item_is_slow_and_not_a_lock_up() {
    let run = from_iter(0..2_000u64)
        .map_async(|n| async move { n + 1 })
        .map(|n| n + 1)
        .map_async(|n| async move {
            tokio::task::yield_now().await;
            n + 1
        })
        .map_async(|n| async move { n + 1 })
        .fold(|| 0, |sum, n| *sum += n, |all, part| *all += part)
        .run_on(&Async::tokio().memory_limit(8));
    let report = tokio::time::timeout(Duration::from_secs(60), run).await.expect("it does not lock up");
    assert_eq!(report.expect("an item fits").value, (0..2_000).map(|n| n + 4).sum::<u64>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_on_a_tiny_shared_budget_both_end() {
    for limit in [8, 200, 4_096] {
        let process = Budget::new(limit);
        let run = || {
            let chain = from_iter(0..2_000u64).map_async(|n| async move {
                tokio::task::yield_now().await;
                n + 1
            });
            chain.edge().map(|n| n + 1).collect().run_on(&Async::tokio().budget(&process))
        };
        let both = async { tokio::join!(run(), run()) };
        let both = tokio::time::timeout(Duration::from_secs(60), both).await.expect("they do not lock up");
        for report in [both.0, both.1] {
            assert_eq!(report.expect("an item fits").value, (2..2_002).collect::<Vec<_>>());
        }
        assert_eq!(process.in_use(), 0);
    }
}

#[tokio::test]
async fn a_run_beyond_its_part_leaves_free_what_another_one_waits_for() {
    const SIZE: usize = 10_000;
    let process = Budget::new(100 * SIZE);
    let late = process.child("late", usize::MAX);
    let one = late.try_take(1).expect("it holds nothing");
    let others = process.overdraw(90 * SIZE);
    assert!(late.try_take(25 * SIZE).is_none(), "now it waits");
    drop(others);
    // The first operation is over when nothing more is started: all others wait for their turn behind it.
    let (started, begin) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let count = started.clone();
    let run = from_iter(0..400u64).map_async(move |n| {
        let (count, begin) = (count.clone(), begin.clone());
        async move {
            count.fetch_add(1, SeqCst);
            while n == 0 && begin.swap(count.load(SeqCst), SeqCst) != count.load(SeqCst) {
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
            }
            [n as u8; SIZE]
        }
    });
    let run = run.concurrency(200).map(|page| page.len()).collect().run_on(&Async::tokio().budget(&process));
    let report = tokio::time::timeout(Duration::from_secs(60), run).await.expect("it does not lock up");
    let report = report.expect("each fits");
    assert_eq!((report.value, started.load(SeqCst)), (vec![SIZE; 400], 400));
    // A batch of outputs may count twice while it is handed on.
    let most = 75 * SIZE + (256 << 10);
    assert!(report.peak_bytes <= most, "{} bytes of {most}", report.peak_bytes);
    drop(one);
}

#[tokio::test]
async fn operations_count_with_the_size_of_their_futures() {
    const SIZE: usize = 8 << 10;
    let (in_flight, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let peak = most.clone();
    let run = from_iter(0..400u64).map_async(move |n| {
        let (in_flight, peak) = (in_flight.clone(), peak.clone());
        async move {
            let page = [n as u8; SIZE];
            peak.fetch_max(in_flight.fetch_add(1, SeqCst) + 1, SeqCst);
            tokio::task::yield_now().await;
            in_flight.fetch_sub(1, SeqCst);
            u64::from(page[n as usize])
        }
    });
    let run = run.concurrency(200).collect().run_on(&Async::tokio().memory_limit(16 * SIZE)).await;
    assert_eq!(run.expect("an item fits").value, (0..400u64).map(|n| n % 256).collect::<Vec<_>>());
    assert!(most.load(SeqCst) <= 16, "{} of them", most.load(SeqCst));
}

#[test]
fn places_in_a_long_window_count_however_small_the_outputs_are() {
    let (done, limit) = (Arc::new(AtomicUsize::new(0)), 1 << 20);
    let (count, at_wake) = (done.clone(), Arc::new(AtomicUsize::new(0)));
    let seen = at_wake.clone();
    let report = from_iter(0..200_000u32)
        .map_async(move |n| {
            let (count, seen) = (count.clone(), seen.clone());
            async move {
                if n == 0 {
                    // Over when nothing else can happen: when no more operations are started.
                    pipe_async::sleep(Duration::from_secs(1)).await;
                    seen.store(count.load(SeqCst), SeqCst);
                }
                count.fetch_add(1, SeqCst);
                n as u8
            }
        })
        .window(usize::MAX)
        .for_each(drop)
        .run_on(&Async::test().memory_limit(limit))
        .expect("nothing fails");
    assert_eq!(report.written, 200_000);
    // A position and a pointer at least.
    let waited = at_wake.load(SeqCst) * 16;
    assert!((1..=limit).contains(&waited), "places of {waited} bytes");
}
