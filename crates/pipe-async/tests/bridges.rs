//! Streams in and out, and runs that block inside of programs that do not, and the other way round.
#![cfg(feature = "futures")]

use futures_core::Stream;
use pipe_async::{Async, FromStream, OutputIter, Outputs, from_stream};
use pipe_core::{BoxError, Inline, Run, RunError, Source, from_iter, merge};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::{Interval, interval};

/// What a task sends.
struct Received<T>(Receiver<T>);

impl<T> Stream for Received<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.0.poll_recv(cx)
    }
}

/// A number for each tick of a clock: it needs a runtime's timers.
struct Ticks(Interval, u64);

impl Stream for Ticks {
    type Item = u64;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<u64>> {
        let this = &mut *self;
        if this.1 == 0 {
            return Poll::Ready(None);
        }
        ready!(this.0.poll_tick(cx));
        this.1 -= 1;
        Poll::Ready(Some(this.1))
    }
}

fn ticks(count: u64) -> Ticks {
    Ticks(interval(Duration::from_millis(1)), count)
}

async fn all<T>(mut outputs: Outputs<T>) -> Vec<Result<T, RunError>> {
    let mut all = Vec::new();
    while let Some(output) = poll_fn(|cx| Pin::new(&mut outputs).poll_next(cx)).await {
        all.push(output);
    }
    all
}

async fn a_stream_of_a_task() {
    let (sender, receiver) = channel(8);
    tokio::spawn(async move {
        for n in 0..5_000u64 {
            sender.send(n).await.unwrap();
        }
    });
    let run = from_stream(Received(receiver)).map_async(|n| async move { n + 1 }).collect();
    assert_eq!(run.run_on(&Async::tokio()).await.unwrap().value, (1..=5_000).collect::<Vec<_>>());
    let run = from_stream(ticks(20)).collect();
    assert_eq!(run.run_on(&Async::tokio()).await.unwrap().value, (0..20).rev().collect::<Vec<_>>());
}

#[test]
fn a_stream_is_a_source_on_both_flavours_of_runtime() {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(a_stream_of_a_task());
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(a_stream_of_a_task());
}

#[tokio::test]
async fn a_stream_that_would_block_the_runtime_is_a_config_error() {
    let refused = from_stream(ticks(3)).collect().run_on(&Inline).unwrap_err();
    let config = refused.stage_error::<RunError>().expect("the source's own error");
    assert!(matches!(config, RunError::Config { field: "executor", .. }), "{refused}");
    // Where a thread may be blocked it is none.
    let stream = ticks(3);
    let run = || from_stream(stream).collect().run_on(&Inline).unwrap().value;
    let runtime = tokio::runtime::Handle::current();
    let made_inside = move || {
        let _inside = runtime.enter();
        run()
    };
    assert_eq!(tokio::task::spawn_blocking(made_inside).await.unwrap(), [2, 1, 0]);
}

/// Has one item, then none for ever; says when it is dropped.
struct Silent(Option<u64>, mpsc::Sender<()>);

impl Stream for Silent {
    type Item = u64;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u64>> {
        self.0.take().map_or(Poll::Pending, |item| Poll::Ready(Some(item)))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        self.1.send(()).unwrap();
    }
}

#[test]
fn a_run_that_ends_early_does_not_wait_for_its_stream_and_drops_it() {
    for inside in [false, true] {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let silent = || {
            let (sender, dropped) = mpsc::channel();
            let make = || FromStream::new(Silent(Some(7), sender)).pipeline();
            // With the handle of a runtime the thread waits in one way, without in another.
            let items = if inside { runtime.block_on(async { make() }) } else { make() };
            (items.map_async(|n| async move { n }), dropped)
        };
        let is_gone = |dropped: mpsc::Receiver<()>| dropped.recv_timeout(Duration::from_secs(60)).is_ok();

        let (items, dropped) = silent();
        let enough = runtime.block_on(items.take(1).collect().run_on(&Async::tokio()));
        assert_eq!((enough.unwrap().value, is_gone(dropped)), (vec![7], true));

        let (items, dropped) = silent();
        let failed = items.try_map(|_| Err::<u64, _>("no")).collect().run_on(&Async::tokio());
        assert!(runtime.block_on(failed).is_err() && is_gone(dropped));

        let (items, dropped) = silent();
        let (sender, mut taken) = channel(1);
        let run = items.inspect(move |_| sender.try_send(()).unwrap()).collect().run_on(&Async::tokio());
        runtime.block_on(async {
            tokio::select! {
                ended = run => panic!("it has no end: {ended:?}"),
                // The run is dropped.
                _ = taken.recv() => {}
            }
        });
        assert!(is_gone(dropped));

        let (items, dropped, handle) = {
            let (items, dropped) = silent();
            (items, dropped, Run::new())
        };
        let draining = handle.clone();
        let run =
            items.inspect(move |_| draining.drain(Duration::from_secs(3_600))).collect().handled_by(&handle);
        let drained = runtime.block_on(run.run_on(&Async::tokio())).unwrap();
        assert_eq!((drained.value, drained.drained, is_gone(dropped)), (vec![7], true, true));
    }
}

#[test]
fn a_stream_without_a_runtime_and_one_among_several_are_sources_too() {
    let (sender, receiver) = channel(2);
    let feeder = std::thread::spawn(move || (0..100u64).for_each(|n| sender.blocking_send(n).unwrap()));
    let run = from_stream(Received(receiver)).collect().run_on(&Inline).unwrap();
    feeder.join().unwrap();
    assert_eq!(run.value, (0..100).collect::<Vec<_>>());

    let (mut senders, mut sources) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let (sender, receiver) = channel(2);
        senders.push(sender);
        sources.push(FromStream::new(Received(receiver)));
    }
    let feeder = std::thread::spawn(move || {
        (0..300u64).for_each(|n| senders[n as usize % 3].blocking_send(n).unwrap());
    });
    let mut merged = merge(sources).pipeline().collect().run_on(&Inline).unwrap().value;
    feeder.join().unwrap();
    merged.sort_unstable();
    assert_eq!(merged, (0..300).collect::<Vec<_>>());
}

#[tokio::test]
async fn outputs_come_in_order_and_the_error_of_the_run_comes_last() {
    let outputs = Outputs::spawned(4, |sink| {
        let run = from_iter(0..100u64)
            .try_map_async(|n| async move { if n < 50 { Ok(n) } else { Err(BoxError::from("fifty")) } });
        run.to(sink).run_on(&Async::tokio())
    });
    let mut outputs = all(outputs.unwrap()).await;
    let last = outputs.pop().unwrap().unwrap_err();
    assert_eq!(last.to_string(), "stage try_map_async#0 failed at 50: fifty");
    let values: Vec<_> = outputs.into_iter().map(Result::unwrap).collect();
    assert_eq!(values, (0..50).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_run_that_blocks_is_a_stream_and_its_sink_waits_for_who_takes() {
    let written = Arc::new(AtomicU64::new(0));
    let counted = written.clone();
    let outputs = Outputs::blocking(4, move |sink| {
        from_iter(0..1_000u64).inspect(move |_| _ = counted.fetch_add(1, SeqCst)).to(sink).run_on(&Inline)
    });
    let mut outputs = outputs.unwrap();
    for taken in 0..1_000 {
        let output = poll_fn(|cx| Pin::new(&mut outputs).poll_next(cx)).await;
        assert_eq!(output.unwrap().unwrap(), taken);
        // Those that were taken, those that there is room for, and the one that the sink waits with.
        assert!(written.load(SeqCst) <= taken + 1 + 4 + 1);
    }
    assert!(poll_fn(|cx| Pin::new(&mut outputs).poll_next(cx)).await.is_none());
}

/// Says so when it is dropped.
struct Told(mpsc::Sender<()>);

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.0.send(());
    }
}

#[tokio::test]
async fn a_run_whose_outputs_nobody_takes_ends() {
    let (ended, has_ended) = mpsc::channel();
    let told = [Told(ended.clone()), Told(ended.clone()), Told(ended)];
    let [spawned, blocking, iterated] = told.map(|told| (0u64..).inspect(move |_| _ = &told));
    let mut outputs =
        Outputs::spawned(2, |sink| from_iter(spawned).to(sink).run_on(&Async::tokio())).unwrap();
    assert!(poll_fn(|cx| Pin::new(&mut outputs).poll_next(cx)).await.is_some());
    drop(outputs);
    drop(Outputs::blocking(2, |sink| from_iter(blocking).to(sink).run_on(&Inline)).unwrap());
    let mut outputs = OutputIter::new(2, |sink| from_iter(iterated).to(sink).run_on(&Inline)).unwrap();
    assert_eq!(outputs.next().unwrap().unwrap(), 0);
    drop(outputs);
    let wait = move || (0..3).try_for_each(|_| has_ended.recv_timeout(Duration::from_secs(60)));
    tokio::task::spawn_blocking(wait).await.unwrap().expect("a run goes on for nobody");
}

#[tokio::test]
async fn an_async_run_is_an_iterator_also_inside_a_runtime() {
    let fetched = OutputIter::new(4, |sink| {
        let stage = from_iter(0..1_000u64).map_async(|n| async move {
            tokio::task::yield_now().await;
            n * 2
        });
        stage.to(sink).run_on(&Async::tokio().blocking())
    });
    let run = from_iter(fetched.unwrap()).try_map(|n| n).collect().run_on(&Inline).unwrap();
    assert_eq!(run.value, (0..1_000).map(|n| n * 2).collect::<Vec<_>>());
    let failed = OutputIter::<u64>::new(4, |_| Err::<(), _>(RunError::Cancelled)).unwrap();
    assert!(matches!(failed.collect::<Vec<_>>()[..], [Err(RunError::Cancelled)]));
}

#[test]
fn no_room_and_no_runtime_are_config_errors() {
    let is_config = |error: Option<RunError>| matches!(error, Some(RunError::Config { .. }));
    assert!(is_config(OutputIter::<u64>::new(0, |_| Ok(())).err()));
    assert!(is_config(Outputs::<u64>::blocking(1, |_| Ok(())).err()));
    let inside = Builder::new_current_thread().build().unwrap();
    let _inside = inside.enter();
    assert!(is_config(Outputs::<u64>::blocking(0, |_| Ok(())).err()));
    // Nor is there room for whatever number.
    assert!(is_config(OutputIter::<u64>::new(usize::MAX, |_| Ok(())).err()));
    assert!(is_config(Outputs::<u64>::blocking(usize::MAX, |_| Ok(())).err()));
}

#[test]
fn outputs_of_a_run_that_panics_end_with_an_error_and_once() {
    let mut outputs = OutputIter::new(16, |sink| -> Result<(), RunError> {
        from_iter(0..3u64).to(sink).run_on(&Inline)?;
        panic!("after all of them")
    })
    .expect("there is a thread");
    let told: Vec<_> = outputs.by_ref().take(4).collect();
    assert!(told[..3].iter().all(Result::is_ok), "{told:?}");
    assert!(matches!(told[3], Err(RunError::Panicked { .. })), "{told:?}");
    assert!(outputs.next().is_none());
}
