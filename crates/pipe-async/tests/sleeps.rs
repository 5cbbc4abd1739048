//! What `sleep` promises: never early, on every runtime, wherever it is polled and dropped.
#![cfg(feature = "tokio")]

use pipe_async::{Async, Sleep, Test, sleep, timeout};
use pipe_core::testing::Rng;
use pipe_core::{Cancel, RunError, TookTooLong, from_iter, skip};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

const MILLI: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3_600);
/// More than any of these takes, by far.
const LOCKED_UP: Duration = Duration::from_secs(60);

/// Polled once, and not over.
async fn begun(span: Duration) -> Sleep {
    let mut sleep = sleep(span);
    let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut sleep).poll(cx))).await;
    assert!(polled.is_pending(), "{span:?} have passed at once");
    sleep
}

/// What an operation does with time.
#[derive(Debug, Clone)]
enum Step {
    Sleep(Duration),
    /// All at once; over with the last.
    All(Vec<Duration>),
    /// All at once; over with the first, which drops the others.
    First(Vec<Duration>),
    Limited {
        limit: Duration,
        span: Duration,
    },
}

impl Step {
    fn random(rng: &mut Rng) -> Self {
        let most = [5, 3_000, 200_000, 4_000_000][rng.below(4) as usize];
        let mut span = || Duration::from_micros(rng.below(most));
        let (first, second, third) = (span(), span(), span());
        match rng.below(4) {
            0 => Step::Sleep(first),
            1 => Step::All(vec![first, second, third]),
            2 => Step::First(vec![first, second, third]),
            _ => Step::Limited { limit: first, span: second },
        }
    }

    /// The oracle.
    fn span(&self) -> Duration {
        match self {
            Step::Sleep(span) => *span,
            Step::All(spans) => spans.iter().copied().max().unwrap_or_default(),
            Step::First(spans) => spans.iter().copied().min().unwrap_or_default(),
            Step::Limited { limit, span } => *span.min(limit),
        }
    }

    async fn run(self) {
        match self {
            Step::Sleep(span) => sleep(span).await,
            Step::All(spans) => {
                let mut sleeps: Vec<_> = spans.into_iter().map(sleep).collect();
                poll_fn(|cx| {
                    // Those that are over are polled again, which changes nothing.
                    let polled = sleeps.iter_mut().map(|sleep| Pin::new(sleep).poll(cx).is_ready());
                    if polled.fold(true, |all, is_over| all & is_over) {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                })
                .await;
            }
            Step::First(spans) => {
                let mut sleeps: Vec<_> = spans.into_iter().map(sleep).collect();
                poll_fn(|cx| {
                    let polled = sleeps.iter_mut().map(|sleep| Pin::new(sleep).poll(cx).is_ready());
                    if polled.fold(false, |any, is_over| any | is_over) {
                        Poll::Ready(())
                    } else {
                        Poll::Pending
                    }
                })
                .await;
            }
            Step::Limited { limit, span } => {
                let ended = timeout(limit, sleep(span)).await;
                assert!(ended.is_ok() || span >= limit, "{span:?} within {limit:?}");
                assert_eq!(
                    ended.err().map(|TookTooLong { timeout, .. }| timeout),
                    (span > limit).then_some(limit)
                );
            }
        }
    }
}

#[test]
fn ten_thousand_programs_take_the_time_that_they_say_to_the_microsecond() {
    let report = from_iter(0..10_000u64)
        .map_async(|seed| async move {
            let (mut rng, begun, mut wanted) = (Rng::new(seed), Test::now(), Duration::ZERO);
            for _ in 0..=rng.below(5) {
                let step = Step::random(&mut rng);
                wanted += step.span();
                step.clone().run().await;
                assert_eq!(Test::now() - begun, wanted, "after {step:?}, seed {seed}");
            }
        })
        .concurrency(700)
        .collect()
        .run_on(&Async::test());
    assert_eq!(report.expect("no assertion fails").value.len(), 10_000);
}

/// Sleeps of random spans, each measured. Not a function: what an executor drives is the type of the stage, and that has no name.
macro_rules! none_is_early {
    ($executor:expr) => {{
        let report = from_iter(0..2_000u64)
            .map_async(|seed| async move {
                let span = Duration::from_micros(Rng::new(seed).below(9_000));
                let begun = Instant::now();
                sleep(span).await;
                assert!(begun.elapsed() >= span, "{:?} instead of {span:?}", begun.elapsed());
            })
            .concurrency(300)
            .collect()
            .run_on($executor);
        assert_eq!(report.expect("no assertion fails").value.len(), 2_000);
    }};
}

#[test]
fn none_is_early_on_tokio() {
    none_is_early!(&Async::tokio().blocking());
}

#[test]
fn none_is_early_in_shards() {
    none_is_early!(&Async::tokio().shards(3).blocking());
}

#[cfg(all(feature = "monoio", target_os = "linux"))]
#[test]
fn none_is_early_on_monoio() {
    none_is_early!(&Async::monoio().blocking());
    none_is_early!(&Async::monoio().shards(2).blocking());
}

/// So late that a sleep is not just rounded, but forgotten by those who woke it.
const LATE: Duration = Duration::from_secs(5);

#[test]
fn tokio_s_paused_time_is_that_of_sleeps() {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let begun = Instant::now();
    runtime.block_on(async {
        let begun = tokio::time::Instant::now();
        // One: it jumps whenever the task is idle, also where that waits for the next item.
        let run = from_iter([()]).map_async(|()| sleep(2 * HOUR)).collect().run_on(&Async::tokio());
        run.await.expect("nothing fails");
        let took = begun.elapsed();
        assert!((2 * HOUR..2 * HOUR + LATE).contains(&took), "{took:?}");
    });
    assert!(begun.elapsed() < LOCKED_UP);
}

#[test]
fn a_sleep_may_be_dropped_at_each_of_its_moments_and_the_others_go_on() {
    /// Drops a sleep of this long after this many polls, a millisecond apart, and says how many were in vain.
    async fn dropped(span: Duration, polls: usize) -> usize {
        let (mut dropped, mut in_vain) = (sleep(span), 0);
        for _ in 0..polls {
            let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut dropped).poll(cx))).await;
            in_vain += usize::from(polled.is_pending());
            sleep(MILLI).await;
        }
        in_vain
    }
    let report = from_iter((0..7).flat_map(|span| (0..9).map(move |polls| (span, polls))))
        .map_async(|(span, polls)| async move {
            let in_vain = dropped(MILLI * span, polls).await;
            assert_eq!(in_vain, polls.min(span as usize), "{span} ms, {polls} polls");
            let begun = Test::now();
            sleep(3 * MILLI).await;
            assert_eq!(Test::now() - begun, 3 * MILLI);
        })
        .concurrency(5)
        .collect()
        .run_on(&Async::test());
    assert_eq!(report.expect("no assertion fails").value.len(), 63);
}

/// A waker of somebody in between, as that of a set of futures inside of an operation.
struct Relay {
    operation: Waker,
    wakes: AtomicUsize,
}

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, SeqCst);
        self.operation.wake_by_ref();
    }
}

#[test]
fn the_waker_that_it_was_polled_with_last_is_the_one_that_is_called() {
    let report = from_iter(0..100u32)
        .map_async(|n| async move {
            let mut sleep = begun(MILLI * n + MILLI).await;
            let mut relays: Vec<Arc<Relay>> = Vec::new();
            poll_fn(|cx| {
                if relays.last().is_some_and(|last| last.wakes.load(SeqCst) > 0) {
                    return Poll::Ready(());
                }
                for _ in 0..2 {
                    let relay = Arc::new(Relay { operation: cx.waker().clone(), wakes: AtomicUsize::new(0) });
                    let waker = Waker::from(relay.clone());
                    assert!(Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker)).is_pending());
                    relays.push(relay);
                }
                Poll::Pending
            })
            .await;
            sleep.await;
            let wakes: Vec<usize> = relays.iter().map(|relay| relay.wakes.load(SeqCst)).collect();
            assert_eq!(wakes, [0, 1]);
        })
        .collect()
        .run_on(&Async::test());
    assert_eq!(report.expect("no assertion fails").value.len(), 100);
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_time().build().expect("a runtime")
}

/// Sleeps that operations have begun and hand out.
async fn handed_out(span: Duration, count: usize) -> (Vec<Sleep>, Instant) {
    let begun_at = Instant::now();
    let run = from_iter(0..count).map_async(move |_| begun(span)).concurrency(count).collect();
    (run.run_on(&Async::tokio()).await.expect("nothing fails").value, begun_at)
}

#[test]
fn a_sleep_that_outlives_its_run_goes_on_in_tokio_s_timer() {
    runtime().block_on(async {
        let (sleeps, begun) = handed_out(50 * MILLI, 20).await;
        for sleep in sleeps {
            tokio::time::timeout(LOCKED_UP, sleep).await.expect("it is over some time");
        }
        assert!(begun.elapsed() >= 50 * MILLI && begun.elapsed() < 50 * MILLI + LATE);
    });
}

#[test]
fn a_sleep_of_one_run_goes_on_in_the_next() {
    runtime().block_on(async {
        let (sleeps, begun) = handed_out(50 * MILLI, 20).await;
        let next = from_iter(sleeps).map_async(|sleep| sleep).concurrency(20).collect();
        let next = tokio::time::timeout(LOCKED_UP, next.run_on(&Async::tokio())).await;
        next.expect("they are over some time").expect("nothing fails");
        assert!(begun.elapsed() >= 50 * MILLI && begun.elapsed() < 50 * MILLI + LATE);
    });
}

#[test]
fn a_run_that_nobody_polls_keeps_no_sleep_that_has_left_it() {
    runtime().block_on(async {
        let (hand, mut out) = tokio::sync::mpsc::unbounded_channel();
        let run = from_iter([()])
            .map_async(move |()| {
                let hand = hand.clone();
                async move {
                    hand.send(begun(20 * MILLI).await).expect("somebody waits for it");
                    sleep(HOUR).await;
                }
            })
            .collect()
            .run_on(&Async::tokio());
        let mut run = pin!(run);
        let sleep = poll_fn(|cx| {
            assert!(run.as_mut().poll(cx).is_pending());
            out.poll_recv(cx)
        });
        let sleep = sleep.await.expect("it is handed out");
        // The run is still there, and not polled any more.
        tokio::time::timeout(LOCKED_UP, sleep).await.expect("it is over some time");
    });
}

#[test]
fn sleeps_that_go_from_thread_to_thread_are_over_or_dropped_where_they_arrive() {
    let runtime = runtime();
    let over = runtime.block_on(async {
        let run = from_iter(0..3_000u64)
            .map_async(|seed| async move {
                let mut rng = Rng::new(seed);
                let span = Duration::from_micros(rng.below(4_000));
                let (begun_at, sleep) = (Instant::now(), begun(span + MILLI).await);
                let way = rng.below(4);
                let moved = tokio::spawn(async move {
                    let mut sleep = sleep;
                    match way {
                        0 => drop(sleep),
                        1 => tokio::task::spawn_blocking(move || drop(sleep)).await.expect("nothing panics"),
                        2 => sleep.await,
                        _ => {
                            let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut sleep).poll(cx))).await;
                            return polled.is_pending().then_some(sleep);
                        }
                    }
                    None
                });
                if let Some(back) = moved.await.expect("no task panics") {
                    back.await;
                }
                let is_over = way >= 2;
                assert!(!is_over || begun_at.elapsed() >= span + MILLI);
                u64::from(is_over)
            })
            .concurrency(200)
            .fold(|| 0, |sum, n| *sum += n, |all, part| *all += part)
            .run_on(&Async::tokio());
        tokio::time::timeout(LOCKED_UP, run)
            .await
            .expect("nobody waits for ever")
            .expect("nothing fails")
            .value
    });
    assert!((1_000..2_000).contains(&over), "{over} of 3,000");
}

/// Polls a future to its end on a thread of no runtime.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Here(AtomicBool, Thread);
    impl Wake for Here {
        fn wake(self: Arc<Self>) {
            self.0.store(true, SeqCst);
            self.1.unpark();
        }
    }
    let here = Arc::new(Here(AtomicBool::new(true), thread::current()));
    let (waker, mut future, begun) = (here.clone().into(), pin!(future), Instant::now());
    loop {
        if here.0.swap(false, SeqCst)
            && let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker))
        {
            return output;
        }
        assert!(begun.elapsed() < LOCKED_UP, "nobody wakes it");
        thread::park_timeout(LOCKED_UP);
    }
}

#[test]
fn without_a_run_and_a_runtime_it_sleeps_all_the_same() {
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            thread::spawn(move || {
                block_on(async move {
                    for span in [0, 1, 3 + thread, 2].map(|millis| MILLI * millis) {
                        let (begun_at, never) = (Instant::now(), begun(HOUR).await);
                        sleep(span).await;
                        assert!(begun_at.elapsed() >= span && begun_at.elapsed() < span + LATE);
                        assert!(timeout(MILLI, never).await.is_err());
                    }
                });
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("no assertion fails"));
}

#[cfg(all(feature = "monoio", target_os = "linux"))]
#[test]
fn a_task_beside_the_run_sleeps_too_on_monoio() {
    let report = from_iter([5u32, 1, 3])
        .map_async(|millis| async move {
            let begun = Instant::now();
            let beside = monoio::spawn(sleep(MILLI * millis));
            beside.await;
            assert!(begun.elapsed() >= MILLI * millis);
        })
        .collect()
        .run_on(&Async::monoio().blocking());
    assert_eq!(report.expect("no assertion fails").value.len(), 3);
}

#[test]
fn a_run_that_ends_early_leaves_no_sleep_behind() {
    runtime().block_on(async {
        for failing in [true, false] {
            let (cancel, alive) = (Cancel::new(), Arc::new(()));
            let (canceller, held, begun) = (cancel.clone(), alive.clone(), Instant::now());
            let result = from_iter(0..100u64)
                .try_map_async(move |n| {
                    let (cancel, held) = (canceller.clone(), held.clone());
                    async move {
                        let _held = held;
                        if n < 99 {
                            sleep(HOUR).await;
                        }
                        sleep(MILLI).await;
                        if failing {
                            return Err("the last one");
                        }
                        cancel.cancel();
                        sleep(HOUR).await;
                        Ok(())
                    }
                })
                .concurrency(100)
                .unordered()
                .collect()
                .cancelled_by(&cancel)
                .run_on(&Async::tokio());
            let error = result.await.map(|report| report.value).expect_err("it ends early");
            assert_eq!(matches!(error, RunError::Stage { .. }), failing, "{error}");
            assert_eq!((Arc::strong_count(&alive), begun.elapsed() < LOCKED_UP), (1, true));
        }
    });
}

#[test]
fn attempts_that_are_cut_off_in_their_sleep_leave_the_wheel_to_the_next() {
    let report = from_iter(0..200u64)
        .map_async(|n| async move {
            sleep(if n % 4 == 0 { HOUR } else { MILLI }).await;
            n
        })
        .concurrency(20)
        .timeout(10 * MILLI)
        .on_error(skip())
        .collect()
        .run_on(&Async::test())
        .expect("what is slow is skipped");
    assert_eq!((report.value.len(), report.skipped()), (150, 50));
}

#[test]
fn who_waits_for_the_driver_s_thread_is_not_woken_under_its_lock() {
    /// Drops a sleep of the same wheel when it is woken.
    struct Drops(Mutex<Option<Sleep>>, mpsc::Sender<()>);
    impl Wake for Drops {
        fn wake(self: Arc<Self>) {
            drop(self.0.lock().unwrap().take());
            self.1.send(()).expect("the test is there");
        }
    }
    let (told, tells) = mpsc::channel();
    let report = from_iter([told])
        .map_async(|told| async move {
            let other = begun(HOUR).await;
            let waker = Waker::from(Arc::new(Drops(Mutex::new(Some(other)), told)));
            let mut first = sleep(MILLI);
            assert!(Pin::new(&mut first).poll(&mut Context::from_waker(&waker)).is_pending());
            sleep(5 * MILLI).await;
        })
        .collect()
        .run_on(&Async::test());
    report.expect("no assertion fails");
    assert_eq!(tells.try_iter().count(), 1);
}
