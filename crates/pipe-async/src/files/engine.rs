//! What makes the reads of files.

use super::call::Call;
use super::hops::{HopSettings, Hops};
use super::read::Read;
#[cfg(all(feature = "uring", target_os = "linux"))]
use super::ring::Ring;
use crate::pool::Buffer;
use pipe_core::{Event, RunError};
use std::io;

/// What makes the reads of a [`FileReader`](crate::FileReader): threads, or io_uring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileEngine {
    /// Threads that block, many reads for each wake. For what the system mostly has in its cache: there a read costs the processor a copy,
    /// which several threads share.
    Threads,
    /// io_uring: one thread, and as many reads at the device at once as [`ReaderSettings::depth`] says. For files that the cache does not
    /// hold, or that are opened past it (`O_DIRECT`). Linux, with the feature `uring`; where the system refuses it, threads read, and
    /// [`FileReader::fallback`](crate::FileReader::fallback) says so.
    Ring,
}

/// How a [`FileReader`](crate::FileReader) works. A zero is a `Config` error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReaderSettings {
    /// What reads; [`FileEngine::Threads`] unless set.
    pub engine: FileEngine,
    /// The threads: also those that stand in for a ring.
    pub hops: HopSettings,
    /// How many reads a ring has at the device at once; more wait in its line. 128, and at most 8,192.
    pub depth: usize,
}

impl Default for ReaderSettings {
    fn default() -> Self {
        ReaderSettings { engine: FileEngine::Threads, hops: HopSettings::default(), depth: 128 }
    }
}

/// The most reads at once. With room to cancel each, and for what wakes its thread, such a ring has as many entries as the kernel permits.
const MOST: usize = 8 << 10;

/// Reads are calls, whoever makes them.
#[derive(Clone)]
pub(super) enum Engine {
    Threads(Hops<Read, io::Result<Buffer>>),
    #[cfg(all(feature = "uring", target_os = "linux"))]
    Ring(Ring),
}

impl Engine {
    /// And what is to be told, if it is not the one that was asked for.
    pub(super) fn new(settings: ReaderSettings) -> Result<(Self, Option<Event>), RunError> {
        let refused =
            |value: usize, why| RunError::Config { field: "reader.depth", value: value.to_string(), why };
        match settings.depth {
            0 => return Err(refused(0, "no read would ever be made")),
            1..=MOST => {}
            depth => return Err(refused(depth, "no ring has so many entries")),
        }
        let why = match settings.engine {
            FileEngine::Threads => None,
            FileEngine::Ring => match ring(settings.depth) {
                Ok(engine) => return Ok((engine, None)),
                Err(error) => Some(error.to_string()),
            },
        };
        let threads = Engine::Threads(Hops::new(settings.hops, Read::run)?);
        let told = |why| Event::Fallback { wanted: "io_uring".to_owned(), got: "threads".to_owned(), why };
        Ok((threads, why.map(told)))
    }

    pub(super) fn kind(&self) -> FileEngine {
        match self {
            Engine::Threads(_) => FileEngine::Threads,
            #[cfg(all(feature = "uring", target_os = "linux"))]
            Engine::Ring(_) => FileEngine::Ring,
        }
    }

    pub(super) fn call(&self, read: Read) -> Call<Read, io::Result<Buffer>> {
        match self {
            Engine::Threads(hops) => hops.call(read),
            #[cfg(all(feature = "uring", target_os = "linux"))]
            Engine::Ring(ring) => ring.call(read),
        }
    }
}

#[cfg(all(feature = "uring", target_os = "linux"))]
fn ring(depth: usize) -> io::Result<Engine> {
    Ring::new(depth).map(Engine::Ring)
}

#[cfg(not(all(feature = "uring", target_os = "linux")))]
fn ring(_: usize) -> io::Result<Engine> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "it needs Linux and the feature `uring`"))
}
