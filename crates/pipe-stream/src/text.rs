//! Lines of bytes that are in memory already.

use crate::buffer::{Buffer, Pool};
use crate::chunk::Chunk;
use memchr::memchr;
use pipe_core::{BoxError, Identity, Pipeline, Source, Start, Want, from_source};
use std::sync::Arc;

/// Bytes in memory as a source of lines, which are lent where they are: nothing is read or copied.
///
/// Lines and positions are as for [`Lines`](crate::Lines). A clone shares the bytes and starts again where this one is.
///
/// ```
/// use pipe_core::Inline;
/// use pipe_stream::Text;
///
/// let lengths = Text::new(b"one\nthree".to_vec()).pipeline().map(<[u8]>::len).collect().run_on(&Inline)?;
/// assert_eq!(lengths.value, [3, 5]);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Clone)]
pub struct Text {
    buffer: Arc<Buffer>,
    /// Where the next batch starts: at the start of a line, or at the end.
    next: usize,
}

impl Text {
    /// All lines of `bytes`.
    pub fn new(bytes: Vec<u8>) -> Self {
        Text { buffer: Arc::new(Buffer { bytes, pool: Pool::new(0) }), next: 0 }
    }

    /// The pipeline over the lines.
    pub fn pipeline(self) -> Pipeline<Start<Text>, Identity, &'static [u8]> {
        from_source(self)
    }
}

impl Source for Text {
    type Item = &'static [u8];
    type Batch = Chunk;

    fn pull(&mut self, want: Want) -> Result<Option<Chunk>, BoxError> {
        let (start, bytes) = (self.next, &self.buffer.bytes[self.next..]);
        if bytes.is_empty() {
            return Ok(None);
        }
        // Up to the first line feed at or behind the last byte that is wanted: a batch has at least one line.
        let last = want.bytes.clamp(1, bytes.len()) - 1;
        let end = memchr(b'\n', &bytes[last..]).map_or(bytes.len(), |feed| last + feed + 1);
        self.next = start + end;
        Ok(Some(Chunk::window(self.buffer.clone(), start, self.next)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipe_core::{Batch, Flow};

    #[test]
    fn batches_of_any_size_hold_all_lines_at_their_positions() {
        for text in ["", "\n", "one", "one\n", "one\n\ntwo\nthree", "\n\n\n", "a\nbb\nccc\ndddd\neeeee\n"] {
            let whole = text.strip_suffix('\n').unwrap_or(text);
            let naive: Vec<&str> = if text.is_empty() { vec![] } else { whole.split('\n').collect() };
            for bytes in 1..30 {
                let mut source = Text::new(text.into());
                let (mut lines, mut at) = (Vec::new(), Vec::new());
                while let Some(mut chunk) = source.pull(Want { items: 1, bytes }).unwrap() {
                    let lent = chunk.drive(usize::MAX, |position, line| {
                        at.push(position as usize);
                        lines.push(String::from_utf8(line.to_vec()).unwrap());
                        Flow::Continue(())
                    });
                    assert!(lent > 0, "an empty batch of {text:?} in {bytes} bytes");
                }
                assert_eq!(lines, naive, "{text:?} in batches of {bytes} bytes");
                for (position, line) in at.into_iter().zip(&lines) {
                    assert!(text[position..].starts_with(line.as_str()));
                }
            }
        }
    }
}
