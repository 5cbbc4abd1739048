//! Records cut by a function.

use crate::framing::{Cursor, Framing, NotARecord, Rest};
use pipe_core::Flow;
use std::fmt;
use std::sync::Arc;

/// Records as a function cuts them: given bytes that begin where a record begins, it returns how long the record is, with all that belongs
/// to it; `None` where its end is not among them.
///
/// What is left at the end of the input is the last record.
///
/// A record that does not come in one read is shown again with each read, from its start on. Where records are long and reads are small
/// (a slow pipe) [`Custom::resuming`] looks at each byte once.
///
/// ```
/// use pipe_core::Inline;
/// use pipe_stream::{Custom, Lines};
///
/// // FASTA: a record begins with `>` and runs up to the next line that does.
/// let fasta = Custom::new(|bytes| bytes.windows(2).position(|pair| pair == b"\n>").map(|at| at + 1));
/// let genes: &[u8] = b">a\nACGT\nAC\n>b\nGG\n";
/// let lengths = Lines::from_reader(genes).framed(fasta).pipeline().map(<[u8]>::len);
/// assert_eq!(lengths.collect().run_on(&Inline)?.value, [11, 6]);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub struct Custom<F> {
    cut: Arc<F>,
}

impl<F> fmt::Debug for Custom<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Custom").finish_non_exhaustive()
    }
}

impl Custom<()> {
    /// Records as `cut` cuts them. A length of zero, or of more than was given, ends the run with an error.
    pub fn new<F: Fn(&[u8]) -> Option<usize> + Send + Sync + 'static>(
        cut: F,
    ) -> Custom<impl Fn(&[u8], usize) -> Option<usize> + Send + Sync + 'static> {
        Custom::resuming(move |bytes, _| cut(bytes))
    }

    /// As [`new`](Self::new), with a function that is told how many of the bytes it was given before, and found no end in. It must find
    /// the same end when that is 0.
    ///
    /// ```
    /// use pipe_stream::Custom;
    ///
    /// let paragraphs = Custom::resuming(|bytes, seen| {
    ///     let from = seen.saturating_sub(1);      // the first of the two may be among them
    ///     bytes[from..].windows(2).position(|pair| pair == b"\n\n").map(|at| from + at + 2)
    /// });
    /// # let _ = paragraphs;
    /// ```
    pub fn resuming<F: Fn(&[u8], usize) -> Option<usize> + Send + Sync + 'static>(cut: F) -> Custom<F> {
        Custom { cut: Arc::new(cut) }
    }
}

impl<F: Fn(&[u8], usize) -> Option<usize> + Send + Sync + 'static> Custom<F> {
    fn next(&self, bytes: &[u8], seen: usize) -> Result<Option<usize>, &'static str> {
        match (self.cut)(bytes, seen) {
            Some(0) => Err("the function that cuts records made one of no bytes"),
            Some(len) if len > bytes.len() => {
                Err("the function that cuts records made one longer than what is there")
            }
            cut => Ok(cut),
        }
    }
}

impl<F> Clone for Custom<F> {
    fn clone(&self) -> Self {
        Custom { cut: self.cut.clone() }
    }
}

impl<F: Fn(&[u8], usize) -> Option<usize> + Send + Sync + 'static> Framing for Custom<F> {
    type Record = &'static [u8];

    fn whole(&self, block: &[u8], mut seen: usize, rest: Rest) -> Result<usize, NotARecord> {
        let mut whole = 0;
        while whole < block.len() {
            match self.next(&block[whole..], seen) {
                Err(why) => return Err(NotARecord { at: whole, why }),
                Ok(None) => break,
                Ok(Some(len)) => {
                    whole += len;
                    seen = 0;
                }
            }
        }
        Ok(if rest == Rest::Nothing { block.len() } else { whole })
    }

    /// A function may have to see the first byte of the next record to know that this one ends.
    fn margin(&self) -> usize {
        1
    }

    fn drive(
        &self,
        window: &[u8],
        mut cursor: Cursor<'_>,
        mut each: impl for<'a> FnMut(usize, &'a [u8]) -> Flow,
    ) {
        while cursor.next() < window.len() {
            let start = cursor.next();
            // As `whole` found it; the last record of the input ends where the input does.
            let len = self.next(&window[start..], 0).ok().flatten().unwrap_or(window.len() - start);
            cursor.step(start + len);
            if each(start, &window[start..start + len]).is_break() {
                break;
            }
        }
    }
}
