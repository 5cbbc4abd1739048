//! The executor on monoio against the kit, and what is its own.
#![cfg(all(feature = "monoio", target_os = "linux"))]

use pipe_async::{Async, Blocking, Monoio};
use pipe_core::testing::{WithReactor, laws};
use pipe_core::{RunError, exponential, from_iter, skip};
use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

fn executor() -> Blocking<Monoio> {
    Async::monoio().blocking()
}

#[test]
fn it_obeys_all_laws() {
    let coverage = laws::executor(&WithReactor(executor()));
    assert_eq!(coverage.missing(), [], "not covered:\n{}", coverage.table());
}

#[test]
fn on_several_shards_it_obeys_all_laws() {
    let coverage = laws::executor(&WithReactor(Async::monoio().shards(2).blocking()));
    assert_eq!(coverage.missing(), [], "not covered:\n{}", coverage.table());
}

#[test]
fn in_the_task_it_obeys_all_laws() {
    let coverage = laws::executor(&WithReactor(Async::monoio().in_task().blocking()));
    assert_eq!(coverage.missing(), [], "not covered:\n{}", coverage.table());
}

#[test]
fn it_stays_within_any_limit() {
    laws::within_limits(&|limit| Box::new(Async::monoio().memory_limit(limit).blocking()), &|_| 0);
}

#[test]
fn runs_share_a_budget() {
    // A batch on each of two edges, which is read or made before anybody knows how large it is.
    laws::runs_share_a_budget(|budget| Async::monoio().budget(budget).blocking(), 2 * (256 << 10));
}

#[test]
fn memory_settings_mean_what_they_mean_on_all_executors() {
    laws::memory_settings_mean_the_same(&|limit, budget| {
        let limited = limit.into_iter().fold(Async::monoio(), Async::memory_limit);
        Box::new(budget.into_iter().fold(limited, Async::budget).blocking())
    });
}

#[test]
fn a_stopped_run_returns() {
    laws::a_stopped_run_returns(executor);
}

#[test]
fn operations_need_not_be_send() {
    thread_local!(static SEEN: Rc<Cell<u64>> = Rc::default());
    let report = from_iter(0..1_000u64)
        .map_async(|n| {
            let seen = SEEN.with(Rc::clone);
            async move {
                monoio::time::sleep(Duration::from_millis(1)).await;
                seen.set(seen.get() + 1);
                n
            }
        })
        .concurrency(100)
        .collect()
        .run_on(&executor())
        .expect("nothing fails");
    assert_eq!(report.value, (0..1_000).collect::<Vec<_>>());
    assert_eq!(SEEN.with(|seen| seen.get()), 1_000);
}

#[test]
fn operations_of_shards_need_not_be_send_and_wait_on_the_runtime_of_their_shard() {
    let report = from_iter(0..1_000u64)
        .map_async(|n| async move {
            let held = Rc::new(n);
            monoio::time::sleep(Duration::from_millis(1)).await;
            *held
        })
        .concurrency(100)
        .collect()
        .run_on(&Async::monoio().shards(3).blocking())
        .expect("nothing fails");
    assert_eq!(report.value, (0..1_000).collect::<Vec<_>>());
}

#[test]
fn timeouts_and_retries_go_by_its_timers() {
    let begun = Instant::now();
    let report = from_iter(0..100u64)
        .map_async(|n| async move {
            let slow = n % 10 == 3;
            monoio::time::sleep(Duration::from_millis(if slow { 60_000 } else { 1 })).await;
            n
        })
        .timeout(Duration::from_millis(20))
        .retry(exponential(2).first(Duration::from_millis(5)))
        .on_error(skip())
        .collect()
        .run_on(&executor())
        .expect("what fails is skipped");
    assert_eq!((report.skipped(), report.value.len()), (10, 90));
    assert!(begun.elapsed() >= Duration::from_millis(2 * 20 + 2));
}

#[test]
fn to_wait_inside_of_a_runtime_is_an_error() {
    let mut runtime = monoio::RuntimeBuilder::<monoio::FusionDriver>::new().enable_timer().build().unwrap();
    runtime.block_on(async {
        let numbers = || from_iter(0..3u32).map_async(|n| async move { n + 1 }).collect();
        assert_eq!(numbers().run_on(&Async::monoio()).await.expect("nothing fails").value, [1, 2, 3]);
        let error = numbers().run_on(&executor()).expect_err("it would block the runtime");
        assert!(matches!(error, RunError::Config { field: "runtime", .. }), "{error:?}");
    });
}

#[test]
fn an_operation_that_wakes_itself_for_ever_is_ended_when_its_time_is_over() {
    let error = from_iter(0..10u64)
        .map_async(|n| {
            poll_fn(move |cx| {
                if n != 5 {
                    return Poll::Ready(n);
                }
                cx.waker().wake_by_ref();
                Poll::Pending
            })
        })
        .timeout(Duration::from_millis(20))
        .collect()
        .run_on(&executor())
        .expect_err("one is never over");
    assert_eq!(error.to_string(), "stage map_async#0 failed at 5: took longer than 20ms");
}
