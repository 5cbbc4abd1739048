//! Calls that block, many for one change of threads, and reads of files through them.
#![cfg(feature = "tokio")]

use pipe_async::{
    Async, BufferClass, BufferPool, FileEngine, FileReader, HopSettings, Hops, PoolError, ReadError,
    ReaderSettings,
};
use pipe_core::{RunError, from_iter};
use std::collections::HashSet;
use std::fs::File;
use std::future::Future;
use std::io::{ErrorKind, Write};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn hops<I: Send + 'static, O: Send + 'static>(
    threads: usize,
    hop: usize,
    function: impl Fn(I) -> O + Send + Sync + 'static,
) -> Hops<I, O> {
    Hops::new(HopSettings { threads, hop }, function).unwrap()
}

/// A reader for each engine that there is here: io_uring may be refused, or not built in.
fn readers(buffers: &BufferPool) -> Vec<FileReader> {
    let reader = |engine| {
        FileReader::new(ReaderSettings { engine, ..ReaderSettings::default() }, buffers.clone()).unwrap()
    };
    let all = [reader(FileEngine::Threads), reader(FileEngine::Ring)];
    all.into_iter()
        .enumerate()
        .filter(|(at, reader)| *at == 0 || reader.fallback().is_none())
        .map(|(_, r)| r)
        .collect()
}

/// A file of this many pages, each full of its number.
fn pages(count: u8) -> Arc<File> {
    let mut file = tempfile::tempfile().unwrap();
    (0..count).for_each(|number| file.write_all(&[number; 4096]).unwrap());
    Arc::new(file)
}

#[tokio::test]
async fn every_call_gets_its_own_answer() {
    let hops = hops(3, 7, |n: u64| n * n);
    let report = from_iter(0..20_000u64)
        .map_async(move |n| hops.call(n))
        .concurrency(1_000)
        .collect()
        .run_on(&Async::tokio())
        .await
        .unwrap();
    assert_eq!(report.value, (0..20_000u64).map(|n| n * n).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_call_that_panics_panics_in_its_operation_and_the_threads_go_on() {
    let hops = hops(1, 32, |n: u64| if n == 5 { panic!("five") } else { n });
    let clone = hops.clone();
    let run = from_iter(0..10u64).map_async(move |n| clone.call(n)).collect().run_on(&Async::tokio()).await;
    let Err(RunError::Panicked { stage, at, payload }) = run else { panic!("{run:?}") };
    assert_eq!((stage.as_str(), at.unwrap().place(), payload.message().as_str()), ("map_async#0", 5, "five"));
    assert_eq!(hops.call(6).await, 6);
}

#[tokio::test]
async fn calls_gather_while_a_thread_is_busy_and_calls_that_were_given_up_are_not_made() {
    let (entered, made) = (Arc::new(Barrier::new(2)), Arc::new(Mutex::new(Vec::new())));
    let (gate, seen) = (entered.clone(), made.clone());
    let hops = hops(1, 32, move |n: u64| {
        seen.lock().unwrap().push(n);
        if n == 0 {
            gate.wait();
            gate.wait();
        }
        n
    });
    let first = tokio::spawn(hops.call(0));
    tokio::task::yield_now().await;
    entered.wait();
    let mut cx = Context::from_waker(Waker::noop());
    {
        // More than enough to be cleared out of the line, and then some.
        let mut given_up: Vec<_> = (100..400).map(|n| Box::pin(hops.call(n))).collect();
        given_up.iter_mut().for_each(|call| assert!(call.as_mut().poll(&mut cx).is_pending()));
    }
    let mut waiting: Vec<_> = (1..50).map(|n| Box::pin(hops.call(n))).collect();
    waiting.iter_mut().for_each(|call| assert!(call.as_mut().poll(&mut cx).is_pending()));
    let dropped = waiting.pop();
    drop(dropped);
    entered.wait();
    assert_eq!(first.await.unwrap(), 0);
    for (call, n) in waiting.into_iter().zip(1..) {
        assert_eq!(call.await, n);
    }
    assert_eq!(hops.call(60).await, 60);
    assert_eq!(*made.lock().unwrap(), (0..49).chain([60]).collect::<Vec<_>>());
}

#[tokio::test]
async fn calls_that_block_are_spread_over_all_threads() {
    // Each call waits for three others: in one batch they would wait for ever.
    let together = Arc::new(Barrier::new(4));
    let threads = Arc::new(Mutex::new(HashSet::new()));
    let seen = threads.clone();
    let hops = hops(4, 32, move |_: u64| {
        together.wait();
        seen.lock().unwrap().insert(thread::current().id());
    });
    let run = from_iter(0..64u64)
        .map_async(move |n| hops.call(n))
        .concurrency(4)
        .unordered()
        .for_each(drop)
        .run_on(&Async::tokio());
    run.await.unwrap();
    assert_eq!(threads.lock().unwrap().len(), 4);
}

#[test]
fn the_threads_end_with_the_last_clone_and_the_last_call() {
    struct Told(Sender<()>);
    impl Drop for Told {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let (ended, has_ended) = channel();
    let told = Mutex::new(Told(ended));
    let hops = hops(2, 32, move |n: u64| {
        drop(told.lock());
        n
    });
    let mut call = Box::pin(hops.call(1));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(call.as_mut().poll(&mut cx).is_pending());
    drop(hops);
    while call.as_mut().poll(&mut cx).is_pending() {
        thread::yield_now();
    }
    assert!(has_ended.try_recv().is_err());
    drop(call);
    has_ended.recv_timeout(60 * SECOND).expect("the threads are still there");
}

#[tokio::test]
async fn pieces_of_files_are_read_to_their_end_and_not_beyond() {
    let file = pages(200);
    let expected = (0..200u8).chain([0]).enumerate();
    let expected: Vec<_> =
        expected.map(|(at, first)| (if at < 200 { 4096 } else { 0 }, first, true)).collect();
    for reader in readers(&BufferPool::default()) {
        let (engine, file) = (reader.engine(), file.clone());
        let report = from_iter(0..=200u64)
            .try_map_async(move |page| {
                let (reader, file) = (reader.clone(), file.clone());
                async move {
                    let read = reader.read_at(&file, page * 4096, 4096).await?;
                    let first = read.first().copied().unwrap_or(0);
                    Ok::<_, ReadError>((read.len(), first, read.iter().all(|byte| *byte == first)))
                }
            })
            .concurrency(300)
            .collect()
            .run_on(&Async::tokio())
            .await
            .unwrap();
        assert_eq!(report.value, expected, "{engine:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn reads_that_nobody_takes_are_bounded_by_the_buffers() {
    let file = pages(8);
    let buffers = BufferPool::new(&[BufferClass { bytes: 4096, most: 4 }], SECOND).unwrap();
    let reader = FileReader::new(ReaderSettings::default(), buffers.clone()).unwrap();
    let mut kept = Vec::new();
    for page in 0..4 {
        kept.push(reader.read_at(&file, page * 4096, 4096).await.unwrap());
    }
    let refused = reader.read_at(&file, 0, 4096).await.unwrap_err();
    assert!(matches!(refused, ReadError::Buffer(PoolError::TimedOut { limit: 4, lent: 4, .. })), "{refused}");
    kept.clear();
    assert_eq!(buffers.idle(), 4);
    assert_eq!(reader.read_at(&file, 4096, 10).await.unwrap()[..], [1; 10]);
    let refused = reader.read_at(&file, 0, 5_000).await.unwrap_err();
    assert!(matches!(refused, ReadError::Buffer(PoolError::TooLarge { wanted: 5_000, limit: 4096 })));
}

#[cfg(unix)]
#[tokio::test]
async fn what_the_system_says_is_told_with_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = Arc::new(File::open(folder.path()).unwrap());
    let buffers = BufferPool::default();
    for reader in readers(&buffers) {
        let refused = reader.read_at(&file, 12, 34).await.unwrap_err();
        assert!(refused.to_string().starts_with("read 34 bytes at 12: "), "{refused}");
        // Past the end of what any file may have: the kernel's own word for "where it stands".
        let refused = reader.read_at(&file, u64::MAX, 1).await.unwrap_err();
        assert!(matches!(&refused, ReadError::Io { source, .. } if source.kind() == ErrorKind::InvalidInput));
        assert_eq!(buffers.idle(), 1, "its buffer came back");
    }
}

#[test]
fn a_zero_is_a_config_error() {
    for (threads, hop) in [(0, 1), (1, 0)] {
        let hops = HopSettings { threads, hop };
        let refused = Hops::new(hops, |n: u64| n).unwrap_err();
        assert!(matches!(refused, RunError::Config { .. }), "{refused}");
        let settings = ReaderSettings { hops, ..ReaderSettings::default() };
        let refused = FileReader::new(settings, BufferPool::default()).unwrap_err();
        assert!(matches!(refused, RunError::Config { .. }), "{refused}");
    }
    for depth in [0, 8_193] {
        let settings = ReaderSettings { engine: FileEngine::Ring, depth, ..ReaderSettings::default() };
        let refused = FileReader::new(settings, BufferPool::default()).unwrap_err();
        assert!(matches!(refused, RunError::Config { field: "reader.depth", .. }), "{refused}");
    }
}

/// A waker that looks at the line when it is dropped, and tells that it did.
struct Looks(Hops<u64, u64>, Sender<()>);

impl Wake for Looks {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Looks {
    fn drop(&mut self) {
        // Takes the lock.
        let _ = format!("{:?}", self.0);
        let _ = self.1.send(());
    }
}

#[test]
fn a_waker_that_is_replaced_may_use_the_line() {
    let (looked, looks) = channel();
    let (entered, gate) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let (enters, waits) = (entered.clone(), gate.clone());
    let hops = hops(1, 32, move |n: u64| {
        enters.wait();
        waits.wait();
        n
    });
    // On a thread of its own: one that waits for itself does so for ever.
    let thread = thread::spawn(move || {
        let mut call = Box::pin(hops.call(1));
        let mut poll = || {
            let waker = Waker::from(Arc::new(Looks(hops.clone(), looked.clone())));
            call.as_mut().poll(&mut Context::from_waker(&waker))
        };
        assert!(poll().is_pending());
        entered.wait();
        // It is at the thread, and its waker is replaced.
        assert!(poll().is_pending() && poll().is_pending());
        gate.wait();
        while poll().is_pending() {
            thread::yield_now();
        }
    });
    for _ in 0..4 {
        looks.recv_timeout(60 * SECOND).expect("the line stands still");
    }
    thread.join().unwrap();
}
