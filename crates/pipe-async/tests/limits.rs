//! Timeouts, rates, keys, windows: what an async stage keeps to beside its concurrency.
#![cfg(feature = "tokio")]

use pipe_async::Async;
use pipe_core::testing::{Pull, ScriptedSource};
use pipe_core::{RunError, TookTooLong, exponential, from_iter, from_source, per_second, skip};
use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

const SECOND: Duration = Duration::from_secs(1);

/// All items in one batch. Paused time runs on while the thread of a source is at work, so it must not be at work in the middle.
fn at_once<T: Send + 'static>(items: impl IntoIterator<Item = T>) -> ScriptedSource<T> {
    ScriptedSource::new([Pull::Give(items.into_iter().collect())])
}

/// Adds one when it is dropped.
struct Drops(Arc<AtomicUsize>);

impl Drop for Drops {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_takes_too_long_is_dropped_and_fails_with_its_timeout() {
    let (drops, begun) = (Arc::new(AtomicUsize::new(0)), Instant::now());
    let held = drops.clone();
    let error = from_source(at_once([1u64, 2, 100, 3]))
        .map_async(move |seconds| {
            let held = Drops(held.clone());
            async move {
                sleep(SECOND * seconds as u32).await;
                drop(held);
                seconds
            }
        })
        .timeout(5 * SECOND)
        .collect()
        .run_on(&Async::tokio())
        .await
        .expect_err("one takes too long");
    let slow = error.stage_error::<TookTooLong>().expect("the stage's error");
    assert_eq!(slow.timeout, 5 * SECOND);
    assert_eq!(error.to_string(), "stage map_async#0 failed at 2: took longer than 5s");
    assert_eq!(drops.load(SeqCst), 4);
    assert!((5 * SECOND..6 * SECOND).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_timeout_holds_for_each_attempt_and_what_was_skipped_is_counted() {
    let attempts = Arc::new(Mutex::new(HashMap::new()));
    let seen = attempts.clone();
    let report = from_iter(0..100u64)
        .map_async(move |n| {
            let attempt = {
                let mut seen = seen.lock().unwrap();
                let attempt = seen.entry(n).or_insert(0u64);
                *attempt += 1;
                *attempt
            };
            async move {
                // Multiples of ten are never fast enough, multiples of five at their third attempt.
                let slow = n % 10 == 0 || n % 5 == 0 && attempt < 3;
                sleep(if slow { 100 * SECOND } else { SECOND }).await;
                n
            }
        })
        .timeout(2 * SECOND)
        .retry(exponential(3))
        .on_error(skip())
        .collect()
        .run_on(&Async::tokio())
        .await
        .expect("what fails is skipped");
    assert_eq!(report.skipped(), 10);
    assert_eq!(report.value, (0..100).filter(|n| n % 10 != 0).collect::<Vec<_>>());
    let attempts = attempts.lock().unwrap();
    assert!((0..100).all(|n| attempts[&n] == if n % 5 == 0 { 3 } else { 1 }));
}

#[tokio::test(start_paused = true)]
async fn operations_start_at_the_rate_and_after_a_burst() {
    for (limit, burst) in [(100, 1), (100, 20), (2_000, 1)] {
        let starts = Arc::new(Mutex::new(Vec::new()));
        let seen = starts.clone();
        let count = 4 * limit as usize;
        let report = from_source(at_once(0..count))
            .map_async(move |n| {
                seen.lock().unwrap().push(Instant::now());
                async move {
                    sleep(SECOND / 10).await;
                    n
                }
            })
            .concurrency(10_000)
            .rate(per_second(limit).burst(burst))
            .collect()
            .run_on(&Async::tokio())
            .await;
        assert_eq!(report.expect("nothing fails").value, (0..count).collect::<Vec<_>>());
        let starts = starts.lock().unwrap();
        let rate = (count - burst as usize) as f64 / (starts[count - 1] - starts[0]).as_secs_f64();
        assert!((rate / f64::from(limit) - 1.0).abs() < 0.01, "{rate} instead of {limit} a second");
        for (index, start) in starts.iter().enumerate() {
            let within = starts[index..].iter().take_while(|at| **at < *start + SECOND / 10).count();
            // A tenth of a second's, the burst, and what comes of timers that are up to two milliseconds late.
            let most = limit as usize / 10 + burst as usize + limit as usize / 500;
            assert!(within <= most, "{within} in a tenth of a second at {limit} a second, burst {burst}");
        }
    }
}

/// How many are in flight for each key, and the most there were.
#[derive(Default)]
struct PerKey(Mutex<HashMap<u64, (usize, usize)>>);

impl PerKey {
    fn enter(&self, key: u64) {
        let mut keys = self.0.lock().unwrap();
        let (now, most) = keys.entry(key).or_default();
        *now += 1;
        *most = (*now).max(*most);
    }

    fn leave(&self, key: u64) {
        self.0.lock().unwrap().get_mut(&key).expect("it has entered").0 -= 1;
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_has_its_limit_and_holds_up_no_other() {
    let (keys, begun) = (Arc::new(PerKey::default()), Instant::now());
    let seen = keys.clone();
    // Key 0 has half of all items, and each of its operations takes a second.
    let key = |n: &u64| if n.is_multiple_of(2) { 0 } else { n % 7 + 1 };
    let report = from_source(at_once(0..400u64))
        .try_map_async(move |n| {
            let seen = seen.clone();
            async move {
                seen.enter(key(&n));
                sleep(SECOND / if n % 2 == 0 { 1 } else { 1_000 }).await;
                seen.leave(key(&n));
                if n % 10 == 5 { Err("a multiple") } else { Ok(n) }
            }
        })
        .concurrency(50)
        .window(1_000)
        .per_key(key, 5)
        .retry(exponential(2))
        .on_error(skip())
        .collect()
        .run_on(&Async::tokio())
        .await
        .expect("what fails is skipped");
    assert_eq!(report.value, (0..400).filter(|n| n % 10 != 5).collect::<Vec<_>>());
    assert!(keys.0.lock().unwrap().values().all(|(now, most)| *now == 0 && *most <= 5));
    assert_eq!(keys.0.lock().unwrap()[&0].1, 5);
    // 200 seconds of work, five at a time; the others fit between.
    assert!((40 * SECOND..42 * SECOND).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_slow_operation_holds_up_no_more_than_the_window_says() {
    let (started, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let (count, open) = (started.clone(), gate.clone());
    let run = from_iter(0..1_000usize).map_async(move |n| {
        let (count, open) = (count.clone(), open.clone());
        async move {
            let others = count.fetch_add(1, SeqCst);
            if n == 0 {
                let _permit = open.acquire().await;
            } else if others == 29 {
                // All that the window lets in have started: the head may go on.
                open.add_permits(1);
            }
            count.load(SeqCst)
        }
    });
    let report =
        run.concurrency(10).window(30).collect().run_on(&Async::tokio()).await.expect("nothing fails");
    assert_eq!((report.value[0], report.value.len()), (30, 1_000));
}

#[tokio::test]
async fn a_key_that_panics_ends_the_run_with_its_position() {
    let error = from_iter(0..10u32)
        .map_async(|n| async move { n })
        .per_key(|n| if *n == 3 { panic!("no key") } else { *n }, 1)
        .collect()
        .run_on(&Async::tokio())
        .await
        .expect_err("a key panics");
    let RunError::Panicked { stage, at, payload } = error else { panic!("{error:?}") };
    assert_eq!((&*stage, at.map(|at| at.place()), &*payload.message()), ("map_async#0", Some(3), "no key"));
}

#[tokio::test]
async fn a_limit_of_zero_is_a_config_error_before_the_run() {
    let stage = || from_iter(0..3u32).map_async(|n| async move { n });
    let runs = [
        ("window", stage().window(0).collect().run_on(&Async::tokio()).await),
        ("timeout", stage().timeout(Duration::ZERO).collect().run_on(&Async::tokio()).await),
        ("rate", stage().rate(per_second(0)).collect().run_on(&Async::tokio()).await),
        ("burst", stage().rate(per_second(1).burst(0)).collect().run_on(&Async::tokio()).await),
        ("per_key", stage().per_key(|n| *n, 0).collect().run_on(&Async::tokio()).await),
    ];
    for (name, run) in runs {
        let error = run.expect_err("zero");
        assert!(matches!(error, RunError::Config { field, .. } if field == name), "{name}: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_down_gets_its_share_more_and_no_multiple() {
    let calls = Arc::new(AtomicUsize::new(0));
    let seen = calls.clone();
    let report = from_iter(0..10_000u32)
        .try_map_async(move |_| {
            seen.fetch_add(1, SeqCst);
            async { Err::<u32, _>("down") }
        })
        .retry(exponential(4).share(0.1))
        .on_error(skip())
        .collect()
        .run_on(&Async::tokio())
        .await
        .expect("what fails is skipped");
    assert_eq!(report.skipped(), 10_000);
    let calls = calls.load(SeqCst);
    assert!((10_500..=11_010).contains(&calls), "{calls} calls");
}
