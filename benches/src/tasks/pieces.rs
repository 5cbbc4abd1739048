//! `cached-reads*`: pieces of a file that lies in the system's cache, at random places, many at once.

use crate::host;
use crate::measure::BoxError;
use crate::rng::mix;
use std::path::PathBuf;

/// Bytes of a piece.
pub(crate) const PIECE: usize = 4096;

/// How many there are in the file: 16 MiB.
const PIECES: u64 = 4096;

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
