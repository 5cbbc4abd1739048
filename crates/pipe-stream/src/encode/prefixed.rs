//! Records with their length in front.

use crate::encode::Encoder;
use crate::framing::LengthPrefixed;
use pipe_core::BoxError;
use std::error::Error;
use std::fmt;

/// A record with more bytes than its prefix can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TooLongForItsPrefix {
    /// The bytes of the record.
    pub length: usize,
    /// The most that the prefix can say.
    pub limit: u64,
}

/// The length, then the record: what the same value reads as a framing.
///
/// ```
/// use pipe_core::{Inline, from_iter};
/// use pipe_stream::{Encode, LengthPrefixed, PrefixBytes, WriterSink};
///
/// let mut out = Vec::new();
/// let framing = LengthPrefixed::big_endian(PrefixBytes::Two);
/// from_iter(["one", "", "three"]).encode(framing).to(WriterSink::new(&mut out)).run_on(&Inline)?;
/// assert_eq!(out, b"\0\x03one\0\0\0\x05three");
/// # Ok::<(), pipe_core::RunError>(())
/// ```
impl<T: AsRef<[u8]>> Encoder<T> for LengthPrefixed {
    #[inline]
    fn encode(&self, record: T, into: &mut Vec<u8>) -> Result<(), BoxError> {
        let record = record.as_ref();
        let length = record.len();
        self.put_length(length, into).map_err(|limit| TooLongForItsPrefix { length, limit })?;
        into.extend_from_slice(record);
        Ok(())
    }
}

impl fmt::Display for TooLongForItsPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a record of {} bytes: its prefix can say at most {}", self.length, self.limit)
    }
}

impl Error for TooLongForItsPrefix {}
