//! The bytes of a part while its ends are looked for: in a buffer, or mapped.

use crate::buffer::Buffer;
#[cfg(feature = "mmap")]
use crate::mapped::Slice;
use crate::parts::Parts;
use crate::storage::Storage;
use std::sync::Arc;

/// Bytes of a file from a place on, as many as are there by now.
pub(crate) enum Room {
    Buffer {
        bytes: Vec<u8>,
        filled: usize,
    },
    #[cfg(feature = "mmap")]
    Slice(Slice),
}

impl Room {
    /// What is there.
    pub(crate) fn block(&self) -> &[u8] {
        match self {
            Room::Buffer { bytes, filled } => &bytes[..*filled],
            #[cfg(feature = "mmap")]
            Room::Slice(slice) => slice,
        }
    }

    /// What chunks keep, and how many bytes that keeps alive.
    pub(crate) fn into_storage(self, of: &Arc<Parts>) -> (Storage, usize) {
        match self {
            Room::Buffer { bytes, .. } => {
                let room = bytes.len();
                (Storage::Read(Buffer { bytes, pool: of.pool() }), room)
            }
            #[cfg(feature = "mmap")]
            Room::Slice(slice) => {
                let room = slice.len();
                (Storage::Mapped(slice, of.clone()), room)
            }
        }
    }
}
