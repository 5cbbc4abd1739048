//! Records with a delimiter behind each.

use crate::framing::{Cursor, Framing, NotARecord, Rest};
use memchr::memmem::{Finder, FinderRev};
use pipe_core::Flow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// A delimiter of any length stands behind each record and is not lent; the last record may lack it.
///
/// ```
/// use pipe_core::Inline;
/// use pipe_stream::{Delimited, Lines};
///
/// let mail: &[u8] = b"one\r\n--\r\ntwo\r\n--\r\n";
/// let parts = Lines::from_reader(mail).framed(Delimited::new("\r\n--\r\n")?).pipeline().map(<[u8]>::to_vec);
/// assert_eq!(parts.collect().run_on(&Inline)?.value, [b"one", b"two"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Delimited {
    found: Arc<Found>,
}

#[derive(Debug)]
struct Found {
    forward: Finder<'static>,
    backward: FinderRev<'static>,
    overlaps: bool,
}

/// The error of [`Delimited::new`] for a delimiter without bytes, which would stand everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoDelimiter;

impl Delimited {
    /// Records with `delimiter` behind each.
    ///
    /// # Errors
    /// The delimiter is empty.
    pub fn new(delimiter: impl AsRef<[u8]>) -> Result<Self, NoDelimiter> {
        let delimiter = delimiter.as_ref();
        if delimiter.is_empty() {
            return Err(NoDelimiter);
        }
        let overlaps =
            (1..delimiter.len()).any(|len| delimiter.starts_with(&delimiter[delimiter.len() - len..]));
        let forward = Finder::new(delimiter).into_owned();
        let backward = FinderRev::new(delimiter).into_owned();
        Ok(Delimited { found: Arc::new(Found { forward, backward, overlaps }) })
    }

    fn len(&self) -> usize {
        self.found.forward.needle().len()
    }
}

impl Framing for Delimited {
    type Record = &'static [u8];

    fn whole(&self, block: &[u8], seen: usize, rest: Rest) -> Result<usize, NotARecord> {
        // A delimiter may have begun in what was seen.
        let seen = (seen + 1).saturating_sub(self.len());
        Ok(match rest {
            Rest::Nothing => block.len(),
            // Where a delimiter may begin inside another, only reading from the front tells which of the two it is. None was in what was
            // seen, so the front is there.
            Rest::More if self.found.overlaps => {
                self.found.forward.find_iter(&block[seen..]).last().map_or(0, |at| seen + at + self.len())
            }
            Rest::More => self.found.backward.rfind(&block[seen..]).map_or(0, |at| seen + at + self.len()),
        })
    }

    fn drive(
        &self,
        window: &[u8],
        mut cursor: Cursor<'_>,
        mut each: impl for<'a> FnMut(usize, &'a [u8]) -> Flow,
    ) {
        let base = cursor.next();
        let mut found = self.found.forward.find_iter(&window[base..]);
        while cursor.next() < window.len() {
            let start = cursor.next();
            let end = found.next().map_or(window.len(), |at| base + at);
            cursor.step(window.len().min(end + self.len()));
            if each(start, &window[start..end]).is_break() {
                break;
            }
        }
    }

    fn seeks(&self) -> bool {
        !self.found.overlaps
    }

    fn start(&self, block: &[u8], at: usize, _: u64) -> Option<usize> {
        let before = at.saturating_sub(self.len());
        self.found.forward.find(&block[before..]).map(|found| before + found + self.len())
    }

    fn margin(&self) -> usize {
        self.len()
    }

    fn record<'w>(&self, window: &'w [u8], start: usize) -> &'w [u8] {
        let rest = &window[start..];
        &rest[..self.found.forward.find(rest).unwrap_or(rest.len())]
    }
}

impl fmt::Display for NoDelimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a delimiter of no bytes stands everywhere")
    }
}

impl Error for NoDelimiter {}
