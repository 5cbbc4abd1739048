//! How the bytes of a file come into memory.

#[cfg(feature = "mmap")]
use crate::mapped::{Mapping, Safety};
use std::fmt;

/// How the bytes of a file come into memory: read into buffers, or mapped.
///
/// Where what was asked for is not to be had, or not safely, files are read; the report of the run then has an
/// [`Event::Fallback`](pipe_core::Event::Fallback) that says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Backend {
    /// What is best for one pass over a file: reads. A mapping is not faster, and is in the way of who writes.
    #[default]
    Auto,
    /// Reads into buffers that are used again.
    Buffered,
    /// Records lent out of the system's own cache, without a copy. Pays for large parts, and for who keeps many chunks.
    #[cfg(feature = "mmap")]
    Mapped(Mapping),
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Backend::Auto => f.write_str("the best backend"),
            Backend::Buffered => f.write_str("reads into buffers"),
            #[cfg(feature = "mmap")]
            Backend::Mapped(mapping) => f.write_str(match mapping.safety {
                Safety::Leased => "a mapping under a lease",
                Safety::Guarded => "a mapping under a guard",
                Safety::Trusted => "a mapping of a trusted file",
            }),
        }
    }
}

/// Which backend a source uses, since its first batch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Taken {
    /// [`Backend::Buffered`] or a mapping.
    pub backend: Backend,
    /// What kept it from using the one that was set; `None` if it does, or if that was [`Backend::Auto`].
    pub why: Option<String>,
}
