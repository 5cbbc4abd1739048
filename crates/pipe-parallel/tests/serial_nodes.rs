//! Plans with serial stages in the middle: who runs what, what stays bounded, and how they end early.

use pipe_core::testing::{Counted, Live, Pull, Rng, ScriptedSink, ScriptedSource};
use pipe_core::{
    Cancel, Clock, Emit, Event, Flow, Inline, RunError, Sharing, Stage, Step, from_iter, from_source,
};
use pipe_parallel::Parallel;
use std::collections::HashSet;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

const BUFFER: usize = 64 << 10;

/// The number itself, after so many dependent multiplications.
fn after(n: i64, rounds: u64) -> i64 {
    black_box((0..rounds).fold(n as u64, |x, _| (x ^ 0x9E37_79B9).wrapping_mul(0xBF58_476D_1CE4_E5B9)));
    n
}

/// Emits each item so many times, counted.
struct Burst {
    times: u64,
    live: Live,
}

impl Stage for Burst {
    type State = ();
    const SHARING: Sharing = Sharing::Serial;
    fn state(&self) {}
}

impl Step<u64> for Burst {
    type Out = Counted<u64>;

    fn push<O: Emit<Counted<u64>>>(&self, (): &mut (), item: u64, out: &mut O) -> Flow {
        (0..self.times).try_for_each(|k| out.emit(self.live.item(item * self.times + k)))
    }
}

#[test]
fn items_that_explode_around_serial_stages_stay_within_the_memory_limit() {
    let times = 50_000u64;
    for (workers, limit) in [(1, 1 << 20), (2, 1 << 20), (4, 256 << 10), (4, 1 << 10), (7, 8)] {
        let parallel = Parallel::new().workers(workers).memory_limit(limit);
        // Per worker and stretch one buffer that was put and one that is filled; per serial node one more.
        let allowed = limit + BUFFER * (2 * 2 * workers + 2);
        for serial_bursts in [false, true] {
            let live = Live::new();
            let (out, mut next) = (live.clone(), 0);
            let source = from_iter(0..8u64).map(|n| n);
            let burst = if serial_bursts {
                source.serial(Burst { times, live: out }).boxed()
            } else {
                source
                    .flat_map(move |n| (0..times).map(move |k| n * times + k))
                    .map(move |n| out.item(n))
                    .boxed()
            };
            let ran = burst
                .scan(|| (), |(), item| item)
                .map(|item| item)
                .for_each(|item| {
                    assert_eq!(item.value, next, "out of order");
                    next += 1;
                })
                .run_on(&parallel);
            ran.expect("nothing fails");
            assert_eq!((next, live.now()), (8 * times, 0));
            let bytes = live.most() * size_of::<Counted<u64>>();
            assert!(bytes <= allowed, "{bytes} bytes were alive, {allowed} are allowed: {workers}, {limit}");
        }
    }
}

#[test]
fn many_tiny_batches_come_in_order() {
    for round in 0..20 {
        let script = (0..3_000i64).map(|n| Pull::Give(vec![n]));
        let report = from_source(ScriptedSource::new(script))
            .map(|n| after(n, 50))
            .enumerate()
            .map(|(at, n)| (at, after(n, 50)))
            .scan(
                || 0u64,
                |sum, (at, n)| {
                    *sum += at;
                    (*sum, n)
                },
            )
            .skip(0)
            .map(|(sum, n)| (sum, after(n, 50)))
            .collect()
            .run_on(&Parallel::new().workers(2 + round % 6).memory_limit(64 << (round % 3 * 5)))
            .expect("nothing fails");
        let expected = (0..3_000).map(|n: i64| ((n * (n + 1) / 2) as u64, n));
        assert!(report.value.into_iter().eq(expected), "round {round}");
    }
}

#[test]
fn states_behind_serial_stages_are_made_once_by_each_worker_and_all_are_merged() {
    for round in 0..20 {
        let made = [AtomicUsize::new(0), AtomicUsize::new(0)];
        let counted = |segment: usize| {
            let made = &made[segment];
            move || {
                made.fetch_add(1, Relaxed);
                Rc::new(segment as i64)
            }
        };
        let pipeline = from_iter(0..5_000i64)
            .map_with(counted(0), |zero, n| after(n, 200) + **zero)
            .scan(|| 0, |_, n| n)
            .map_with(counted(1), |one, n| after(n, 200) + **one - 1);
        let (count, sum) = (|all: &mut (u64, i64), n| *all = (all.0 + 1, all.1 + n), 4_999 * 2_500);
        let merge = |all: &mut (u64, i64), part: (u64, i64)| *all = (all.0 + part.0, all.1 + part.1);
        let parallel = Parallel::new().workers(1 + round % 5);
        let report = if round % 2 == 0 {
            pipeline.fold(|| (0, 0), count, merge).run_on(&parallel)
        } else {
            pipeline.unordered().fold(|| (0, 0), count, merge).run_on(&parallel)
        };
        let report = report.expect("nothing fails");
        assert_eq!(report.value, (5_000, sum));
        for made in &made {
            assert!((1..=report.workers).contains(&made.load(Relaxed)), "{made:?}, {}", report.workers);
        }
    }
}

#[test]
fn work_behind_a_cheap_serial_stage_is_shared_by_all_workers() {
    // From item 1,000 on, nobody goes on before four threads have come: with fewer workers this would not end.
    let (here, all_here) = (Mutex::new(HashSet::new()), Condvar::new());
    let heavy = |(at, n): (u64, i64)| {
        after(n, 10_000);
        if at >= 1_000 {
            let mut here = here.lock().unwrap();
            here.insert(thread::current().id());
            all_here.notify_all();
            drop(all_here.wait_while(here, |here| here.len() < 4).unwrap());
        }
        n
    };
    let report =
        from_iter(0..3_000i64).enumerate().map(heavy).collect().run_on(&Parallel::new().workers(4)).unwrap();
    assert_eq!((report.workers, report.value.len()), (4, 3_000));
}

#[test]
fn a_plan_without_a_parallel_stage_stays_on_the_calling_thread_and_says_so() {
    let sums = |workers| {
        let sum = |sum: &mut u64, n| {
            *sum += n;
            *sum
        };
        let pipeline = from_iter(0..10_000u64).scan(|| 0, sum).skip(1).collect();
        pipeline.run_on(&Parallel::new().workers(workers)).expect("nothing fails")
    };
    let report = sums(3);
    assert!(report.value.iter().copied().eq((1..10_000).map(|n| n * (n + 1) / 2)));
    assert!(matches!(report.events[..], [Event::StayedInline { .. }]), "{:?}", report.events);
    assert_eq!((report.workers, sums(1).events.len()), (1, 0));
}

#[test]
fn an_end_further_down_comes_before_a_later_failure_of_the_same_batch() {
    let refuse = |n| if n == 5 { Err("refused") } else { Ok(n) };
    for workers in [0, 1, 2] {
        let source = ScriptedSource::new([Pull::Give((0..10i64).collect())]);
        let taken = from_source(source).try_map(refuse).take(3).collect();
        let ran = match workers {
            0 => taken.run_on(&Inline),
            workers => taken.run_on(&Parallel::new().workers(workers)),
        };
        assert_eq!(ran.expect("`take` ends before it").value, [0, 1, 2]);
    }
}

/// Ends the run at a marker.
struct Until(i64);

impl Stage for Until {
    type State = ();
    fn state(&self) {}
}

impl Step<i64> for Until {
    type Out = i64;

    fn push<O: Emit<i64>>(&self, (): &mut (), item: i64, out: &mut O) -> Flow {
        if item == self.0 { Flow::Break(()) } else { out.emit(item) }
    }
}

#[test]
fn what_comes_after_an_end_marker_is_neither_delivered_nor_heard_of() {
    for round in 0..40 {
        let at = [0, 1, 900, 2_500][round % 4];
        let (sink, log) = ScriptedSink::new();
        from_iter(0..20_000i64)
            .map(|n| after(n, 200))
            .try_map(move |n| if n > at + 3 { Err(format!("{n} is behind the end")) } else { Ok(n) })
            .stage(Until(at))
            .scan(|| (), |(), n| n)
            .map(|n| after(n, 100))
            .to(sink)
            .run_on(&Parallel::new().workers(1 + round % 7))
            .expect("a loop would have ended before the first failure");
        assert!(
            log.items() == (0..at).collect::<Vec<_>>(),
            "{} items, the end is at {at}",
            log.items().len()
        );
        assert_eq!(log.commits(), 1);
    }
}

#[test]
fn accumulators_survive_a_failure_that_an_earlier_end_undoes() {
    for round in 0..100 {
        let parallel = Parallel::new().workers(1 + round % 7);
        let report = from_iter(0..10_000i64)
            .try_map(|n| if n >= 1_100 { Err("behind the end") } else { Ok(after(n, 300)) })
            .take(1_000)
            .map(|n| after(n, 300))
            .fold(|| 0, |sum, n| *sum += n, |all, part| *all += part)
            .run_on(&parallel)
            .expect("`take` ends before the first failure");
        assert_eq!(report.value, 999 * 500);
    }
}

/// Fails when it finishes, having emitted something.
struct FailsAtTheEnd;

impl Stage for FailsAtTheEnd {
    type State = ();
    const SHARING: Sharing = Sharing::Serial;
    fn state(&self) {}
}

impl Step<i64> for FailsAtTheEnd {
    type Out = i64;

    fn push<O: Emit<i64>>(&self, (): &mut (), item: i64, out: &mut O) -> Flow {
        out.emit(item)
    }

    fn finish<O: Emit<i64>>(&self, (): (), out: &mut O) -> Flow {
        out.emit(-1)?;
        out.fail("the end".into())
    }
}

#[test]
fn a_failure_while_finishing_comes_after_all_items() {
    for workers in [1, 2, 3, 7] {
        let (sink, log) = ScriptedSink::new();
        let error = from_iter(0..3_000i64)
            .map(|n| after(n, 300))
            .serial(FailsAtTheEnd)
            .named("last")
            .map(|n| after(n, 100))
            .to(sink)
            .run_on(&Parallel::new().workers(workers))
            .expect_err("it fails at the end");
        assert_eq!(error.to_string(), "stage last failed: the end");
        assert!(log.items() == (0..3_000).chain([-1]).collect::<Vec<_>>(), "{} items", log.items().len());
        assert_eq!(log.commits(), 0);
    }
}

/// Panics without the panic hook, which would print.
fn thrown<T>() -> T {
    std::panic::resume_unwind(Box::new("thrown".to_owned()))
}

#[test]
fn however_a_run_with_serial_stages_ends_no_item_is_left() {
    let endings: [(&str, fn(i64) -> Result<i64, String>); 3] = [
        ("well", Ok),
        ("failed", |n| if n == 1_500 { Err("no".to_owned()) } else { Ok(n) }),
        ("panicked", |n| if n == 1_500 { thrown() } else { Ok(n) }),
    ];
    for round in 0..10 {
        for (ending, end) in endings {
            let live = Live::new();
            let (source, out) = (live.clone(), live.clone());
            let ran = from_iter((0..3_000i64).map(move |n| source.item(n)))
                .map(|item| after(item.value, 200))
                .scan(|| (), |(), n| n)
                .try_map(move |n| end(n).map(|n| out.item(n)))
                .batch(7)
                .map(|group| group)
                .for_each(drop)
                .run_on(&Parallel::new().workers(1 + round % 7).memory_limit(64 << (round % 3 * 5)));
            assert_eq!(ran.is_ok(), ending == "well");
            assert_eq!(live.now(), 0, "a run that {ending} left items behind");
        }
    }
}

#[test]
fn a_run_with_serial_stages_is_cancelled_anywhere() {
    let mut rng = Rng::new(7);
    for round in 0..60 {
        let (at, place) = (rng.below(30_000) as i64, rng.below(4));
        let cancel = Cancel::new();
        let here = |stage, n| {
            if stage == place && n == at {
                cancel.cancel();
            }
            n
        };
        let (sink, log) = ScriptedSink::new();
        let ran = from_iter(0i64..)
            .map(|n| here(0, after(n, 100)))
            .scan(|| (), |(), n| here(1, n))
            .map(|n| here(2, after(n, 100)))
            .scan(|| (), |(), n| here(3, n))
            .to(sink)
            .cancelled_by(&cancel)
            .run_on(&Parallel::new().workers(1 + round % 7).memory_limit(4 << 10 << (round % 3 * 4)));
        assert!(matches!(ran, Err(RunError::Cancelled)), "round {round}: {ran:?}");
        assert_eq!((log.commits(), log.drops()), (0, 1));
        assert!(log.items().iter().copied().eq(0..log.items().len() as i64), "round {round}: out of order");
    }
}

/// A clock that items move.
#[derive(Clone, Default)]
struct Ticks(Arc<AtomicU64>);

impl Clock for Ticks {
    fn now(&self) -> Duration {
        Duration::from_millis(self.0.load(Relaxed))
    }

    fn wait(&self, _: Duration, _: &Cancel) {}
}

#[test]
fn a_deadline_ends_the_run_as_timed_out() {
    for (round, workers) in [1, 2, 3, 7].into_iter().cycle().take(40).enumerate() {
        let (ticks, (sink, log)) = (Ticks::default(), ScriptedSink::new());
        let tick = |n| {
            ticks.0.fetch_add(1, Relaxed);
            after(n, 100)
        };
        let endless = from_iter(0i64..).map(tick);
        let parallel = Parallel::new().workers(workers);
        let span = Duration::from_millis(round as u64 * 311);
        // The loop of a plan with one segment, and nodes.
        let ran = if round % 2 == 0 {
            endless.to(sink).within(span).clocked_by(ticks.clone()).run_on(&parallel)
        } else {
            let serial = endless.scan(|| (), |(), n| n).map(|n| n);
            serial.to(sink).within(span).clocked_by(ticks.clone()).run_on(&parallel)
        };
        assert!(matches!(ran, Err(RunError::TimedOut)), "round {round}: {ran:?}");
        assert_eq!((log.commits(), log.drops()), (0, 1));
    }
}

#[test]
fn a_drained_run_delivers_what_it_has_read() {
    for workers in [1, 2, 7] {
        let mut whole = from_iter(0i64..)
            .map(|n| after(n, 100))
            .batch(10)
            .map(|group| group.iter().map(|n| after(*n, 50)).collect::<Vec<_>>())
            .collect();
        let run = whole.handle();
        let report = thread::scope(|scope| {
            let ended = scope.spawn(|| whole.run_on(&Parallel::new().workers(workers)));
            while run.progress().taken < 5_000 {
                thread::yield_now();
            }
            run.drain(Duration::from_secs(60));
            ended.join().expect("nothing panics").expect("there is time enough")
        });
        let items = report.value.concat();
        assert!(report.drained && items.len() as u64 == report.taken(), "{} items", items.len());
        assert!(items.into_iter().eq(0..report.taken() as i64));
    }
}

/// An item that panics when it is dropped unread.
struct Fragile(i64, Option<Live>);

impl Drop for Fragile {
    fn drop(&mut self) {
        if self.1.is_some() && !thread::panicking() {
            thrown()
        }
    }
}

#[test]
fn items_that_panic_when_they_are_dropped_end_the_run_with_an_error() {
    for round in 0..40 {
        let ran = from_iter(0..20_000i64)
            .map(|n| Fragile(after(n, 100), (n > 2_000).then(Live::new)))
            .scan(|| (), |(), item| item)
            .map(|mut item| {
                item.1 = None;
                after(item.0, 100)
            })
            .take(3_000)
            .collect()
            .run_on(&Parallel::new().workers(1 + round % 7));
        // Either all of them were used or dropped in time, or one was dropped on the way.
        match ran {
            Ok(report) => assert!(report.value.into_iter().eq(0..3_000)),
            Err(RunError::Panicked { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    // The executor is usable afterwards, and so is this one thread.
    assert_eq!(from_iter(0..9).skip(1).collect().run_on(&Inline).expect("nothing fails").value.len(), 8);
}
