//! Plans with serial stages in the middle: who runs what, and what stays bounded.

mod work;

use pipe_core::testing::{Counted, Live, Pull, ScriptedSource};
use pipe_core::{Emit, Event, Flow, Sharing, Stage, Step, from_iter, from_source};
use pipe_parallel::Parallel;
use std::collections::HashSet;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Condvar, Mutex};
use std::thread;
use work::after;

const BUFFER: usize = 64 << 10;

/// Emits each item this many times, counted.
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
    for (workers, limit, times) in [
        (1, 1 << 20, 50_000),
        (2, 1 << 20, 50_000),
        (4, 256 << 10, 50_000),
        (4, 1 << 10, 20_000),
        (7, 8, 2_000u64),
    ] {
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
