//! The bytes that a chunk lends, wherever they are.

use crate::buffer::Buffer;
use crate::error::StreamError;
#[cfg(feature = "mmap")]
use crate::mapped::Slice;
#[cfg(feature = "mmap")]
use crate::parts::Parts;
use std::ops::Deref;
#[cfg(feature = "mmap")]
use std::sync::Arc;

/// What chunks over the same bytes share; given back by the last of them.
pub(crate) enum Storage {
    /// Read into a buffer of a pool.
    Read(Buffer),
    /// Mapped: in the memory of the system. The file knows whether it was cut.
    #[cfg(feature = "mmap")]
    Mapped(Slice, Arc<Parts>),
    /// In memory from the start.
    Given(Vec<u8>),
}

impl Deref for Storage {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Storage::Read(buffer) => &buffer.bytes,
            #[cfg(feature = "mmap")]
            Storage::Mapped(slice, _) => slice,
            Storage::Given(bytes) => bytes,
        }
    }
}

impl Storage {
    /// That all its bytes were there whenever they were looked at. The first one stood at `offset`.
    pub(crate) fn check(&self, offset: u64) -> Result<(), StreamError> {
        match self {
            #[cfg(feature = "mmap")]
            Storage::Mapped(slice, parts) => parts.check_whole(slice, offset),
            _ => {
                let _ = offset;
                Ok(())
            }
        }
    }
}
