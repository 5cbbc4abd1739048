//! What else runs on the reactor stays punctual while a pipeline fills the processor. In a process of its own: it measures time.
#![cfg(feature = "tokio")]

use pipe_async::Async;
use pipe_core::from_iter;
use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::mem;
use std::pin::pin;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};
use tokio::task::{JoinSet, yield_now};
use tokio::time::sleep;

const TIMERS: u32 = 2_000;
const SPAN: Duration = Duration::from_millis(10);

/// How long the task of a run goes on before it lets others run.
const TURN: Duration = Duration::from_millis(1);

/// Of a hundred timers 99 are late by less.
const LATE: Duration = Duration::from_millis(5);

/// When each timer was due and when it rang. They begin spread over the span, as those of a server do, and each rings ten times.
async fn rings(timers: u32) -> Vec<(Instant, Instant)> {
    let timer = |number: u32| async move {
        sleep(SPAN * number / timers).await;
        let mut rings = Vec::new();
        for _ in 0..10 {
            let due = Instant::now() + SPAN;
            sleep(SPAN).await;
            rings.push((due, Instant::now()));
        }
        rings
    };
    let all: JoinSet<_> = (0..timers).map(timer).collect();
    all.join_all().await.concat()
}

/// What 99 of a hundred values are at most.
fn p99<T: Ord + Copy>(mut values: Vec<T>) -> T {
    values.sort_unstable();
    values[values.len() * 99 / 100]
}

fn compute(n: u64) -> u64 {
    (0..20).fold(n, |n, _| black_box(n.rotate_left(5) ^ n.wrapping_mul(31)))
}

/// Wants to be polled again at once. tokio's `yield_now` would have tokio look at its timers first.
async fn wake_oneself() {
    let mut woken = false;
    poll_fn(|cx| {
        cx.waker().wake_by_ref();
        if mem::replace(&mut woken, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// A pipeline that goes on for ever: operations that are always ready again, and behind them a thread that computes.
async fn pipeline(count: Arc<AtomicU64>) {
    let run = from_iter(0..u64::MAX)
        .map_async(|n| async move {
            wake_oneself().await;
            n
        })
        .concurrency(10_000)
        .map(compute)
        .for_each(move |_| _ = count.fetch_add(1, Relaxed))
        .run_on(&Async::tokio());
    _ = run.await;
}

/// What one would write by hand: a task that yields every millisecond, and a thread that computes.
async fn by_hand(count: Arc<AtomicU64>) {
    let alive = Arc::new(());
    let task = Arc::downgrade(&alive);
    thread::spawn(move || while task.strong_count() > 0 && compute(1) != 0 {});
    loop {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(1) {
            count.fetch_add(compute(1).min(1), Relaxed);
        }
        yield_now().await;
    }
}

/// How late timers are while `busy` runs beside them.
async fn lateness_beside(busy: impl Future<Output = ()> + Send + 'static, count: &AtomicU64) -> Duration {
    let (before, task) = (count.load(Relaxed), tokio::spawn(busy));
    let late = rings(TIMERS).await.into_iter().map(|(due, rang)| rang.saturating_duration_since(due));
    let late = p99(late.collect());
    task.abort();
    assert!(task.await.is_err_and(|error| error.is_cancelled()), "it was busy to the end");
    assert!(count.load(Relaxed) - before > 1_000, "it was busy");
    late
}

/// The least of several rounds: another process may have the processor at any time. And it may have it all the time, so what is written
/// by hand tells what can be had.
#[tokio::test(flavor = "current_thread")]
#[ignore = "measures time: for a quiet machine"]
async fn timers_on_the_same_thread_are_punctual_while_a_pipeline_fills_the_processor() {
    let (mut ours, mut by_hands) = (Duration::MAX, Duration::MAX);
    let count = Arc::new(AtomicU64::new(0));
    for _ in 0..5 {
        ours = ours.min(lateness_beside(pipeline(count.clone()), &count).await);
        println!("of 100 timers 99 are late by less than {ours:?} beside a pipeline");
        if ours < LATE {
            return;
        }
        by_hands = by_hands.min(lateness_beside(by_hand(count.clone()), &count).await);
        println!("and by less than {by_hands:?} beside a loop");
    }
    assert!(ours < 3 * by_hands.max(LATE), "{ours:?} late beside a pipeline, {by_hands:?} beside a loop");
}

/// Counts turns, not time: of its own accord tokio looks at timers after 61. The least of several rounds, because a turn also counts as long
/// when another process had the processor in the middle of it.
#[tokio::test(flavor = "current_thread")]
#[ignore = "long turns are told by the clock: for a quiet machine"]
async fn a_timer_that_is_due_does_not_wait_for_dozens_of_turns_of_the_pipeline() {
    let mut least = usize::MAX;
    for _ in 0..5 {
        least = least.min(median_of_turns_waited().await);
        if least <= 8 {
            return;
        }
    }
    panic!("half of the timers waited for {least} turns");
}

async fn median_of_turns_waited() -> usize {
    let turns = Arc::new(Mutex::new(Vec::new()));
    let noted = turns.clone();
    let task = tokio::spawn(async move {
        let mut run = pin!(pipeline(Arc::default()));
        poll_fn(|cx| {
            let begun = Instant::now();
            let polled = run.as_mut().poll(cx);
            // Those that had more to do.
            if begun.elapsed() >= TURN {
                noted.lock().unwrap().push(begun);
            }
            polled
        })
        .await;
    });
    let rings = rings(20).await;
    task.abort();
    assert!(task.await.is_err_and(|error| error.is_cancelled()), "it was busy to the end");
    let turns = turns.lock().unwrap();
    let between = |(due, rang): (Instant, Instant)| {
        // tokio rounds its timers up to the next millisecond.
        let due = due + Duration::from_millis(1);
        turns.iter().filter(|turn| (due..rang).contains(*turn)).count()
    };
    let mut waited: Vec<usize> = rings.into_iter().map(between).collect();
    waited.sort_unstable();
    assert!(turns.len() > 10, "the pipeline had its turns: {}", turns.len());
    println!(
        "half of the timers waited for {} turns, 99 of 100 for {}",
        waited[waited.len() / 2],
        p99(waited.clone())
    );
    waited[waited.len() / 2]
}
