//! The thread of a decoder ends with its source. One test: it counts the threads of its process.
#![cfg(all(target_os = "linux", feature = "gzip"))]

use pipe_core::{Batch, Inline, Source, Want};
use pipe_stream::{Lines, lines};
use std::fs;
use std::io::{self, Read, Write};
use std::sync::mpsc::{Receiver, Sender, channel};

const WANT: Want = Want { items: 1, bytes: 1 };

fn decoders() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| fs::read_to_string(task.unwrap().path().join("comm")).ok());
    names.filter(|name| name.trim_end() == "pipe-decode").count()
}

/// The system lists a thread for a moment after it was joined.
fn all_are_gone() -> bool {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while decoders() > 0 && std::time::Instant::now() < until {
        std::thread::yield_now();
    }
    decoders() == 0
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// Says that it is asked to read, and waits for something to read; says that it is gone.
struct Waits {
    asked: Sender<&'static str>,
    bytes: Receiver<Vec<u8>>,
}

impl Read for Waits {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.asked.send("read").unwrap();
        let bytes = self.bytes.recv().unwrap_or_default();
        room[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.asked.send("gone").unwrap();
    }
}

#[test]
fn no_thread_is_left_by_a_source_that_was_dropped_or_that_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("input");
    let plain = b"a line of the log\n".repeat(1_000_000);
    fs::write(&path, gzip(&plain)).unwrap();

    let mut source = Lines::open(&path).unwrap();
    assert_eq!(decoders(), 0, "nothing was read yet");
    let chunk = source.pull(WANT).unwrap().unwrap();
    assert_eq!(decoders(), 1);
    drop(source);
    assert!(all_are_gone(), "dropped early, with the queue full");
    assert!(chunk.payload() > 0, "what was handed on is still there");

    let mut source = Lines::open(&path).unwrap();
    while let Some(chunk) = source.pull(Want::MOST).unwrap() {
        drop(chunk);
    }
    assert!(all_are_gone(), "ended");

    let stopped = lines(&path).unwrap().try_map(|_| Err::<(), _>("stop")).collect().run_on(&Inline);
    assert!(stopped.is_err());
    assert!(all_are_gone(), "a run that failed");

    // Nothing can wake a read that waits; so the source does not wait for it, and the thread ends with that read.
    let (asked, told) = channel();
    let (send, bytes) = channel();
    let compressed = gzip(b"one\n");
    send.send(compressed[..4].to_vec()).unwrap();
    send.send(compressed[4..].to_vec()).unwrap();
    let mut source = Lines::decoded(Waits { asked, bytes });
    assert!(source.pull(WANT).unwrap().is_some());
    assert_eq!([told.recv(), told.recv(), told.recv()], [Ok("read"); 3], "it waits for the third");
    drop(source);
    drop(send);
    assert_eq!(told.recv(), Ok("gone"));
    assert!(told.recv().is_err(), "and reads no more");
}
