//! Where the rows of a table begin and end, and the fields in them.
//!
//! ```text
//! a,"b,""c",d\n          per 64 bytes: where is a quote? an odd number of them before a byte: it is inside
//!   ^^^^^^^^             a delimiter or line feed that is not inside ends a field
//! ```
//!
//! The parity of quotes is a prefix exclusive-or (Langdale and Lemire, "Parsing gigabytes of JSON per second", 2019, section 3.1.1), so a
//! line feed inside quotes costs no branch. A doubled quote leaves and enters again, and is right without being looked at.

use crate::csv::ends::Ends;
use crate::csv::row::Row;
use crate::framing::{Cursor, Framing, NotARecord, Place, Preamble, Rest};
use crate::mask::{BLOCK, block, equal, parity};
use crate::plane::{Plane, STRIDE, fill};
use memchr::{memchr, memrchr};
use pipe_core::Flow;

/// Rows of fields with a delimiter in between: comma-separated values as RFC 4180 has them, or a dialect.
///
/// A field may stand in double quotes; delimiters, line feeds and (doubled) quotes in it are then part of it. Rows end with a line feed, or
/// with a carriage return and one. Empty lines are no rows. A byte order mark before the first row is skipped.
///
/// A quote in the middle of a field that does not begin with one (`5" pipe`) is an error, and so is a quote that is not closed: where rows end
/// would be a guess. For files that use quotes as any other character there is [`Quotes::None`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Csv {
    delimiter: u8,
    quotes: Quotes,
}

/// What a double quote means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quotes {
    /// It may enclose a field.
    Enclose,
    /// Nothing: no field has a delimiter or a line feed. Then a file can be read by several workers.
    None,
}

impl Csv {
    /// Commas, and quotes that enclose.
    pub fn new() -> Self {
        Csv { delimiter: b',', quotes: Quotes::Enclose }
    }

    /// Tabs, and no quotes.
    pub fn tsv() -> Self {
        Csv { delimiter: b'\t', quotes: Quotes::None }
    }

    /// Another delimiter: one byte, neither a quote nor a line feed nor a carriage return.
    ///
    /// # Panics
    /// It is one of those.
    pub fn delimiter(self, delimiter: u8) -> Self {
        assert!(!b"\"\r\n".contains(&delimiter), "{delimiter:?} cannot stand between fields");
        Csv { delimiter, ..self }
    }

    /// What a quote means.
    pub fn quotes(self, quotes: Quotes) -> Self {
        Csv { quotes, ..self }
    }

    /// Where the quote is that is open at the end of `rows`, if one is. Looks at quotes and at nothing else, as most blocks have none.
    fn open_quote(&self, rows: &[u8]) -> Result<Option<usize>, NotARecord> {
        let (mut open, mut last) = (false, 0);
        let mut plane = [0; BLOCK];
        for at in (0..rows.len()).step_by(BLOCK) {
            if at % STRIDE == 0 {
                fill(&rows[at..rows.len().min(at + STRIDE)], b'"', &mut plane);
            }
            let quotes = plane[at % STRIDE / BLOCK];
            if quotes == 0 {
                continue;
            }
            let bytes = block(&rows[at..]);
            let inside = inside(quotes, &mut open);
            let (opening, closing) = (quotes & inside, quotes & !inside);
            // A field begins at the head of a record, behind a delimiter or behind a line feed; a closing quote before it is a doubled one.
            let begins = |byte: u8| byte == self.delimiter || byte == b'\n' || byte == b'"';
            let first = u64::from(at == 0 || begins(rows[at - 1]));
            let before = equal(&bytes, self.delimiter) | equal(&bytes, b'\n') | closing;
            let stray = opening & !(before << 1 | first);
            if stray != 0 {
                return Err(NotARecord { at: at + stray.trailing_zeros() as usize, why: STRAY });
            }
            if opening != 0 {
                last = at + 63 - opening.leading_zeros() as usize;
            }
        }
        Ok(open.then_some(last))
    }

    /// Where quotes, delimiters and line feeds are. Behind the last byte there is none of them.
    fn fill(&self, bytes: &[u8], [quotes, delimiters, feeds]: &mut [Plane; 3]) {
        match self.quotes {
            Quotes::Enclose => fill(bytes, b'"', quotes),
            Quotes::None => *quotes = [0; BLOCK],
        }
        fill(bytes, self.delimiter, delimiters);
        fill(bytes, b'\n', feeds);
        let blocks = bytes.len().div_ceil(BLOCK);
        [quotes, delimiters, feeds].into_iter().for_each(|plane| plane[blocks..].fill(0));
    }
}

impl Default for Csv {
    fn default() -> Self {
        Csv::new()
    }
}

/// Bit `i` says whether byte `i` is between quotes, or is the first of the two. `open` is whether the byte before was inside.
#[inline(always)]
fn inside(quotes: u64, open: &mut bool) -> u64 {
    let inside = parity(quotes) ^ u64::from(*open).wrapping_neg();
    *open = inside >> 63 == 1;
    inside
}

/// Behind the last line feed that is not inside quotes. `open` is whether a quote is open at the end: read backwards, each quote changes it.
fn last_end(rows: &[u8], mut open: bool) -> usize {
    for at in (0..rows.len()).step_by(BLOCK).rev() {
        let bytes = block(&rows[at..]);
        let quotes = equal(&bytes, b'"');
        let before = open ^ (quotes.count_ones() % 2 == 1);
        let inside = parity(quotes) ^ u64::from(before).wrapping_neg();
        let ends = equal(&bytes, b'\n') & !inside;
        if ends != 0 {
            return at + BLOCK - ends.leading_zeros() as usize;
        }
        open = before;
    }
    0
}

/// Fields end at places that are kept in 32 bits; the carriage return behind a row counts for its last one.
const LONGEST: usize = u32::MAX as usize - 1;

const TOO_LONG: &str = "a row has more than 4 GiB";
const UNCLOSED: &str = "a quote is opened and not closed";
const STRAY: &str = "a quote stands in the middle of a field that does not begin with one";

impl Framing for Csv {
    type Record = Row<'static>;

    fn whole(&self, rows: &[u8], seen: usize, rest: Rest) -> Result<usize, NotARecord> {
        if rows.len() > LONGEST
            && rest == Rest::Nothing
            && let Some(at) = self.too_long(rows, 0, LONGEST)
        {
            return Err(NotARecord { at, why: TOO_LONG });
        }
        match (self.quotes, rest) {
            (Quotes::None, Rest::Nothing) => Ok(rows.len()),
            (Quotes::None, Rest::More) => Ok(memrchr(b'\n', &rows[seen..]).map_or(0, |feed| seen + feed + 1)),
            // A field that comes in many small reads is not looked at again for each.
            (Quotes::Enclose, Rest::More) if memrchr(b'\n', &rows[seen..]).is_none() => Ok(0),
            (Quotes::Enclose, rest) => match (self.open_quote(rows)?, rest) {
                (Some(quote), Rest::Nothing) => Err(NotARecord { at: quote, why: UNCLOSED }),
                (None, Rest::Nothing) => Ok(rows.len()),
                (open, Rest::More) => Ok(last_end(rows, open.is_some())),
            },
        }
    }

    #[inline(always)]
    fn drive(
        &self,
        window: &[u8],
        mut cursor: Cursor<'_>,
        mut each: impl for<'a> FnMut(usize, Row<'a>) -> Flow,
    ) {
        let origin = cursor.next();
        assert!(window.len() - origin <= u32::MAX as usize, "a batch of rows has less than 4 GiB");
        let mut ends = Ends::new();
        // The last row of the input may lack its line feed: then it ends as if it had one.
        let lacks = window.last() != Some(&b'\n');
        let (mut open, mut at) = (false, origin);
        let mut planes = [[0; BLOCK]; 3];
        let mut index = BLOCK;
        while at < window.len() + usize::from(lacks) {
            if index == BLOCK {
                self.fill(&window[at..window.len().min(at + STRIDE)], &mut planes);
                index = 0;
            }
            let [quotes, delimiters, feeds] = planes.each_ref().map(|plane| plane[index]);
            index += 1;
            let inside = inside(quotes, &mut open);
            let mut feeds = feeds & !inside;
            if lacks && window.len() - at < BLOCK {
                feeds |= 1 << (window.len() - at);
            }
            let bits = delimiters & !inside | feeds;
            let rows = ends.add(bits, (at - origin) as u32);
            while feeds != 0 {
                let feed = feeds.trailing_zeros();
                feeds &= feeds - 1;
                let (start, end) = (cursor.next(), at + feed as usize);
                let fields = ends.take(rows + (bits << (63 - feed)).count_ones() as usize);
                let row = &window[start..end];
                let row = row.strip_suffix(b"\r").unwrap_or(row);
                let next = window.len().min(end + 1);
                if row.is_empty() {
                    cursor.skip(next);
                    continue;
                }
                cursor.step(next);
                if each(start, Row::new(row, fields, (start - origin) as u32, self.quotes)).is_break() {
                    return;
                }
            }
            at += BLOCK;
        }
    }

    fn seeks(&self) -> bool {
        self.quotes == Quotes::None
    }

    fn start(&self, block: &[u8], at: usize, _: u64) -> Option<usize> {
        let before = at.checked_sub(1)?;
        memchr(b'\n', &block[before..]).map(|feed| before + feed + 1)
    }

    fn margin(&self) -> usize {
        1
    }

    fn record<'w>(&self, window: &'w [u8], start: usize) -> &'w [u8] {
        let mut bytes = &window[start..];
        let mut place = Place::at(start);
        self.drive(window, Cursor::new(&mut place), |_, row| {
            bytes = &bytes[..row.bytes().len()];
            Flow::Break(())
        });
        bytes
    }

    fn too_long(&self, window: &[u8], from: usize, limit: usize) -> Option<usize> {
        let mut place = Place::at(from);
        let mut long = None;
        self.drive(window, Cursor::new(&mut place), |start, row| {
            let end = start + row.bytes().len();
            let len = end - start + usize::from(window.get(end) == Some(&b'\r'));
            long = (len > limit).then_some(start);
            if long.is_some() { Flow::Break(()) } else { Flow::Continue(()) }
        });
        long
    }

    fn longest(&self) -> usize {
        LONGEST
    }

    fn preamble(&self, head: &[u8]) -> Preamble {
        Preamble::of(b"\xef\xbb\xbf", head)
    }
}
