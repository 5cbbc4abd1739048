//! All records of a batch as one.

use crate::framing::{Cursor, Framing, NotARecord, Preamble, Rest};
use pipe_core::Flow;

/// Lends all whole records of a batch at once, as the bytes they are: for work that needs no single record, such as counting or searching
/// with vector instructions. Made by [`Records::blocks`](crate::Records::blocks).
///
/// A block begins where a record begins and ends where one ends. How large it is, the reader decides: about one read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Blocks<F> {
    records: F,
}

impl<F> Blocks<F> {
    pub(crate) fn of(records: F) -> Self {
        Blocks { records }
    }
}

impl<F: Framing> Framing for Blocks<F> {
    type Record = &'static [u8];

    fn whole(&self, block: &[u8], seen: usize, rest: Rest) -> Result<usize, NotARecord> {
        self.records.whole(block, seen, rest)
    }

    fn needs(&self, block: &[u8]) -> Option<usize> {
        self.records.needs(block)
    }

    #[inline(always)]
    fn drive(
        &self,
        window: &[u8],
        mut cursor: Cursor<'_>,
        mut each: impl for<'a> FnMut(usize, &'a [u8]) -> Flow,
    ) {
        let start = cursor.next();
        if start < window.len() {
            cursor.step(window.len());
            let _ = each(start, &window[start..]);
        }
    }

    fn seeks(&self) -> bool {
        self.records.seeks()
    }

    fn start(&self, block: &[u8], at: usize, offset: u64) -> Option<usize> {
        self.records.start(block, at, offset)
    }

    fn quote(&self) -> Option<u8> {
        self.records.quote()
    }

    fn start_quoted(&self, block: &[u8], at: usize, open: bool) -> Option<usize> {
        self.records.start_quoted(block, at, open)
    }

    fn margin(&self) -> usize {
        self.records.margin()
    }

    fn preamble(&self, head: &[u8]) -> Preamble {
        self.records.preamble(head)
    }

    fn too_long(&self, window: &[u8], from: usize, limit: usize) -> Option<usize> {
        self.records.too_long(window, from, limit)
    }

    fn longest(&self) -> usize {
        self.records.longest()
    }

    fn cut(&self, window: &[u8], from: usize, middle: usize, offset: u64) -> usize {
        self.records.cut(window, from, middle, offset)
    }
}
