//! Lines that come over sockets, kept in a file: a batch at a time, each on the disk before the next is taken.

use pipe_async::{Async, Listener};
use pipe_core::{BoxError, Report, Run, RunError, Sink, Source, skip};
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

/// When a batch goes: once it has so many bytes, or its first line is so old.
#[derive(Debug, Clone, Copy)]
pub struct Batching {
    /// How long a line may wait for others.
    pub age: Duration,
    /// Bytes of a batch at most; a line that has more goes alone.
    pub bytes: usize,
}

/// Lines of a batch at most, however short they are.
const LINES: usize = 10_000;

/// What lines may take between the listener, which has a limit of its own, and the sink. Beyond that the listener is not asked for more.
pub const MEMORY: usize = 16 << 20;

/// Hands the lines that come to `listener` to `sink`, in batches, those of a peer in their order.
///
/// A sink that is slow makes peers wait: what is between them is bounded. A peer that fails is skipped and counted, and concerns no other.
///
/// The run ends when the listener does. Told to stop, it closes its connections and hands on what it has taken, so nothing of that is lost,
/// and a peer that was not heard to its end learns it: its connection is reset.
///
/// # Errors
/// As the run.
pub fn tail_and_batch<S: Sink<Vec<Vec<u8>>> + 'static>(
    listener: Listener,
    batching: Batching,
    sink: S,
    run: &Run,
) -> Result<Report<S::Done>, RunError> {
    listener
        .pipeline()
        .try_map(|arrived| arrived)
        .named("receive")
        .on_error(skip())
        .map(|line| line.bytes)
        .batch(LINES)
        .or_after(batching.age)
        .or_bytes(batching.bytes)
        .to(sink)
        .handled_by(run)
        .run_on(&Async::tokio().memory_limit(MEMORY).blocking())
}

/// A file that batches are added to. A batch is on the disk when it is written, which takes a disk some milliseconds: a slow sink.
#[derive(Debug)]
pub struct Journal {
    file: File,
    /// How long it rests behind each batch: for a disk that is slower than this one.
    rest: Duration,
    block: Vec<u8>,
    kept: Kept,
}

/// What a run has added to a [`Journal`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Batches.
    pub batches: u64,
    /// Lines.
    pub lines: u64,
    /// Bytes, with their line feeds.
    pub bytes: u64,
}

impl Journal {
    /// Adds to the file at `path`, which is made if there is none.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(path: &Path, rest: Duration) -> io::Result<Self> {
        let file = File::options().append(true).create(true).open(path)?;
        Ok(Journal { file, rest, block: Vec::new(), kept: Kept::default() })
    }
}

impl Sink<Vec<Vec<u8>>> for Journal {
    type Done = Kept;

    fn write(&mut self, batch: Vec<Vec<u8>>) -> Result<(), BoxError> {
        self.block.clear();
        for line in &batch {
            self.block.extend_from_slice(line);
            self.block.push(b'\n');
        }
        self.file.write_all(&self.block)?;
        self.file.sync_data()?;
        std::thread::sleep(self.rest);
        self.kept.batches += 1;
        self.kept.lines += batch.len() as u64;
        self.kept.bytes += self.block.len() as u64;
        Ok(())
    }

    fn commit(self) -> Result<Kept, BoxError> {
        Ok(self.kept)
    }
}
