//! Records of bytes that are in memory already.

use crate::chunk::Chunk;
use crate::error::{StreamError, Subject};
use crate::framing::{Framing, Newline, Preamble, check_settings, check_widths, end_of_input};
use crate::storage::Storage;
use pipe_core::{BoxError, Identity, Pipeline, Source, Start, Want, from_source};
use std::fmt;
use std::sync::Arc;

/// Bytes in memory as a source of records, which are lent where they are: nothing is read or copied. Lines unless another framing is given.
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
pub struct Text<F = Newline> {
    framing: F,
    storage: Arc<Storage>,
    /// Where the next batch starts: at the start of a record, or at the end.
    next: usize,
    /// From there on, all of it are records of the framing.
    checked: bool,
}

impl Text {
    /// All lines of `bytes`.
    pub fn new(bytes: Vec<u8>) -> Self {
        Text {
            framing: Newline::default(),
            storage: Arc::new(Storage::Given(bytes)),
            next: 0,
            checked: false,
        }
    }
}

impl<F: Framing> Text<F> {
    /// The same bytes, cut into other records.
    pub fn framed<G: Framing>(self, framing: G) -> Text<G> {
        Text { framing, storage: self.storage, next: self.next, checked: false }
    }

    /// The pipeline over the records.
    pub fn pipeline(self) -> Pipeline<Start<Self>, Identity, F::Record> {
        from_source(self)
    }

    /// Where the first record starts. From there on, all of it must be records.
    fn begin(&self) -> Result<usize, StreamError> {
        let begin = match self.framing.preamble(&self.storage) {
            Preamble::Bytes(bytes) if self.next == 0 => bytes,
            _ => self.next,
        };
        let subject = Subject::Named("the text");
        check_settings(&self.framing, &subject)?;
        check_widths(&self.framing, &self.storage, begin, &subject, 0)?;
        end_of_input(&self.framing, &self.storage[begin..], &subject, begin as u64)?;
        Ok(begin)
    }
}

impl<F> fmt::Debug for Text<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Text")
            .field("bytes", &self.storage.len())
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl<F: Framing> Source for Text<F> {
    type Item = F::Record;
    type Batch = Chunk<F>;

    fn pull(&mut self, want: Want) -> Result<Option<Chunk<F>>, BoxError> {
        if !self.checked {
            self.next = self.begin()?;
            self.checked = true;
        }
        let (bytes, start) = (&self.storage[..], self.next);
        if start == bytes.len() {
            return Ok(None);
        }
        // Up to the end of the record in which the last byte that is wanted is: a batch has at least one.
        let middle = start.saturating_add(want.bytes.max(1)).min(bytes.len());
        let end = if middle < bytes.len() { self.framing.cut(bytes, start, middle, 0) } else { middle };
        self.next = end;
        let chunk = Chunk::new(self.framing.clone(), self.storage.clone(), start..end, 0, end - start);
        Ok(Some(chunk))
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
