//! What is wrong with bytes that should be a frame, or with items that should make one.

use crate::transport::schema::Schema;
use std::error::Error;
use std::fmt;

/// Why bytes are no frame, or items make none.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameError {
    /// More bytes than a frame may have. When writing: one item is too large for a frame of its own.
    TooLarge {
        /// Bytes that there are, or that the item needs at least.
        bytes: usize,
        /// Bytes that are allowed.
        limit: usize,
    },
    /// Fewer bytes than a header, or another number of bytes than the header says.
    Length {
        /// Bytes that there are.
        bytes: usize,
        /// Bytes that there should be.
        expected: usize,
    },
    /// It does not begin as a frame does: some other program wrote it.
    NoFrame,
    /// A version of the frame, or a codec, that this program does not know.
    Unknown {
        /// The version.
        version: u8,
        /// The codec.
        codec: u8,
    },
    /// Items of another type than the reader's.
    Schema {
        /// What the frame has.
        found: Schema,
        /// What the reader's type has.
        expected: Schema,
    },
    /// More items than are allowed.
    Count {
        /// Items that the header names.
        count: u32,
        /// Items that are allowed.
        limit: u32,
    },
    /// The header is in order, and an item is not.
    Item {
        /// Which one, from 0.
        index: u32,
        /// What the codec says.
        why: String,
    },
    /// Items are followed by bytes that belong to none.
    Trailing {
        /// How many.
        bytes: usize,
    },
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::TooLarge { bytes, limit } => {
                write!(f, "a frame of {bytes} bytes, and at most {limit} are allowed")
            }
            FrameError::Length { bytes, expected } => {
                write!(f, "a frame has {bytes} bytes and should have {expected}")
            }
            FrameError::NoFrame => f.write_str("the bytes do not begin as a frame does"),
            FrameError::Unknown { version, codec } => {
                write!(f, "a frame of version {version} with codec {codec}, which this program does not know")
            }
            FrameError::Schema { found, expected } => {
                write!(f, "a frame of items with schema {found}, and {expected} is expected")
            }
            FrameError::Count { count, limit } => {
                write!(f, "a frame of {count} items, and at most {limit} are allowed")
            }
            FrameError::Item { index, why } => write!(f, "item {index} of a frame: {why}"),
            FrameError::Trailing { bytes } => write!(f, "{bytes} bytes behind the last item of a frame"),
        }
    }
}

impl Error for FrameError {}
