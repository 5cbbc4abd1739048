//! The bytes that a chunk lends, wherever they are.

use crate::buffer::Buffer;
use std::ops::Deref;

/// What chunks over the same bytes share; given back by the last of them.
pub(crate) enum Storage {
    /// Read into a buffer of a pool.
    Read(Buffer),
    /// In memory from the start.
    Given(Vec<u8>),
}

impl Deref for Storage {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Storage::Read(buffer) => &buffer.bytes,
            Storage::Given(bytes) => bytes,
        }
    }
}
