//! Only the lines that hold a literal.

use crate::framing::{Cursor, Framing, Newline, NotARecord, Rest};
use memchr::memmem::Finder;
use memchr::{memchr, memrchr};
use pipe_core::Flow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Lines that hold a literal: the bytes are searched for it before they are cut into lines, and lines without it are never looked at.
///
/// Where few lines match this is many times faster than a filter behind the lines, which has to find the end of each. It is what `grep -F`
/// does. As a pre-filter it may let through more than is wanted (`"ERROR"` in a message, not in the level): parse what is left, and look.
/// Lines without the literal do not count as items taken.
#[derive(Debug, Clone)]
pub struct Containing {
    lines: Newline,
    literal: Arc<Finder<'static>>,
}

/// The error of [`Containing::new`] for a literal that no line can hold, since it has a line feed, or that all lines hold, since it is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotInALine;

impl Containing {
    /// The lines with `literal` in them.
    ///
    /// # Errors
    /// The literal is empty, or has a line feed.
    pub fn new(literal: impl AsRef<[u8]>) -> Result<Self, NotInALine> {
        let literal = literal.as_ref();
        if literal.is_empty() || literal.contains(&b'\n') {
            return Err(NotInALine);
        }
        Ok(Containing { lines: Newline::default(), literal: Arc::new(Finder::new(literal).into_owned()) })
    }
}

impl Framing for Containing {
    type Record = &'static [u8];

    fn whole(&self, block: &[u8], seen: usize, rest: Rest) -> Result<usize, NotARecord> {
        self.lines.whole(block, seen, rest)
    }

    fn drive(
        &self,
        window: &[u8],
        mut cursor: Cursor<'_>,
        mut each: impl for<'a> FnMut(usize, &'a [u8]) -> Flow,
    ) {
        while let Some(found) = self.literal.find(&window[cursor.next()..]) {
            let (from, found) = (cursor.next(), cursor.next() + found);
            let start = memrchr(b'\n', &window[from..found]).map_or(from, |feed| from + feed + 1);
            let behind = found + self.literal.needle().len();
            let end = memchr(b'\n', &window[behind..]).map_or(window.len(), |feed| behind + feed);
            cursor.skip(start);
            cursor.step(window.len().min(end + 1));
            if each(start, &window[start..end]).is_break() {
                return;
            }
        }
        cursor.skip(window.len());
    }

    fn seeks(&self) -> bool {
        self.lines.seeks()
    }

    fn start(&self, block: &[u8], at: usize, offset: u64) -> Option<usize> {
        self.lines.start(block, at, offset)
    }

    fn margin(&self) -> usize {
        self.lines.margin()
    }

    fn too_long(&self, window: &[u8], from: usize, limit: usize) -> Option<usize> {
        self.lines.too_long(window, from, limit)
    }

    fn record<'w>(&self, window: &'w [u8], start: usize) -> &'w [u8] {
        self.lines.record(window, start)
    }
}

impl fmt::Display for NotInALine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the literal is empty or has a line feed: no search in lines finds it")
    }
}

impl Error for NotInALine {}
