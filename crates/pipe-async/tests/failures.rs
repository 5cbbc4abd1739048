//! What a failed operation does: each policy, retries, panics; in the order of the items.
#![cfg(feature = "tokio")]

use pipe_async::Async;
use pipe_core::testing::ScriptedSink;
use pipe_core::{DeadLetter, RunError, SegmentReport, Weigh, dead_letters, exponential, from_iter, skip};
use std::num::TryFromIntError;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Barrier;
use tokio::time::{Instant, sleep};

/// Later items are faster: they are over before their predecessors.
async fn overtaken(n: u64) {
    sleep(Duration::from_millis(1_000 - n % 1_000)).await;
}

#[tokio::test(start_paused = true)]
async fn the_lowest_failure_ends_the_run_after_what_came_before_it() {
    for at in [0u64, 1, 77, 999] {
        let (sink, log) = ScriptedSink::new();
        let error = from_iter(0..1_000u64)
            .map(|n| n)
            .try_map_async(move |n| async move {
                overtaken(n).await;
                if n >= at { u8::try_from(n + 300).map(u64::from) } else { Ok(n) }
            })
            .named("narrow")
            .map(|n| n)
            .to(sink)
            .run_on(&Async::tokio())
            .await
            .expect_err("item `at` fails");
        let RunError::Stage { stage, at: Some(position), .. } = &error else { panic!("{error:?}") };
        assert_eq!((&**stage, position.raw()), ("narrow", at));
        assert!(error.stage_error::<TryFromIntError>().is_some(), "the stage's own error is lost");
        assert!(log.items() == (0..at).collect::<Vec<_>>(), "the sink got {} items", log.items().len());
        assert_eq!((log.commits(), log.drops()), (0, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn an_earlier_item_that_fails_behind_the_stage_wins() {
    let error = from_iter(0..1_000u64)
        .try_map_async(|n| async move { if n == 500 { Err("late") } else { Ok(n) } })
        .named("far")
        .try_map(|n| if n == 400 { Err("early") } else { Ok(n) })
        .named("near")
        .collect()
        .run_on(&Async::tokio())
        .await
        .expect_err("both fail");
    assert_eq!(error.to_string(), "stage near failed at 400: early");
}

#[tokio::test(start_paused = true)]
async fn a_failure_before_the_stage_comes_after_what_was_before_it() {
    let (sink, log) = ScriptedSink::new();
    let error = from_iter(0..1_000u64)
        .try_map(|n| if n == 700 { Err("torn") } else { Ok(n) })
        .map_async(|n| async move {
            overtaken(n).await;
            n
        })
        .to(sink)
        .run_on(&Async::tokio())
        .await
        .expect_err("item 700 fails");
    assert_eq!(error.to_string(), "stage try_map#0 failed at 700: torn");
    assert!(log.items() == (0..700).collect::<Vec<_>>(), "the sink got {} items", log.items().len());
    assert_eq!((log.commits(), log.drops()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn skipped_items_are_gone_and_counted() {
    for unordered in [false, true] {
        let stage = from_iter(0..1_000u64)
            .try_map_async(|n| async move {
                overtaken(n).await;
                if n % 10 == 3 { Err("three") } else { Ok(n) }
            })
            .on_error(skip());
        let stage = if unordered { stage.unordered() } else { stage };
        let report = stage.map(|n| n).collect().run_on(&Async::tokio()).await.expect("nothing ends it");
        let mut outputs = report.value;
        if unordered {
            outputs.sort_unstable();
        }
        assert_eq!(outputs, (0..1_000).filter(|n| n % 10 != 3).collect::<Vec<_>>());
        let account = |segment: &SegmentReport| (segment.taken, segment.emitted, segment.skipped());
        let accounts: Vec<_> = report.segments.iter().map(account).collect();
        assert_eq!(accounts, [(1_000, 900, 100), (900, 900, 0)]);
    }
}

#[tokio::test(start_paused = true)]
async fn dead_letters_are_written_in_order_with_stage_position_and_error() {
    let letters = Arc::new(Mutex::new(Vec::new()));
    let written = letters.clone();
    let report = from_iter(0..1_000u64)
        .try_map_async(|n| async move {
            overtaken(n).await;
            if n % 100 == 7 { Err(format!("seven of {n}")) } else { Ok(n) }
        })
        .named("sevens")
        .on_error(dead_letters(move |letter: &DeadLetter<'_>| {
            let at = letter.at.map_or(0, |at| at.raw());
            written.lock().unwrap().push((letter.stage.to_owned(), at, letter.error.to_string()));
        }))
        .collect()
        .run_on(&Async::tokio())
        .await
        .expect("nothing ends it");
    assert_eq!((report.value.len(), report.dead_lettered()), (990, 10));
    let letter = |n: u64| ("sevens".to_owned(), n, format!("seven of {n}"));
    assert_eq!(*letters.lock().unwrap(), (0..10).map(|k| letter(k * 100 + 7)).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_share_of_failures_that_is_too_large_ends_the_run() {
    let error = from_iter(0..5_000u64)
        .try_map_async(|n| async move { if n % 2 == 0 { Err("even") } else { Ok(n) } })
        .on_error(skip().abort_above(0.1))
        .collect()
        .run_on(&Async::tokio())
        .await
        .expect_err("half of them fail");
    assert!(matches!(error, RunError::TooManyFailures { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn failed_items_are_tried_again_and_others_do_not_wait() {
    let (attempts, started) = (Arc::new(AtomicU32::new(0)), Instant::now());
    // Time stands still until all have begun.
    let (count, begun) = (attempts.clone(), Arc::new(Barrier::new(1_000)));
    let report = from_iter((0..1_000u64).map(|n| (n, Arc::new(AtomicU32::new(0)))))
        .try_map_async(move |(n, tries)| {
            count.fetch_add(1, SeqCst);
            let begun = begun.clone();
            async move {
                let attempt = tries.fetch_add(1, SeqCst) + 1;
                if attempt == 1 {
                    begun.wait().await;
                }
                // Every tenth needs three attempts.
                if n % 10 == 0 && attempt < 3 { Err("busy") } else { Ok((n, attempt)) }
            }
        })
        .named("flaky")
        .concurrency(1_000)
        .retry(exponential(3).first(Duration::from_secs(10)))
        .collect()
        .run_on(&Async::tokio())
        .await
        .expect("the third attempt goes well");
    let expected = (0..1_000).map(|n| (n, if n % 10 == 0 { 3 } else { 1 }));
    assert!(report.value == expected.collect::<Vec<_>>());
    assert_eq!(attempts.load(SeqCst), 1_200);
    assert_eq!(report.segments[0].stages[0].retried, 200);
    // The waits, of 10 and 20 s at most, ran beside each other.
    let (elapsed, most) = (started.elapsed(), Duration::from_secs(31));
    assert!((Duration::from_secs(15)..most).contains(&elapsed), "{elapsed:?}");
}

#[tokio::test(start_paused = true)]
async fn after_the_last_attempt_the_policy_decides() {
    let letters = Arc::new(Mutex::new(Vec::new()));
    let written = letters.clone();
    let stage = |n: u64| async move { if n == 5 { Err("never") } else { Ok(n) } };
    let report = from_iter(0..10u64)
        .try_map_async(stage)
        .retry(exponential(4))
        .on_error(dead_letters(move |letter: &DeadLetter<'_>| {
            written.lock().unwrap().push((letter.at.map(|at| at.raw()), letter.attempts));
        }))
        .collect()
        .run_on(&Async::tokio())
        .await
        .expect("nothing ends it");
    assert_eq!((report.value.len(), &*letters.lock().unwrap()), (9, &vec![(Some(5), 4)]));
    let failed = from_iter(0..10u64).try_map_async(stage).retry(exponential(2)).collect();
    let error = failed.run_on(&Async::tokio()).await.expect_err("item 5 fails twice");
    assert_eq!(error.to_string(), "stage try_map_async#0 failed at 5: never");
}

#[tokio::test]
async fn a_panic_in_the_closure_or_the_operation_is_contained_and_named() {
    let thrown = |n: u64| -> u64 { std::panic::resume_unwind(Box::new(format!("no {n}"))) };
    for early in [true, false] {
        let (sink, log) = ScriptedSink::new();
        let error = from_iter(0..1_000u64)
            .map(|n| n)
            .map_async(move |n| {
                if early && n == 777 {
                    thrown(n);
                }
                async move {
                    tokio::task::yield_now().await;
                    if n == 777 { thrown(n) } else { n }
                }
            })
            .named("picky")
            .to(sink)
            .run_on(&Async::tokio())
            .await
            .expect_err("item 777 panics");
        assert_eq!(error.to_string(), "stage picky panicked at 777: no 777");
        assert_eq!((log.items().len(), log.commits(), log.drops()), (777, 0, 1));
    }
}

#[tokio::test]
async fn a_failure_of_the_sink_ends_the_run() {
    for at in [0, 500] {
        let (sink, log) = ScriptedSink::new();
        let run = from_iter(0..10_000u64).map_async(|n| async move { n }).to(sink.failing_at(at));
        let error = run.run_on(&Async::tokio()).await.expect_err("the sink is full");
        assert_eq!(error.to_string(), format!("sink, after {at} items: full"));
        assert_eq!((log.items().len(), log.commits(), log.drops()), (at, 0, 1));
    }
}

#[tokio::test]
async fn a_stage_that_has_had_enough_ends_the_run_well() {
    let started = Arc::new(AtomicUsize::new(0));
    let count = started.clone();
    let report = from_iter(0u64..)
        .map_async(move |n| {
            count.fetch_add(1, SeqCst);
            async move { n }
        })
        .take(100)
        .collect()
        .run_on(&Async::tokio())
        .await
        .expect("that is no error");
    assert_eq!(report.value, (0..100).collect::<Vec<_>>());
    assert!(started.load(SeqCst) >= 100);
}

/// An item whose copy panics where it is number 5.
struct Fragile(u64);

fn breaks(what: &str, n: u64) {
    if n == 5 {
        std::panic::resume_unwind(Box::new(format!("no {what} of {n}")));
    }
}

impl Clone for Fragile {
    fn clone(&self) -> Self {
        breaks("copy", self.0);
        Fragile(self.0)
    }
}

#[tokio::test]
async fn a_panic_in_the_copy_of_an_item_is_that_of_its_stage_and_comes_in_its_turn() {
    let (sink, log) = ScriptedSink::new();
    let error = from_iter((0..10u64).map(Fragile))
        .try_map_async(|item: Fragile| async move {
            tokio::task::yield_now().await;
            Ok::<u64, String>(item.0)
        })
        .named("copied")
        .retry(exponential(3))
        .to(sink)
        .run_on(&Async::tokio())
        .await
        .expect_err("item 5 cannot be copied");
    let RunError::Panicked { stage, at: Some(at), .. } = &error else { panic!("{error:?}") };
    assert_eq!((&**stage, at.raw()), ("copied", 5));
    assert_eq!((log.items(), log.commits(), log.drops()), ((0..5).collect(), 0, 1));
}

/// Panics when it is dropped before its operation is over.
struct Unwilling(bool);

impl Drop for Unwilling {
    fn drop(&mut self) {
        if self.0 {
            std::panic::resume_unwind(Box::new("not yet"));
        }
    }
}

#[tokio::test]
async fn an_operation_that_panics_when_it_is_dropped_does_not_replace_the_failure_before_it() {
    let (sink, log) = ScriptedSink::new();
    let error = from_iter(0..10u64)
        .try_map_async(|n| async move {
            let mut unwilling = Unwilling(n == 7);
            for _ in 0..n {
                tokio::task::yield_now().await;
            }
            unwilling.0 = false;
            if n == 5 { Err("five") } else { Ok(n) }
        })
        .named("first")
        .to(sink)
        .run_on(&Async::tokio())
        .await
        .expect_err("item 5 fails");
    assert_eq!(error.to_string(), "stage first failed at 5: five");
    assert_eq!((log.items(), log.commits(), log.drops()), ((0..5).collect(), 0, 1));
}

/// An output that cannot say what it weighs where it is number 5.
struct Unweighed(u64);

impl Weigh for Unweighed {
    fn heap(&self) -> usize {
        breaks("weight", self.0);
        0
    }
}

#[tokio::test]
async fn a_panic_in_the_weight_of_an_output_is_that_of_its_stage_and_comes_in_its_turn() {
    let (sink, log) = ScriptedSink::new();
    let error = from_iter(0..10u64)
        .map_async(|n| async move {
            tokio::task::yield_now().await;
            Unweighed(n)
        })
        .weighed()
        .named("heavy")
        .map(|item| item.0)
        .to(sink)
        .run_on(&Async::tokio())
        .await
        .expect_err("item 5 cannot be weighed");
    let RunError::Panicked { stage, at: Some(at), .. } = &error else { panic!("{error:?}") };
    assert_eq!((&**stage, at.raw()), ("heavy", 5));
    assert_eq!((log.items(), log.commits(), log.drops()), ((0..5).collect(), 0, 1));
}
