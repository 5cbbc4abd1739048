//! Reads of files, calls that block and pools in operations on monoio: none of them needs tokio.
#![cfg(all(feature = "monoio", target_os = "linux"))]

use pipe_async::{
    Async, BufferClass, BufferPool, ConnectionPool, FileEngine, FileReader, HopSettings, Hops, PoolError,
    PoolSettings, ReadError, ReaderSettings,
};
use pipe_core::from_iter;
use std::convert::Infallible;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

/// A minute is the longest that anybody waits here; it is not what is tested.
const LONG: Duration = Duration::from_secs(60);

fn buffers(most: usize, patience: Duration) -> BufferPool {
    BufferPool::new(&[BufferClass { bytes: 4096, most }], patience).unwrap()
}

#[test]
fn each_read_gets_its_own_bytes_whoever_reads() {
    let mut file = tempfile::tempfile().unwrap();
    (0..=255u8).for_each(|number| file.write_all(&[number; 100]).unwrap());
    let file = Arc::new(file);
    for engine in [FileEngine::Threads, FileEngine::Ring] {
        let settings = ReaderSettings { engine, depth: 8, ..ReaderSettings::default() };
        // Fewer buffers than operations: some have to wait for one.
        let reader = FileReader::new(settings, buffers(20, LONG)).unwrap();
        // Threads stand in for a ring that is refused, and say so.
        assert!(reader.engine() == engine || reader.fallback().is_some());
        let file = file.clone();
        let read = from_iter(0..20_000u64)
            .try_map_async(move |n| {
                let (reader, file) = (reader.clone(), file.clone());
                async move {
                    let read = reader.read_at(&file, n % 256 * 100, 100).await?;
                    Ok::<_, ReadError>(
                        read.len() == 100 && read.iter().all(|byte| u64::from(*byte) == n % 256),
                    )
                }
            })
            .concurrency(100)
            .collect()
            .run_on(&Async::monoio().blocking())
            .unwrap();
        assert!(read.value.len() == 20_000 && read.value.iter().all(|is_right| *is_right), "{engine:?}");
    }
}

#[test]
fn calls_that_block_give_what_they_give() {
    let hops = Hops::new(HopSettings::default(), |n: u64| n * n).unwrap();
    let squares = from_iter(0..10_000u64)
        .map_async(move |n| hops.call(n))
        .concurrency(100)
        .collect()
        .run_on(&Async::monoio().blocking())
        .unwrap();
    assert!(squares.value.iter().zip(0u64..).all(|(square, n)| *square == n * n));
}

#[test]
fn who_waits_too_long_is_told_and_never_too_early() {
    let patience = Duration::from_millis(20);
    let pool = buffers(1, patience);
    let report = from_iter([()])
        .map_async(move |()| {
            let pool = pool.clone();
            async move {
                let _only = pool.get(1).await.unwrap();
                pool.get(1).await.map(drop)
            }
        })
        .collect()
        .run_on(&Async::monoio().blocking())
        .unwrap();
    match &report.value[..] {
        [Err(PoolError::TimedOut { waited, limit: 1, lent: 1, .. })] => assert!(*waited >= patience),
        other => panic!("{other:?}"),
    }
}

#[test]
fn connections_that_belong_to_no_runtime_are_shared_in_turn() {
    let settings = PoolSettings { max_open: 4, acquire_timeout: LONG, ..PoolSettings::default() };
    let pool = ConnectionPool::new(|| async { Ok::<_, Infallible>(1) }, settings).unwrap();
    let pooled = pool.clone();
    let report = from_iter(0..10_000u64)
        .try_map_async(move |n| {
            let pool = pooled.clone();
            async move {
                let connection = pool.acquire().await?;
                let answer = n + *connection;
                connection.reuse();
                Ok::<_, PoolError>(answer)
            }
        })
        .concurrency(100)
        .collect()
        .run_on(&Async::monoio().blocking())
        .unwrap();
    assert!(report.value.iter().zip(1u64..).all(|(answer, n)| *answer == n));
    let left = pool.statistics();
    assert!(left.opened <= 4 && left.open == left.idle && left.waiting == 0, "{left:?}");
}
