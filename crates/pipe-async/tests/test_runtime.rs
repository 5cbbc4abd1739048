//! The runtime for tests against the kit, and what stages do on its clock.

use pipe_async::{Async, Test, sleep};
use pipe_core::testing::{Live, Rng, ScriptedSink, WithReactor, laws};
use pipe_core::{
    Cancel, Clock, Event, Observed, RunError, TookTooLong, exponential, from_iter, per_second, skip,
};
use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::{Duration, Instant};

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn it_obeys_all_laws() {
    let coverage = laws::executor(&WithReactor(Async::test()));
    assert_eq!(coverage.missing(), [], "not covered:\n{}", coverage.table());
}

#[test]
fn with_a_small_limit_it_obeys_the_laws() {
    laws::named(&WithReactor(Async::test().memory_limit(1 << 20)));
}

#[test]
fn operations_take_the_time_that_they_say_and_no_more() {
    let begun = Test::now();
    let report = from_iter(0..1_000u32)
        .map_async(|n| async move {
            sleep(10 * MILLI).await;
            n
        })
        .concurrency(100)
        .collect()
        .run_on(&Async::test());
    assert_eq!(report.expect("nothing fails").value, (0..1_000).collect::<Vec<_>>());
    assert_eq!(Test::now() - begun, 10 * 10 * MILLI);
}

#[test]
fn an_attempt_is_cut_off_at_its_timeout_and_the_next_one_waits_its_span() {
    let begun = Test::now();
    let error = from_iter([1u32])
        .map_async(|_| pending::<u32>())
        .timeout(5 * SECOND)
        .retry(exponential(3).first(10 * SECOND))
        .collect()
        .run_on(&Async::test())
        .expect_err("it never ends");
    assert_eq!(error.stage_error::<TookTooLong>().map(|slow| slow.timeout), Some(5 * SECOND));
    // Waits of 10 and 20 seconds, of which a half may be cut off; and an alarm is late by a tick at most.
    let took = Test::now() - begun;
    assert!((30 * SECOND..45 * SECOND + 10 * MILLI).contains(&took), "{took:?}");
}

thread_local!(static STARTS: RefCell<Vec<Duration>> = const { RefCell::new(Vec::new()) });

/// When operations start at such a rate. Now and then the source waits, longer than the burst lasts.
fn starts(limit: u32, burst: u32, pauses: bool) -> Vec<Duration> {
    STARTS.take();
    let count = 6 * limit;
    let report = from_iter(0..count)
        .map(move |n| {
            if pauses && n % 997 == 996 {
                Test::clock().wait(2 * SECOND, &Cancel::new());
            }
            n
        })
        .map_async(|n| {
            STARTS.with_borrow_mut(|starts| starts.push(Test::now()));
            async move {
                sleep(100 * MILLI).await;
                n
            }
        })
        .concurrency(100_000)
        .rate(per_second(limit).burst(burst))
        .collect()
        .run_on(&Async::test());
    assert_eq!(report.expect("nothing fails").value, (0..count).collect::<Vec<_>>());
    STARTS.take()
}

#[test]
fn the_rate_is_reached_within_a_hundredth() {
    for (limit, burst) in [(50, 1), (500, 1), (500, 50), (5_000, 50)] {
        let starts = starts(limit, burst, false);
        let span = (starts[starts.len() - 1] - starts[0]).as_secs_f64();
        let rate = (starts.len() - burst as usize) as f64 / span;
        assert!((rate / f64::from(limit) - 1.0).abs() < 0.01, "{rate} instead of {limit}, burst {burst}");
    }
}

#[test]
fn no_tenth_of_a_second_has_more_than_its_share_and_the_burst() {
    for (limit, burst, pauses) in [(50, 1), (500, 1), (500, 50), (5_000, 50)]
        .into_iter()
        .flat_map(|(limit, burst)| [(limit, burst, false), (limit, burst, true)])
    {
        let starts = starts(limit, burst, pauses);
        // What waited is not told a late timer from a pause: two milliseconds are made up for.
        let made_up = if pauses { limit / 500 } else { 0 };
        for (index, start) in starts.iter().enumerate() {
            let within = starts[index..].iter().take_while(|at| **at < *start + SECOND / 10).count();
            let most = (limit / 10 + burst + made_up) as usize;
            assert!(within <= most, "{within} in a tenth of a second at {limit} a second, burst {burst}");
        }
    }
}

thread_local!(static BATCHES: RefCell<Vec<(Duration, Vec<Duration>)>> = const { RefCell::new(Vec::new()) });

#[test]
fn a_batch_leaves_when_it_is_full_or_old_and_not_later() {
    const AGE: Duration = Duration::from_millis(10);
    for seed in 0..20 {
        BATCHES.take();
        let (mut rng, mut at, begun) = (Rng::new(seed), Duration::ZERO, Test::now());
        let times: Vec<Duration> = std::iter::repeat_with(|| {
            let most = if rng.below(4) == 0 { 20_000 } else { 1_500 };
            at += Duration::from_micros(rng.below(most));
            at
        })
        .take(300)
        .collect();
        from_iter(times.clone())
            .map_async(|at| async move {
                sleep(at).await;
                at
            })
            .concurrency(1_000)
            .batch(8)
            .or_after(AGE)
            .for_each(move |batch| {
                BATCHES.with_borrow_mut(|batches| batches.push((Test::now() - begun, batch)));
            })
            .run_on(&Async::test())
            .expect("nothing fails");
        let mut expected: Vec<(Duration, Vec<Duration>)> = Vec::new();
        for at in times {
            match expected.last_mut().filter(|(_, batch)| batch.len() < 8 && at < batch[0] + AGE) {
                Some((left, batch)) => {
                    batch.push(at);
                    *left = if batch.len() == 8 { at } else { batch[0] + AGE };
                }
                None => expected.push((at + AGE, vec![at])),
            }
        }
        // The last one leaves at the end.
        if let Some((left, batch)) = expected.last_mut() {
            *left = batch[batch.len() - 1];
        }
        assert_eq!(BATCHES.take(), expected, "seed {seed}");
    }
}

thread_local!(static POLLS: Cell<u32> = const { Cell::new(0) });

#[test]
fn a_run_may_be_cancelled_at_any_poll() {
    for k in 0..=200 {
        POLLS.set(0);
        let (live, cancel, (sink, log)) = (Live::new(), Cancel::new(), ScriptedSink::new());
        let (source, switch) = (live.clone(), cancel.clone());
        let ended = from_iter((0..40u64).map(move |n| source.item(n)))
            .map_async(move |item| {
                let (mut item, mut left, switch) = (Some(item), 5, switch.clone());
                poll_fn(move |cx| {
                    if POLLS.replace(POLLS.get() + 1) == k {
                        switch.cancel();
                    }
                    left -= 1;
                    if left == 0 {
                        return Poll::Ready(item.take().expect("polled to its end"));
                    }
                    cx.waker().wake_by_ref();
                    Poll::Pending
                })
            })
            .concurrency(7)
            .to(sink)
            .cancelled_by(&cancel)
            .run_on(&Async::test());
        // 40 operations of five polls each: number 200 is never reached.
        assert_eq!((ended.is_err(), log.commits()), (k < 200, usize::from(k == 200)), "at poll {k}");
        assert!(!matches!(ended, Err(ref error) if !matches!(error, RunError::Cancelled)), "{k}: {ended:?}");
        drop((ended, log));
        assert_eq!(live.now(), 0, "items are left, at poll {k}");
    }
}

#[test]
fn a_clock_that_leaps_ahead_ends_what_is_late_and_nothing_else() {
    const AGES: Duration = Duration::from_secs(600 * 365 * 24 * 3_600);
    let report = from_iter(0..300u64)
        .map(|n| {
            if n % 100 == 50 {
                Test::clock().wait(AGES, &Cancel::new());
            }
            n
        })
        .map_async(|n| async move {
            sleep(MILLI).await;
            n
        })
        .concurrency(4)
        .timeout(SECOND)
        .rate(per_second(1_000))
        .retry(exponential(3))
        .on_error(skip())
        .collect()
        .run_on(&Async::test())
        .expect("what fails is skipped");
    // An operation whose time is over is asked once more before it is given up; these are over by then.
    assert_eq!(report.value, (0..300).collect::<Vec<_>>());
}

/// Everything that a run tells of itself, in order: each slice of each batch with its times, what was decided, the last report; and what
/// came out. `burn` is how much real time an item costs in its sync stages, on a virtual clock none.
fn told(burn: Duration, seed: u64) -> (Vec<String>, Vec<Vec<u64>>) {
    let (told, burnt) = (Arc::new(Mutex::new(Vec::new())), move || {
        let until = Instant::now() + burn;
        while Instant::now() < until {}
    });
    let (tell, mut rng) = (told.clone(), Rng::new(seed));
    let spans: Vec<_> = (0..3_000).map(|_| Duration::from_micros(rng.below(5_000))).collect();
    let report = from_iter((0..3_000u64).inspect(move |n| {
        if n % 3 == 0 {
            burnt();
        }
    }))
    .filter(|n| n % 11 != 0)
    .edge()
    .try_map_async(move |n| {
        let span = spans[n as usize];
        async move {
            sleep(span).await;
            if n % 13 == 0 { Err("down") } else { Ok(n) }
        }
    })
    .concurrency(70)
    .per_key(|n| n % 40, 3)
    .timeout(4 * MILLI)
    .rate(per_second(40_000).burst(20))
    .retry(exponential(2).first(MILLI))
    .on_error(skip())
    .map(move |n| {
        if n % 5 == 0 {
            burnt();
        }
        n
    })
    .batch(16)
    .or_after(MILLI)
    .map_async(|batch: Vec<u64>| async move {
        sleep(MILLI * batch.len() as u32).await;
        batch
    })
    .concurrency(50)
    .adaptive()
    .unordered()
    .collect()
    .within(600 * SECOND)
    .observe(move |what: &Observed<'_>| {
        let line = match what {
            Observed::Worked(slice) => format!("{slice:?}"),
            Observed::Noted(event) => format!("{event:?}"),
            Observed::Ended { report, .. } => format!("{report:?}"),
            _ => return,
        };
        tell.lock().unwrap().push(line);
    })
    .run_on(&Async::test())
    .expect("what fails is skipped");
    (std::mem::take(&mut *told.lock().unwrap()), report.value)
}

#[test]
fn the_same_run_twice_is_the_same_to_its_batches_and_events() {
    for seed in 0..3 {
        let (first, batches) = told(Duration::ZERO, seed);
        let (second, again) = told(Duration::from_micros(30), seed);
        let differ = first.iter().zip(&second).position(|(first, second)| first != second);
        assert_eq!(differ.map(|at| (&first[at], &second[at])), None, "seed {seed}, at {differ:?}");
        assert_eq!((first.len(), batches), (second.len(), again), "seed {seed}");
    }
}

#[test]
fn a_stage_that_never_rests_lets_others_have_their_turn() {
    // Its operations wake themselves for ever, and the clock stands still: only a bound in rounds ends a turn.
    POLLS.set(0);
    let cancel = Cancel::new();
    let switch = cancel.clone();
    let ended = from_iter([1u32])
        .map_async(move |_| {
            let switch = switch.clone();
            poll_fn(move |cx| {
                if POLLS.replace(POLLS.get() + 1) == 20_000 {
                    switch.cancel();
                }
                cx.waker().wake_by_ref();
                Poll::<u32>::Pending
            })
        })
        .collect()
        .cancelled_by(&cancel)
        .run_on(&Async::test());
    assert!(matches!(ended, Err(RunError::Cancelled)), "{ended:?}");
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        resume_unwind(Box::new("dropped"));
    }
}

#[test]
fn operations_that_all_panic_when_they_are_dropped_end_the_run_and_not_the_process() {
    for fails in [false, true] {
        let cancel = Cancel::new();
        let switch = cancel.clone();
        let ended = from_iter(0..100u64)
            .try_map_async(move |n| {
                let switch = switch.clone();
                async move {
                    if n < 90 {
                        let _bomb = Bomb;
                        pending::<()>().await;
                    }
                    if !fails {
                        switch.cancel();
                        pending::<()>().await;
                    }
                    Err::<u64, _>("the ninetieth")
                }
            })
            .unordered()
            .concurrency(100)
            .collect()
            .cancelled_by(&cancel)
            .run_on(&Async::test());
        let error = ended.expect_err("it fails, or is cancelled");
        assert!(fails == matches!(error, RunError::Stage { .. }), "{error:?}");
    }
}

#[test]
fn a_deadline_goes_by_the_clock() {
    let begun = Test::now();
    let run = from_iter(0..10u64).map_async(|_| pending::<u64>()).collect();
    let ended = run.within(SECOND).run_on(&Async::test());
    assert!(matches!(ended, Err(RunError::TimedOut)), "{ended:?}");
    assert!((SECOND..SECOND + 2 * MILLI).contains(&(Test::now() - begun)));
}

thread_local!(static SERVERS: RefCell<Vec<Duration>> = const { RefCell::new(Vec::new()) });

/// A service with this many servers, each of which takes ten milliseconds for an operation; others wait in front of them.
/// Says when the answer comes.
fn answer() -> Duration {
    SERVERS.with_borrow_mut(|servers| {
        let free = servers.iter_mut().min().expect("it has servers");
        *free = (*free).max(Test::now()) + 10 * MILLI;
        *free
    })
}

#[test]
fn an_adaptive_stage_has_as_many_in_flight_as_the_service_can_work_on() {
    thread_local!(static IN_FLIGHT: Cell<(usize, usize)> = const { Cell::new((0, 0)) });
    SERVERS.set(vec![Duration::ZERO; 40]);
    let (begun, count) = (Test::now(), 20_000u32);
    let report = from_iter(0..count)
        .map_async(move |n| async move {
            let (now, most) = IN_FLIGHT.get();
            // The beginning is a search.
            IN_FLIGHT.set((now + 1, if n > count / 2 { most.max(now + 1) } else { 0 }));
            let at = answer();
            sleep(at.saturating_sub(Test::now())).await;
            IN_FLIGHT.set((IN_FLIGHT.get().0 - 1, IN_FLIGHT.get().1));
            n
        })
        .concurrency(10_000)
        .adaptive()
        .collect()
        .run_on(&Async::test());
    let report = report.expect("nothing fails");
    assert_eq!(report.value, (0..count).collect::<Vec<_>>());
    let told =
        |event: &Event| matches!(event, Event::Remark { what, .. } if what.contains("operations at a time"));
    assert_eq!(report.events.iter().filter(|event| told(event)).count(), 1, "{:?}", report.events);
    let (_, most) = IN_FLIGHT.get();
    assert!((35..70).contains(&most), "{most} in flight, for 40 servers");
    let took = (Test::now() - begun).as_secs_f64();
    let least = f64::from(count) / 40.0 * 0.01;
    assert!(took < 1.2 * least, "{took} s instead of {least}");
}
