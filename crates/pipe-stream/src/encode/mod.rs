//! Records into bytes, by the workers, a block at a time: one encoding per file.

mod block;
mod csv;
mod keyed;
mod lines;
mod ndjson;
mod prefixed;
mod stage;

pub use block::Block;
pub(crate) use block::BlockSpares;
pub use csv::{AsCsv, ToFields};
pub use keyed::{EncodedBy, KeyedBlock};
pub use lines::AsLines;
pub use ndjson::AsNdjson;
pub use prefixed::TooLongForItsPrefix;
pub use stage::{Encode, Encoded};

use pipe_core::BoxError;

/// How one record stands in a file.
///
/// ```
/// use pipe_core::{BoxError, Inline, from_iter};
/// use pipe_stream::{Encode, Encoder, WriterSink};
///
/// /// Little-endian numbers, one behind the other.
/// struct Raw;
///
/// impl Encoder<u32> for Raw {
///     fn encode(&self, number: u32, into: &mut Vec<u8>) -> Result<(), BoxError> {
///         into.extend_from_slice(&number.to_le_bytes());
///         Ok(())
///     }
/// }
///
/// let mut out = Vec::new();
/// from_iter([1, 258]).encode(Raw).to(WriterSink::new(&mut out)).run_on(&Inline)?;
/// assert_eq!(out, [1, 0, 0, 0, 2, 1, 0, 0]);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub trait Encoder<In>: Send + Sync {
    /// Appends one record, with all that sets it off from the next.
    ///
    /// # Errors
    /// The record cannot be written so. What was appended is taken back, and the stage's policy decides what follows.
    fn encode(&self, record: In, into: &mut Vec<u8>) -> Result<(), BoxError>;
}
