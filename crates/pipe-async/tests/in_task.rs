//! Source, sync stages and sink in the task that awaits the run.
#![cfg(feature = "tokio")]

use pipe_async::{Async, Blocking, InTask, Tokio};
use pipe_core::testing::{Live, ScriptedSink, VirtualClock};
use pipe_core::{Cancel, RunError, from_iter};
use std::cell::RefCell;
use std::rc::Rc;
use std::thread;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::task::{LocalSet, yield_now};
use tokio::time::timeout;

fn executor() -> Blocking<InTask<Tokio>> {
    Async::tokio().in_task().blocking()
}

#[test]
fn all_parts_run_on_the_calling_thread() {
    let here = thread::current().id();
    let at_home = move || assert_eq!(thread::current().id(), here);
    let items = (0..1_000u64).inspect(move |_| at_home());
    let chain = from_iter(items).map_async(move |n| async move {
        yield_now().await;
        at_home();
        n
    });
    let chain = chain.map(move |n| {
        at_home();
        n + 1
    });
    let mut sum = 0;
    let (told, tell) = std::sync::mpsc::channel();
    let report = chain.for_each(move |n| {
        at_home();
        sum += n;
        if n == 1_000 {
            told.send(sum).expect("it listens");
        }
    });
    let report = report.run_on(&executor()).expect("nothing fails");
    assert_eq!((tell.recv(), report.written), (Ok(500_500), 1_000));
}

#[test]
fn it_is_awaited_in_a_local_set_beside_others_and_operations_need_not_be_send() {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    let log = LocalSet::new().block_on(&runtime, async {
        let log = Rc::new(RefCell::new(Vec::new()));
        let runs = [0u64, 1].map(|run| {
            tokio::task::spawn_local(async move {
                let chain = from_iter(0..100u64).map_async(move |n| {
                    let held = Rc::new(n);
                    async move {
                        yield_now().await;
                        *held
                    }
                });
                (run, chain.collect().run_on(&Async::tokio().in_task()).await.map(|report| report.value))
            })
        });
        for run in runs {
            let (run, outputs) = run.await.expect("it does not panic");
            log.borrow_mut().push((run, outputs.expect("nothing fails").len()));
        }
        log.take()
    });
    assert_eq!(log, [(0, 100), (1, 100)]);
}

#[test]
fn outside_of_a_runtime_it_is_an_error() {
    let run = from_iter(0..3u32).map_async(async |n| n).collect().run_on(&Async::tokio().in_task());
    let mut run = std::pin::pin!(run);
    let polled = run.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    assert!(matches!(polled, std::task::Poll::Ready(Err(RunError::Config { field: "runtime", .. }))));
}

/// Each item becomes `times`, and goes through an async stage. The most that were alive at once.
fn explode(items: u64, times: u64, limit: usize) -> Result<usize, RunError> {
    let live = Live::new();
    let made = live.clone();
    let run = from_iter(0..items)
        .flat_map(move |n| (0..times).map(move |k| n * times + k))
        .map(move |n| made.item(n))
        .map_async(async |item| item)
        .concurrency(8)
        .fold(|| 0, |sum, item| *sum += item.value, |all: &mut u64, part| *all += part)
        .run_on(&Async::tokio().memory_limit(limit).in_task().blocking());
    assert_eq!(live.now(), 0, "outputs were left");
    run.map(|report| {
        let count = items * times;
        assert_eq!(report.value, count * (count - 1) / 2);
        live.most() * size_of_val(&Live::new().item(0u64))
    })
}

#[test]
fn items_that_explode_wait_for_each_other() {
    // Together they are some sixty times what may wait.
    let most = explode(200, 5_000, 256 << 10).expect("each of them has room");
    assert!(most <= 3 * (256 << 10), "{most} bytes were alive at once");
}

#[test]
fn an_item_that_explodes_beyond_the_limit_ends_the_run_with_the_typed_error() {
    match explode(2, 200_000, 256 << 10) {
        Err(RunError::Budget { stage, limit, .. }) => {
            assert_eq!((&*stage, limit), ("outputs of an item", 256 << 10))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_batch_leaves_when_it_is_old_though_no_item_comes() {
    // The second item comes when the first has been through the stage.
    let (told, tell) = std::sync::mpsc::channel();
    let clock = VirtualClock::new();
    let report = from_iter(0..3u64)
        .map_async({
            let clock = clock.clone();
            move |n| {
                let clock = clock.clone();
                async move {
                    // The age of what is before is reached while this one waits.
                    yield_now().await;
                    clock.advance(Duration::from_secs(n));
                    n
                }
            }
        })
        .concurrency(1)
        .batch(100)
        .or_after(Duration::from_millis(10))
        .for_each(move |batch| told.send(batch).expect("it listens"))
        .clocked_by(clock)
        .run_on(&executor());
    report.expect("nothing fails");
    assert_eq!(tell.iter().flatten().collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn a_batch_is_as_old_as_the_runtime_says() {
    let (told, tell) = std::sync::mpsc::channel();
    let run = from_iter(0..2u64)
        .map_async(move |n| async move {
            if n == 1 {
                std::future::pending::<()>().await;
            }
            n
        })
        .batch(100)
        .or_after(Duration::from_millis(1))
        .for_each(move |batch: Vec<u64>| told.send(batch).expect("it listens"));
    let cancel = Cancel::new();
    let stop = cancel.clone();
    let watcher = thread::spawn(move || {
        let first = tell.recv();
        stop.cancel();
        first
    });
    let ended = run.cancelled_by(&cancel).run_on(&executor());
    assert!(matches!(ended, Err(RunError::Cancelled)), "{ended:?}");
    assert_eq!(watcher.join().expect("it does not panic"), Ok(vec![0]));
}

#[test]
fn a_run_that_is_dropped_or_out_of_time_leaves_nothing() {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    for drops in [true, false] {
        let (live, (sink, log)) = (Live::new(), ScriptedSink::new());
        let (made, out) = (live.clone(), live.clone());
        let run = from_iter((0u64..).map(move |n| made.item(n)))
            .map_async(async |item| {
                yield_now().await;
                item
            })
            .map(move |item| out.item(item.value).value)
            .to(sink)
            .within(Duration::from_millis(if drops { 60_000 } else { 5 }))
            .run_on(&Async::tokio().memory_limit(1 << 20).in_task());
        let ended = runtime
            .block_on(async { timeout(Duration::from_millis(if drops { 5 } else { 60_000 }), run).await });
        match ended {
            Err(_) => assert!(drops),
            Ok(ended) => assert!(!drops && matches!(ended, Err(RunError::TimedOut))),
        }
        assert_eq!((live.now(), log.commits(), log.drops()), (0, 0, 1));
    }
}
