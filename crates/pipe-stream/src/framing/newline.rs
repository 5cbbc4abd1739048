//! Lines.

use crate::framing::{Cursor, Framing, NotARecord, Place, Rest};
use crate::newlines::Newlines;
use memchr::{memchr, memrchr};
use pipe_core::Flow;

/// Lines end with a line feed, which is not part of what is lent; the last one may lack it. What [`Lines`](crate::Lines) cut.
///
/// A carriage return before it is part of the line, as it is for `wc` and `grep`; [`Newline::crlf`] takes it off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Newline {
    returns: Returns,
    empty: Empty,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Empty {
    #[default]
    Lent,
    Skipped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Returns {
    #[default]
    Kept,
    Stripped,
}

impl Newline {
    /// Lines that end with a line feed, or a carriage return and a line feed; neither is lent.
    pub fn crlf() -> Self {
        Newline { returns: Returns::Stripped, ..Newline::default() }
    }

    /// Leaves out lines without a byte: between the values of newline-delimited JSON, say, they are allowed and mean nothing.
    pub fn skip_empty(self) -> Self {
        Newline { empty: Empty::Skipped, ..self }
    }
}

impl Framing for Newline {
    type Record = &'static [u8];

    fn whole(&self, block: &[u8], seen: usize, rest: Rest) -> Result<usize, NotARecord> {
        Ok(match rest {
            Rest::Nothing => block.len(),
            Rest::More => memrchr(b'\n', &block[seen..]).map_or(0, |feed| seen + feed + 1),
        })
    }

    #[inline(always)]
    fn drive(
        &self,
        window: &[u8],
        mut cursor: Cursor<'_>,
        mut each: impl for<'a> FnMut(usize, &'a [u8]) -> Flow,
    ) {
        let mut newlines = Newlines::new(window, cursor.next());
        while cursor.next() < window.len() {
            let start = cursor.next();
            let end = newlines.next().unwrap_or(window.len());
            let Some(mut line) = window.get(start..end) else { break };
            if self.returns == Returns::Stripped {
                line = line.strip_suffix(b"\r").unwrap_or(line);
            }
            let next = window.len().min(end + 1);
            if self.empty == Empty::Skipped && line.is_empty() {
                cursor.skip(next);
                continue;
            }
            cursor.step(next);
            if each(start, line).is_break() {
                break;
            }
        }
    }

    fn seeks(&self) -> bool {
        true
    }

    fn start(&self, block: &[u8], at: usize, _: u64) -> Option<usize> {
        let before = at.checked_sub(1)?;
        memchr(b'\n', &block[before..]).map(|feed| before + feed + 1)
    }

    fn margin(&self) -> usize {
        1
    }

    fn record<'w>(&self, window: &'w [u8], start: usize) -> &'w [u8] {
        let rest = &window[start..];
        let line = &rest[..memchr(b'\n', rest).unwrap_or(rest.len())];
        match self.returns {
            Returns::Kept => line,
            Returns::Stripped => line.strip_suffix(b"\r").unwrap_or(line),
        }
    }

    /// A carriage return counts, also where it is taken off: it was read.
    fn too_long(&self, window: &[u8], from: usize, limit: usize) -> Option<usize> {
        let (mut place, mut long) = (Place::at(from), None);
        let kept = Newline { returns: Returns::Kept, ..*self };
        kept.drive(window, Cursor::new(&mut place), |start, line| {
            long = (line.len() > limit).then_some(start);
            if long.is_some() { Flow::Break(()) } else { Flow::Continue(()) }
        });
        long
    }
}
