//! Records cut by a function.

use crate::framing::{Cursor, Framing, NotARecord, Rest};
use pipe_core::Flow;
use std::sync::Arc;

/// Records as a function cuts them: given bytes that begin where a record begins, it returns how long the record is, with all that belongs
/// to it; `None` where its end is not among them.
///
/// What is left at the end of the input is the last record.
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

impl<F: Fn(&[u8]) -> Option<usize> + Send + Sync + 'static> Custom<F> {
    /// Records as `cut` cuts them. A length of zero, or of more than was given, ends the run with an error.
    pub fn new(cut: F) -> Self {
        Custom { cut: Arc::new(cut) }
    }

    fn next(&self, bytes: &[u8]) -> Result<Option<usize>, &'static str> {
        match (self.cut)(bytes) {
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

impl<F: Fn(&[u8]) -> Option<usize> + Send + Sync + 'static> Framing for Custom<F> {
    type Record = &'static [u8];

    fn whole(&self, block: &[u8], _: usize, rest: Rest) -> Result<usize, NotARecord> {
        let mut whole = 0;
        while whole < block.len() {
            match self.next(&block[whole..]) {
                Err(why) => return Err(NotARecord { at: whole, why }),
                Ok(None) => break,
                Ok(Some(len)) => whole += len,
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
            let len = self.next(&window[start..]).ok().flatten().unwrap_or(window.len() - start);
            cursor.step(start + len);
            if each(start, &window[start..start + len]).is_break() {
                break;
            }
        }
    }
}
