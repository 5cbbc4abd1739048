//! `cached-reads*`, `direct-reads`: pieces of a file at random places, many at once: from the system's cache, and past it.

use crate::contender::Job;
use crate::host;
use crate::measure::{BoxError, Outcome};
use crate::rng::mix;
use crate::tasks::operations::add;
use rustix::fs::OFlags;
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// Bytes of a piece.
pub(crate) const PIECE: usize = 4096;

/// How many there are in the file: 16 MiB.
pub(crate) const PIECES: u64 = 4096;

/// A file of pieces that begin with their number, mixed. Removed when it is dropped.
pub(crate) struct Pieces {
    pub(crate) path: PathBuf,
}

impl Pieces {
    pub(crate) fn write() -> Result<Self, BoxError> {
        let path = host::output_folder().join(format!("pieces-{}", std::process::id()));
        let mut bytes = vec![0; PIECES as usize * PIECE];
        for (piece, number) in bytes.chunks_exact_mut(PIECE).zip(0..) {
            piece[..8].copy_from_slice(&mix(number).to_be_bytes());
        }
        std::fs::create_dir_all(host::output_folder())?;
        let pieces = Pieces { path };
        std::fs::write(&pieces.path, bytes)?;
        Ok(pieces)
    }

    /// The same on the disk: who reads past the cache would have to wait until it is there.
    pub(crate) fn write_through() -> Result<Self, BoxError> {
        let pieces = Pieces::write()?;
        File::open(&pieces.path)?.sync_all()?;
        Ok(pieces)
    }

    /// Past the system's cache: each read goes to the disk.
    pub(crate) fn open_direct(&self) -> std::io::Result<File> {
        File::options().read(true).custom_flags(OFlags::DIRECT.bits() as i32).open(&self.path)
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Where the piece of an operation begins.
pub(crate) fn place(n: u64) -> u64 {
    mix(n) % PIECES * PIECE as u64
}

/// What an operation finds there.
pub(crate) fn number(piece: &[u8]) -> u64 {
    assert_eq!(piece.len(), PIECE, "a whole piece");
    piece.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// For rows with a contender that sees no bytes: that all numbers were right is found here, and what is compared is how many there were.
pub(crate) fn counted(job: &Job, outcome: Outcome) -> Result<Outcome, BoxError> {
    let right = (0..job.size).fold(0, |sum, n| add(sum, mix(place(n) / PIECE as u64)));
    if outcome.answer != right.to_string() {
        return Err(format!("the sum is {}, and not {right}", outcome.answer).into());
    }
    Ok(Outcome { answer: reads(job.size), ..outcome })
}

/// The answer of those rows.
pub(crate) fn reads(count: u64) -> String {
    format!("{count} reads")
}
