//! Reads through io_uring: past the cache, and cancelled while the kernel has their buffers.
#![cfg(all(feature = "tokio", feature = "uring", target_os = "linux"))]

use pipe_async::{Async, Buffer, BufferClass, BufferPool, FileEngine, FileReader, ReadError, ReaderSettings};
use pipe_core::from_iter;
use rustix::fs::OFlags;
use std::fs::{File, OpenOptions};
use std::io::{PipeWriter, Write, pipe};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

/// A minute is the longest that anybody waits here; it is not what is tested.
const LONG: Duration = Duration::from_secs(60);

fn buffers(most: usize) -> BufferPool {
    BufferPool::new(&[BufferClass { bytes: 4096, most }], LONG).unwrap()
}

/// `None`, and a word, where the system refuses io_uring.
fn ring(depth: usize, buffers: &BufferPool) -> Option<FileReader> {
    let settings = ReaderSettings { engine: FileEngine::Ring, depth, ..ReaderSettings::default() };
    let reader = FileReader::new(settings, buffers.clone()).unwrap();
    if let Some(fallback) = reader.fallback() {
        eprintln!("skipped: {fallback}");
        return None;
    }
    Some(reader)
}

/// A file that gives nothing until something is written. The kernel owns the buffers of its reads for as long.
fn silent() -> (Arc<File>, PipeWriter) {
    let (reader, writer) = pipe().unwrap();
    (Arc::new(File::from(OwnedFd::from(reader))), writer)
}

/// All of them are under way in the kernel when this returns: what was taken from the line before the last one was handed on with it.
async fn are_under_way(reader: &FileReader) {
    let file = Arc::new(File::open("/dev/null").unwrap());
    assert_eq!(reader.read_at(&file, 0, 1).await.unwrap().len(), 0);
}

async fn take_all(buffers: &BufferPool, most: usize) -> Vec<Buffer> {
    let mut all = Vec::new();
    for _ in 0..most {
        all.push(buffers.get(4096).await.unwrap());
    }
    all
}

/// Past the cache, where the file system can.
fn open_direct(path: &Path) -> Option<Arc<File>> {
    let opened = OpenOptions::new().read(true).custom_flags(OFlags::DIRECT.bits() as i32).open(path);
    opened.inspect_err(|error| eprintln!("skipped: {error}")).ok().map(Arc::new)
}

#[tokio::test]
async fn files_are_read_past_the_cache_to_an_end_that_lies_anywhere() {
    let (folder, buffers) = (tempfile::tempdir().unwrap(), buffers(32));
    for bytes in [0, 1, 511, 512, 513, 4095, 4096, 4097, 100_000, 123_456] {
        let path = folder.path().join("file");
        let content: Vec<u8> = (0..bytes as u32).map(|n| (n / 7) as u8).collect();
        std::fs::write(&path, &content).unwrap();
        for engine in [FileEngine::Ring, FileEngine::Threads] {
            let settings = ReaderSettings { engine, depth: 5, ..ReaderSettings::default() };
            let reader = FileReader::new(settings, buffers.clone()).unwrap();
            let Some(file) = open_direct(&path) else { return };
            let read = from_iter(0..=bytes as u64 / 4096)
                .try_map_async(move |page| {
                    let (reader, file) = (reader.clone(), file.clone());
                    async move { reader.read_at(&file, page * 4096, 4096).await.map(|page| page.to_vec()) }
                })
                .concurrency(20)
                .collect()
                .run_on(&Async::tokio())
                .await
                .unwrap();
            assert!(read.value.concat() == content, "{engine:?}, {bytes} bytes");
        }
    }
}

#[tokio::test]
async fn a_read_that_is_not_aligned_is_refused_past_the_cache_and_said() {
    let (folder, buffers) = (tempfile::tempdir().unwrap(), buffers(2));
    let path = folder.path().join("file");
    std::fs::write(&path, [1; 9_000]).unwrap();
    let (Some(reader), Some(file)) = (ring(2, &buffers), open_direct(&path)) else { return };
    // Some file systems read it through the cache instead; none gives anything else.
    match reader.read_at(&file, 1, 100).await {
        Ok(read) => assert_eq!(read[..], [1; 100]),
        Err(error) => assert!(matches!(error, ReadError::Io { offset: 1, bytes: 100, .. }), "{error}"),
    }
}

#[tokio::test]
async fn a_buffer_belongs_to_the_kernel_until_it_is_done_though_its_read_was_dropped() {
    let buffers = buffers(4);
    let Some(reader) = ring(8, &buffers) else { return };
    let (file, mut writer) = silent();
    let mut cx = Context::from_waker(Waker::noop());
    {
        let mut first = pin!(reader.read_at(&file, 0, 4096));
        let mut second = pin!(reader.read_at(&file, 0, 4096));
        assert!(first.as_mut().poll(&mut cx).is_pending() && second.as_mut().poll(&mut cx).is_pending());
        are_under_way(&reader).await;
    }
    // Both reads are dropped, and their file by its owner, too.
    drop(file);
    are_under_way(&reader).await;
    assert_eq!(buffers.idle(), 1, "the kernel may still write into two");
    // What others are lent meanwhile is not written to.
    let mut others = take_all(&buffers, 2).await;
    others.iter_mut().for_each(|buffer| buffer.fill(9));
    writer.write_all(&[1; 2 * 4096]).unwrap();
    // Once they are full they come back, and what has come is in them and nowhere else.
    let back = take_all(&buffers, 2).await;
    assert!(others.iter().all(|buffer| buffer.iter().all(|byte| *byte == 9)));
    assert!(back.iter().all(|buffer| buffer.iter().all(|byte| *byte == 1)));
}

#[tokio::test]
async fn the_last_reader_that_goes_ends_what_the_kernel_has_and_all_buffers_come_back() {
    for is_under_way in [true, false].repeat(10) {
        let buffers = buffers(4);
        let Some(reader) = ring(3, &buffers) else { return };
        let (file, _writer) = silent();
        let mut cx = Context::from_waker(Waker::noop());
        {
            let mut reads: Vec<_> = (0..2).map(|_| Box::pin(reader.read_at(&file, 0, 4096))).collect();
            reads.iter_mut().for_each(|read| assert!(read.as_mut().poll(&mut cx).is_pending()));
            if is_under_way {
                are_under_way(&reader).await;
            }
        }
        // The writer stays: nothing but the end of the ring ends its reads.
        drop((reader, file));
        take_all(&buffers, 4).await;
    }
}

#[tokio::test]
async fn reads_beyond_the_depth_wait_in_the_line_and_each_gets_its_own() {
    let buffers = buffers(300);
    let Some(reader) = ring(2, &buffers) else { return };
    let mut file = tempfile::tempfile().unwrap();
    (0..=255u8).for_each(|number| file.write_all(&[number; 100]).unwrap());
    let file = Arc::new(file);
    let read = from_iter(0..20_000u64)
        .try_map_async(move |n| {
            let (reader, file) = (reader.clone(), file.clone());
            async move {
                let read = reader.read_at(&file, n % 256 * 100, 100).await?;
                Ok::<_, ReadError>(read.len() == 100 && read.iter().all(|byte| u64::from(*byte) == n % 256))
            }
        })
        .concurrency(256)
        .collect()
        .run_on(&Async::tokio())
        .await
        .unwrap();
    assert!(read.value.len() == 20_000 && read.value.iter().all(|is_right| *is_right));
}
