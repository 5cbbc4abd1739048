//! When a file waits for its medium.

use std::num::NonZeroU64;

/// When what was written is put on the medium, so that it survives a power cut; and when errors that network file systems report late are
/// met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fsync {
    /// Whenever the system likes. A run that went well may still lose its file to a power cut, never to the end of the process.
    #[default]
    Never,
    /// Before the file gets its name, and the name as well.
    AtCommit,
    /// Each time this many bytes were written, and at the commit: then a commit does not wait for gigabytes at once, and the system keeps
    /// less of the file in memory. Rounded up to whole writes, of 256 KiB.
    EveryBytes(NonZeroU64),
}
