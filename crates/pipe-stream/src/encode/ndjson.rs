//! One JSON text a line.

use crate::encode::Encoder;
use pipe_core::BoxError;
use serde_core::Serialize;

/// Each record as JSON on a line of its own (NDJSON, JSON Lines), for all that has `serde`'s `Serialize`. Line feeds in strings are escaped, so
/// a record is one line.
///
/// ```
/// use pipe_core::{Inline, from_iter};
/// use pipe_stream::{AsNdjson, Encode, WriterSink};
///
/// let mut out = Vec::new();
/// from_iter([("a\nb", 1), ("\"c\"", 2)]).encode(AsNdjson).to(WriterSink::new(&mut out)).run_on(&Inline)?;
/// assert_eq!(String::from_utf8_lossy(&out), "[\"a\\nb\",1]\n[\"\\\"c\\\"\",2]\n");
/// # Ok::<(), pipe_core::RunError>(())
/// ```
///
/// What JSON has no form for (a map whose keys are not strings) is an error of the stage. A float that is not finite becomes `null`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AsNdjson;

impl<T: Serialize> Encoder<T> for AsNdjson {
    #[inline]
    fn encode(&self, record: T, into: &mut Vec<u8>) -> Result<(), BoxError> {
        serde_json::to_writer(&mut *into, &record)?;
        into.push(b'\n');
        Ok(())
    }
}
