//! What is dropped may throw: items on an edge, sources, closures. The failure before it stays that of the run, nothing comes out of a run,
//! and no thread ends without saying so, for which the run would wait for ever.
#![cfg(feature = "tokio")]

use pipe_async::Async;
use pipe_core::testing::Rude;
use pipe_core::{BoxError, DeadLetter, RunError, Sink, Weigh, dead_letters, from_iter};
use std::future::{pending, poll_fn, ready};
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::Poll;
use std::thread;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::task::yield_now;

/// Rude in every hundredth place, unless it comes to its end.
struct Item {
    n: u64,
    rude: Option<Rude>,
}

impl Item {
    fn new(n: u64) -> Self {
        Item { n, rude: (n % 100 == 99).then(|| Rude) }
    }

    fn end(self) -> u64 {
        std::mem::forget(self.rude);
        self.n
    }
}

impl Weigh for Item {
    fn heap(&self) -> usize {
        0
    }
}

/// Refuses item number 30.
struct Picky;

impl Sink<Item> for Picky {
    type Done = ();

    fn write(&mut self, item: Item) -> Result<(), BoxError> {
        if item.end() == 30 { Err("thirty".into()) } else { Ok(()) }
    }

    fn commit(self) -> Result<(), BoxError> {
        Ok(())
    }
}

/// What the run of this pipeline gives: in a task of either flavour of runtime, on shards, and in virtual time.
macro_rules! everywhere {
    ($pipeline:expr) => {{
        let ran = |runtime: &mut Builder| {
            let runtime = runtime.enable_all().build().expect("a runtime");
            runtime
                .block_on(async { tokio::spawn($pipeline.run_on(&Async::tokio())).await.expect("no panic") })
        };
        [
            ran(&mut Builder::new_current_thread()),
            ran(Builder::new_multi_thread().worker_threads(2)),
            $pipeline.run_on(&Async::tokio().shards(2).blocking()),
            $pipeline.run_on(&Async::test()),
        ]
        .map(|ran| ran.map(|report| report.value))
    }};
}

fn all_say<T: std::fmt::Debug>(ran: impl IntoIterator<Item = Result<T, RunError>>, expected: &str) {
    for ran in ran {
        assert_eq!(ran.expect_err("it fails").to_string(), expected);
    }
}

#[test]
fn items_left_on_the_edge_to_a_sink_that_fails_do_not_replace_its_failure() {
    let ran = everywhere!(from_iter(0..100_000u64).map_async(|n| async move { Item::new(n) }).to(Picky));
    all_say(ran, "sink, after 30 items: thirty");
}

#[test]
fn items_left_on_the_edge_to_an_operation_that_fails_do_not_replace_its_failure() {
    let fails = |item: Item| {
        let n = item.end();
        async move { if n == 30 { Err("thirty") } else { Ok(n) } }
    };
    let ran = everywhere!(from_iter(0..100_000u64).map(Item::new).try_map_async(fails).collect());
    all_say(ran, "stage try_map_async#1 failed at 30: thirty");
}

/// Throws when it is asked for item number 500, and when it is dropped.
struct RudeNumbers(std::ops::Range<u64>, Rude);

impl Iterator for RudeNumbers {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let _ = &self.1;
        let n = self.0.next()?;
        if n == 500 { resume_unwind(Box::new("five hundred")) } else { Some(n) }
    }
}

#[test]
fn what_a_source_throws_when_it_is_dropped_does_not_replace_what_it_threw_before() {
    let numbers = || from_iter(RudeNumbers(0..1_000, Rude));
    all_say(
        everywhere!(numbers().map_async(|n| async move { n }).collect()),
        "stage source panicked: five hundred",
    );
    all_say(
        everywhere!(numbers().map(|n| n).map_async(|n| async move { n }).collect()),
        "stage source panicked: five hundred",
    );
}

#[test]
fn who_takes_letters_or_tells_keys_and_throws_when_dropped_does_not_undo_the_end_of_the_run() {
    let letters = |rude: Rude| dead_letters(move |_: &DeadLetter<'_>| _ = &rude);
    let key = |rude: Rude| move |n: &u64| (*n, &rude).0;
    let ran = everywhere!({
        let stage = from_iter(0..100u64).map_async(|n| async move { n }).per_key(key(Rude), 1);
        stage.on_error(letters(Rude)).collect()
    });
    for ran in ran {
        assert_eq!(ran.expect("nothing fails").len(), 100);
    }
}

/// Throws another one when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        resume_unwind(Box::new(Bomb));
    }
}

/// Throws in every hundredth place.
fn throws(n: u64) -> u64 {
    if n % 100 == 99 { resume_unwind(Box::new(Bomb)) } else { n }
}

/// It is an error, and to drop that is safe.
fn end_in_errors<T: std::fmt::Debug>(ran: impl IntoIterator<Item = Result<T, RunError>>) {
    for ran in ran {
        let error = ran.expect_err("it panics");
        assert!(matches!(error, RunError::Panicked { .. }), "{error}");
    }
}

#[test]
fn payloads_that_throw_when_they_are_dropped_end_the_run_in_an_error() {
    let numbers = || from_iter(0..10_000u64);
    end_in_errors(everywhere!(numbers().map_async(|n| async move { throws(n) }).collect()));
    end_in_errors(everywhere!(numbers().map_async(|n| ready(throws(n))).collect()));
    end_in_errors(everywhere!(numbers().map(throws).map_async(|n| async move { n }).collect()));
    end_in_errors(everywhere!(numbers().map_async(|n| async move { n }).map(throws).collect()));
    end_in_errors(everywhere!(
        from_iter((0..10_000u64).map(throws)).map_async(|n| async move { n }).collect()
    ));
    end_in_errors(everywhere!({
        let keyed = numbers().map_async(|n| async move { n }).per_key(|n: &u64| throws(*n), 4);
        keyed.collect()
    }));
    let waits = |n| async move {
        yield_now().await;
        throws(n)
    };
    end_in_errors(everywhere!(numbers().map_async(waits).concurrency(1_000).unordered().collect()));
}

/// Throws a bomb when it is dropped.
struct Fuse;

impl Drop for Fuse {
    fn drop(&mut self) {
        if !thread::panicking() {
            resume_unwind(Box::new(Bomb));
        }
    }
}

#[test]
fn operations_and_items_whose_drop_throws_such_payloads_end_the_run_in_an_error() {
    let numbers = || from_iter(0..10_000u64);
    let fused = |n| async move {
        let _fuse = Fuse;
        yield_now().await;
        n
    };
    end_in_errors(everywhere!(numbers().map_async(fused).concurrency(1_000).collect()));
    let never = |n| async move {
        let _fuse = Fuse;
        pending::<()>().await;
        n
    };
    // They are dropped all together when another one fails.
    let fails = move |n| async move { if n == 500 { Err("five hundred") } else { Ok::<u64, _>(n) } };
    let both = move |n: u64| async move { if n < 500 { Ok(never(n).await) } else { fails(n).await } };
    let ran = everywhere!(numbers().try_map_async(both).concurrency(1_000).unordered().collect());
    all_say(ran, "stage try_map_async#0 failed at 500: five hundred");
    end_in_errors(everywhere!({
        let late = numbers().try_map_async(move |n| async move { Ok::<_, BoxError>(never(n).await) });
        late.concurrency(100).timeout(Duration::from_millis(1)).collect()
    }));
}

#[test]
fn a_run_that_is_dropped_drops_all_that_it_has_whatever_that_throws() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let begun = Arc::new(AtomicUsize::new(0));
    let count = begun.clone();
    let held = move |item: Item| {
        count.fetch_add(1, SeqCst);
        async move {
            pending::<()>().await;
            item.end()
        }
    };
    runtime.block_on(async {
        let run = from_iter(0..).map(Item::new).map_async(held).concurrency(150).collect();
        let mut run = pin!(Some(run.run_on(&Async::tokio())));
        poll_fn(|cx| {
            let polled = run.as_mut().as_pin_mut().expect("it is there").poll(cx);
            assert!(polled.is_pending(), "operations are never over");
            if begun.load(SeqCst) < 150 { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        run.set(None);
    });
}
