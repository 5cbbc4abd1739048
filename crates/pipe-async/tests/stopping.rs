//! Runs that are stopped from outside: by a switch, a deadline, or by dropping them. Nothing is left behind.
#![cfg(feature = "tokio")]

use pipe_async::Async;
use pipe_core::testing::{Counted, Live, ScriptedSink};
use pipe_core::{Cancel, DeadLetter, Run, RunError, dead_letters, from_iter};
use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

/// An operation that never ends, and keeps its item.
async fn never(item: Counted<u64>) -> Counted<u64> {
    pending::<()>().await;
    item
}

/// Lets the run go on until `reached` holds. A run that never comes there fails the test, and does not hang it.
async fn until(reached: impl Fn() -> bool) {
    let waited = timeout(Duration::from_secs(10), async {
        while !reached() {
            yield_now().await;
        }
    });
    waited.await.expect("the run comes to the place where it is to be stopped");
}

#[tokio::test]
async fn cancelling_ends_a_run_whose_operations_never_do() {
    let (live, cancel) = (Live::new(), Cancel::new());
    let (source, (sink, log)) = (live.clone(), ScriptedSink::new());
    let run = from_iter((0u64..).map(move |n| source.item(n)))
        .map_async(never)
        .map(|item| item.value)
        .to(sink)
        .cancelled_by(&cancel)
        .run_on(&Async::tokio());
    let run = tokio::spawn(run);
    until(|| live.now() >= 64).await;
    cancel.cancel();
    let ended = timeout(Duration::from_secs(10), run).await.expect("it ends").expect("no panic");
    assert!(matches!(ended, Err(RunError::Cancelled)), "{ended:?}");
    assert_eq!((live.now(), log.commits(), log.drops()), (0, 0, 1));
}

#[tokio::test]
async fn a_run_that_is_cancelled_by_its_sink_is_not_committed() {
    let cancel = Cancel::new();
    let switch = cancel.clone();
    let stop = move |n| {
        if n == 1_000 {
            switch.cancel();
        }
    };
    let endless = from_iter(0u64..).map_async(|n| async move { n }).for_each(stop).cancelled_by(&cancel);
    let ended = endless.run_on(&Async::tokio()).await;
    assert!(matches!(ended, Err(RunError::Cancelled)), "{ended:?}");
}

#[tokio::test]
async fn a_run_that_is_cancelled_before_it_begins_ends_at_once() {
    let cancel = Cancel::new();
    cancel.cancel();
    let run = from_iter(0..10u64).map_async(|n| async move { n }).collect().cancelled_by(&cancel);
    let ended = run.run_on(&Async::tokio()).await;
    assert!(matches!(ended, Err(RunError::Cancelled)), "{ended:?}");
}

#[tokio::test]
async fn a_deadline_ends_a_run_whose_operations_never_do() {
    let live = Live::new();
    let source = live.clone();
    let run = from_iter((0u64..).map(move |n| source.item(n))).map_async(never).for_each(drop);
    let run = run.within(Duration::from_millis(30)).run_on(&Async::tokio());
    let ended = timeout(Duration::from_secs(10), run).await.expect("it ends");
    assert!(matches!(ended, Err(RunError::TimedOut)), "{ended:?}");
    assert_eq!(live.now(), 0);
}

#[tokio::test]
async fn a_run_that_is_told_to_drain_finishes_what_it_has() {
    let endless = from_iter(0u64..).map_async(|n| async move { n }).collect();
    let handle = Run::new();
    let run = tokio::spawn(endless.handled_by(&handle).run_on(&Async::tokio()));
    until(|| handle.progress().written >= 1_000).await;
    handle.drain(Duration::from_secs(60));
    let report = run.await.expect("no panic").expect("it ends well");
    assert!(report.drained && report.value.len() >= 1_000);
    assert!(report.value.iter().copied().eq(0..report.value.len() as u64));
}

#[tokio::test]
async fn a_drain_that_takes_too_long_times_out() {
    let endless = from_iter(0u64..).map_async(|_| pending::<u64>()).collect();
    let handle = Run::new();
    let run = tokio::spawn(endless.handled_by(&handle).run_on(&Async::tokio()));
    until(|| handle.progress().taken >= 64).await;
    handle.drain(Duration::from_millis(20));
    let ended = timeout(Duration::from_secs(10), run).await.expect("it ends").expect("no panic");
    assert!(matches!(ended, Err(RunError::TimedOut)), "{ended:?}");
}

/// Drops a run after `polls` polls and some time, and waits until nothing of it is left.
async fn drop_after(polls: usize) {
    let live = Live::new();
    let (source, out) = (live.clone(), live.clone());
    let (sink, log) = ScriptedSink::<usize>::new();
    let run = from_iter((0u64..).map(move |n| source.item(n)))
        .map_async(|item| async move {
            // Some end, some do not.
            if item.value % 7 == 6 {
                pending::<()>().await;
            }
            tokio::task::yield_now().await;
            item
        })
        .unordered()
        .flat_map(move |item| (0..3).map(|_| out.item(item.value)).collect::<Vec<_>>())
        .map(|item| Box::new(item).value as usize)
        .to(sink)
        .run_on(&Async::tokio());
    let mut run = Box::pin(run);
    for _ in 0..polls {
        poll_fn(|cx| {
            assert!(run.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        sleep(Duration::from_millis(1)).await;
    }
    drop(run);
    timeout(Duration::from_secs(10), async {
        while live.now() > 0 || log.drops() == 0 {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .unwrap_or_else(|_| panic!("{} items are left after {polls} polls", live.now()));
    assert_eq!((log.commits(), log.drops()), (0, 1));
}

#[tokio::test]
async fn a_run_that_is_dropped_leaves_nothing_behind() {
    for polls in [0, 1, 2, 3, 10, 50] {
        drop_after(polls).await;
    }
}

#[tokio::test]
async fn a_run_that_ended_keeps_nothing_of_itself() {
    // Letters belong to what all parts of a run share; that knows the switch, which knows the task, which knows the run.
    let (cancel, held) = (Cancel::new(), Arc::new(()));
    let own = held.clone();
    let run = from_iter(0..100u64)
        .map_async(|n| async move { n })
        .on_error(dead_letters(move |_: &DeadLetter<'_>| _ = Arc::strong_count(&own)))
        .collect()
        .cancelled_by(&cancel)
        .within(Duration::from_secs(60))
        .run_on(&Async::tokio());
    assert_eq!(run.await.expect("nothing fails").value.len(), 100);
    // Threads that have said their last word are still on their way out.
    timeout(Duration::from_secs(10), async {
        while Arc::strong_count(&held) > 1 {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .expect("the run is still there");
}

#[tokio::test]
async fn however_a_run_ends_every_item_is_dropped_once() {
    let endings: [(&str, fn(u64) -> Result<u64, String>); 3] = [
        ("well", Ok),
        ("failed", |n| if n == 2_500 { Err("no".to_owned()) } else { Ok(n) }),
        ("panicked", |n| if n == 2_500 { std::panic::resume_unwind(Box::new("no")) } else { Ok(n) }),
    ];
    for (ending, end) in endings {
        let live = Live::new();
        let (source, out) = (live.clone(), live.clone());
        let ran = from_iter((0..5_000).map(move |n| source.item(n)))
            .try_map_async(move |item| {
                let out = out.clone();
                async move { end(item.value).map(|value| out.item(value)) }
            })
            .map(|item| item)
            .for_each(drop)
            .run_on(&Async::tokio())
            .await;
        assert_eq!(ran.is_ok(), ending == "well");
        assert_eq!(live.now(), 0, "a run that {ending} left items behind");
    }
}

#[test]
fn a_runtime_that_is_shut_down_beneath_a_run_drops_all_it_has() {
    for workers in [0, 2] {
        let live = Live::new();
        let (source, (sink, log)) = (live.clone(), ScriptedSink::new());
        let mut builder = tokio::runtime::Builder::new_current_thread();
        if workers > 0 {
            builder = tokio::runtime::Builder::new_multi_thread();
            builder.worker_threads(workers);
        }
        let runtime = builder.enable_all().build().expect("threads");
        let run =
            from_iter((0u64..).map(move |n| source.item(n))).map_async(never).map(|item| item.value).to(sink);
        let run = runtime.spawn(run.run_on(&Async::tokio()));
        runtime.block_on(until(|| live.now() >= 64));
        drop(runtime);
        let stopped = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("no threads");
        // The threads of source and sink end by themselves.
        stopped.block_on(until(|| live.now() == 0 && log.drops() == 1));
        assert!(stopped.block_on(run).expect_err("it was dropped").is_cancelled());
        assert_eq!(log.commits(), 0);
    }
}

#[tokio::test]
async fn a_run_may_be_dropped_after_any_poll() {
    for polls in 0..60 {
        let live = Live::new();
        let (source, (sink, log)) = (live.clone(), ScriptedSink::new());
        let run = from_iter((0u64..).map(move |n| source.item(n)))
            .map_async(|item| async move {
                yield_now().await;
                item
            })
            .map(|item| item.value)
            .to(sink)
            .run_on(&Async::tokio());
        let mut run = std::pin::pin!(Some(run));
        for _ in 0..polls {
            poll_fn(|cx| {
                let pending = run.as_mut().as_pin_mut().expect("not dropped").poll(cx).is_pending();
                assert!(pending, "it has no end");
                Poll::Ready(())
            })
            .await;
            yield_now().await;
        }
        run.set(None);
        until(|| live.now() == 0 && log.drops() == 1).await;
        assert_eq!(log.commits(), 0, "after {polls} polls");
    }
}
