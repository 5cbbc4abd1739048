//! What went wrong with a temporary file.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// The error of what goes to disk, and comes back. Inside a run it arrives as the error of the stage whose memory it was.
#[derive(Debug)]
#[non_exhaustive]
pub enum ScratchError {
    /// The system refused: no space left, say, or no such directory.
    Io {
        /// What was tried.
        operation: &'static str,
        /// The directory of the temporary files.
        path: PathBuf,
        /// How many bytes were to be read or written.
        bytes: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The temporary files would take more than their limit.
    Full {
        /// Their directory.
        path: PathBuf,
        /// How many bytes were to be written.
        wanted: u64,
        /// How many there are.
        in_use: u64,
        /// How many there may be.
        limit: u64,
    },
    /// What was read is not what was written: the file is damaged, or a [`Stored`](crate::Stored) does not load what it stores.
    Damaged {
        /// The directory of the temporary files.
        path: PathBuf,
        /// Where in the file.
        offset: u64,
    },
}

impl fmt::Display for ScratchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ScratchError::Io { operation, path, bytes, source } => {
                write!(f, "{operation} {bytes} bytes of a temporary file in {path:?}: {source}")
            }
            ScratchError::Full { path, wanted, in_use, limit } => write!(
                f,
                "temporary files in {path:?} have {in_use} bytes, and {wanted} more are over their limit of {limit}"
            ),
            ScratchError::Damaged { path, offset } => {
                write!(f, "a temporary file in {path:?} is not as it was written, at byte {offset}")
            }
        }
    }
}

impl Error for ScratchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // Printed by `Display`, so the chain goes on below it.
            ScratchError::Io { source, .. } => source.source(),
            _ => None,
        }
    }
}
