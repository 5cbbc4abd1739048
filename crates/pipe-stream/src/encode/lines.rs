//! Lines.

use crate::encode::Encoder;
use pipe_core::BoxError;

/// Each record and a line feed. A line feed inside the record makes two lines of it, as with `writeln!`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AsLines;

impl<T: AsRef<[u8]>> Encoder<T> for AsLines {
    #[inline(always)]
    fn encode(&self, line: T, into: &mut Vec<u8>) -> Result<(), BoxError> {
        let line = line.as_ref();
        into.reserve(line.len() + 1);
        into.extend_from_slice(line);
        into.push(b'\n');
        Ok(())
    }
}
