//! Where the rows of a table begin and end, and the fields in them.
//!
//! ```text
//! a,"b,""c",d\n          per 64 bytes: where is a quote? an odd number of them before a byte: it is inside
//!   ^^^^^^^^             a delimiter or line feed that is not inside ends a field
//! ```
//!
//! The parity of quotes is a prefix exclusive-or (Langdale and Lemire, "Parsing gigabytes of JSON per second", 2019, section 3.1.1), so a
//! line feed inside quotes costs no branch. A doubled quote leaves and enters again, and is right without being looked at.

use crate::csv::ends::{Ends, Stride};
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
    max_fields: usize,
}

/// What a double quote means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quotes {
    /// It may enclose a field.
    Enclose,
    /// Nothing: no field has a delimiter or a line feed.
    None,
}

impl Csv {
    /// Commas, and quotes that enclose.
    pub fn new() -> Self {
        Csv { delimiter: b',', quotes: Quotes::Enclose, max_fields: MAX_FIELDS }
    }

    /// Tabs, and no quotes.
    pub fn tsv() -> Self {
        Csv { delimiter: b'\t', quotes: Quotes::None, ..Csv::new() }
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

    /// The most fields that a row may have; 1,048,576 unless set. While rows are lent each field of one takes four bytes beside the row, so
    /// one with more is the error [`TooManyFields`](crate::StreamErrorKind::TooManyFields). Zero is an error of the run, before anything
    /// is read.
    pub fn max_fields(self, fields: usize) -> Self {
        Csv { max_fields: fields, ..self }
    }

    /// Where each row starts, where it ends with its carriage return, and how many fields it has, until `each` breaks. Takes no memory.
    fn survey(&self, window: &[u8], from: usize, mut each: impl FnMut(usize, usize, usize) -> Flow) {
        let (mut start, mut fields, mut open) = (from, 1, false);
        let mut planes = [[0; BLOCK]; 3];
        for at in (from..window.len()).step_by(BLOCK) {
            let index = (at - from) % STRIDE / BLOCK;
            if index == 0 {
                self.fill(&window[at..window.len().min(at + STRIDE)], &mut planes);
            }
            let [quotes, delimiters, feeds] = planes.each_ref().map(|plane| plane[index]);
            let inside = inside(quotes, &mut open);
            let (mut delimiters, mut feeds) = (delimiters & !inside, feeds & !inside);
            while feeds != 0 {
                let before = (feeds & feeds.wrapping_neg()) - 1;
                fields += (delimiters & before).count_ones() as usize;
                let end = at + feeds.trailing_zeros() as usize;
                if each(start, end, fields).is_break() {
                    return;
                }
                (delimiters, feeds) = (delimiters & !before, feeds & (feeds - 1));
                (start, fields) = (end + 1, 1);
            }
            fields += delimiters.count_ones() as usize;
        }
        if start < window.len() {
            let _ = each(start, window.len(), fields);
        }
    }

    /// Where the quote is that is open at the end of `rows`, if one is. Looks at what stands around quotes, and at nothing else. From
    /// `from` on: before it all was looked at, and `open` is what was found.
    fn open_quote(&self, rows: &[u8], from: usize, open: Option<usize>) -> Result<Option<usize>, NotARecord> {
        // The last block with an opening quote, and where that is.
        let (mut last, mut open) = ((open.unwrap_or_default(), 1), open.is_some());
        let [mut quotes, mut delimiters, mut feeds] = [[0; BLOCK]; 3];
        let mut start = from;
        for bytes in rows[from..].chunks(STRIDE) {
            fill(bytes, b'"', &mut quotes);
            let blocks = bytes.len().div_ceil(BLOCK);
            // In a table with quotes a block has one or not, and no processor guesses which: so each is looked at as if it had.
            if quotes[..blocks].iter().any(|quotes| *quotes != 0) {
                fill(bytes, self.delimiter, &mut delimiters);
                fill(bytes, b'\n', &mut feeds);
                for index in 0..blocks {
                    let (at, inside) = (start + index * BLOCK, inside(quotes[index], &mut open));
                    let (opening, closing) = (quotes[index] & inside, quotes[index] & !inside);
                    // A closing quote before it is a doubled one.
                    let behind = (delimiters[index] | feeds[index] | closing) << 1;
                    let first = u64::from(opening & 1 == 1 && self.may_open(rows, at));
                    let stray = opening & !(behind | first);
                    if stray != 0 {
                        return Err(NotARecord { at: at + stray.trailing_zeros() as usize, why: STRAY });
                    }
                    last = if opening == 0 { last } else { (at, opening) };
                }
            }
            start += bytes.len();
        }
        let (at, opening) = last;
        Ok(open.then_some(at + 63 - opening.leading_zeros() as usize))
    }

    /// Whether a field begins at `at`: at the head of a record, behind a delimiter or behind a line feed.
    fn may_open(&self, rows: &[u8], at: usize) -> bool {
        at == 0 || rows[at - 1] == self.delimiter || matches!(rows[at - 1], b'\n' | b'"')
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

/// From where on a block has to be looked at of which the first `seen` bytes are no whole row, and what is open there.
///
/// A line feed among those is inside quotes, or it would end a row. So the last of them tells all about the bytes before it, and a field
/// of many lines that comes in small reads costs one look at each byte, and not one for each read.
fn looked_at(rows: &[u8], seen: usize) -> (usize, Option<usize>) {
    match memrchr(b'\n', &rows[..seen]) {
        // Where its quote is does not matter: only the end of the input asks for it, and looks at all of the row.
        Some(feed) => (feed, Some(0)),
        None => (0, None),
    }
}

/// Behind the last line feed at or behind `from` that is not inside quotes; 0 if there is none. `open` is whether a quote is open at the end:
/// read backwards, each quote changes it.
fn last_end(rows: &[u8], from: usize, mut open: bool) -> usize {
    for at in (from..rows.len()).step_by(BLOCK).rev() {
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

/// What is looked at first; then twice as much each time.
const FIRST_STRIDE: usize = STRIDE / 16;

/// Their ends take 4 MiB: more than tables have columns, less than what hurts.
const MAX_FIELDS: usize = 1 << 20;

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
            (Quotes::Enclose, Rest::Nothing) => match self.open_quote(rows, 0, None)? {
                Some(quote) => Err(NotARecord { at: quote, why: UNCLOSED }),
                None => Ok(rows.len()),
            },
            (Quotes::Enclose, Rest::More) => {
                let (from, open) = looked_at(rows, seen);
                let open = self.open_quote(rows, from, open)?;
                Ok(last_end(rows, from, open.is_some()))
            }
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
        let mut planes = [[0; BLOCK]; 3];
        // Whoever takes one row at a time, since much is done with each, does not pay for 4 KiB each time.
        let (mut at, mut stride) = (origin, FIRST_STRIDE);
        while at < window.len() + usize::from(lacks) {
            let bytes = &window[at..window.len().min(at + stride)];
            self.fill(bytes, &mut planes);
            let ends_row = lacks && bytes.len() < stride;
            ends.add(&Stride { planes: &planes, len: bytes.len(), at: (at - origin) as u32, ends_row });
            while let Some(fields) = ends.take_row() {
                let Some(end) = fields.last() else { break };
                let (start, end) = (cursor.next(), origin + *end as usize);
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
            at += stride;
            stride = STRIDE.min(2 * stride);
        }
    }

    fn seeks(&self) -> bool {
        self.quotes == Quotes::None
    }

    fn start(&self, block: &[u8], at: usize, _: u64) -> Option<usize> {
        let before = at.checked_sub(1)?;
        memchr(b'\n', &block[before..]).map(|feed| before + feed + 1)
    }

    fn quote(&self) -> Option<u8> {
        (self.quotes == Quotes::Enclose).then_some(b'"')
    }

    fn start_quoted(&self, rows: &[u8], at: usize, mut open: bool) -> Option<usize> {
        if !open && rows[..at].last() == Some(&b'\n') {
            return Some(at);
        }
        (at..rows.len()).step_by(BLOCK).find_map(|at| {
            let bytes = block(&rows[at..]);
            let ends = equal(&bytes, b'\n') & !inside(equal(&bytes, b'"'), &mut open);
            (ends != 0).then(|| at + ends.trailing_zeros() as usize + 1)
        })
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
        let mut long = None;
        self.survey(window, from, |start, end, _| {
            long = (end - start > limit).then_some(start);
            if long.is_some() { Flow::Break(()) } else { Flow::Continue(()) }
        });
        long
    }

    fn too_wide(&self, window: &[u8], from: usize) -> Option<usize> {
        let mut wide = None;
        self.survey(window, from, |start, _, fields| {
            wide = (fields > self.max_fields).then_some(start);
            if wide.is_some() { Flow::Break(()) } else { Flow::Continue(()) }
        });
        wide
    }

    fn widest(&self) -> usize {
        self.max_fields
    }

    fn longest(&self) -> usize {
        LONGEST
    }

    fn preamble(&self, head: &[u8]) -> Preamble {
        Preamble::of(b"\xef\xbb\xbf", head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipe_core::testing::Rng;

    /// The oracle: asked anew.
    fn anew(csv: &Csv, block: &[u8]) -> Result<usize, NotARecord> {
        csv.whole(block, 0, Rest::More)
    }

    #[test]
    fn what_was_seen_before_changes_no_answer() {
        let (csv, mut rng) = (Csv::new(), Rng::new(61));
        for _ in 0..2_000 {
            let text: Vec<u8> = (0..rng.below(200)).map(|_| b"ab,\"\"\n"[rng.below(6) as usize]).collect();
            let mut seen = 0;
            for end in 0..=text.len() {
                // As a reader does: small and large steps.
                if rng.below(3) > 0 && end < text.len() {
                    continue;
                }
                let block = &text[..end];
                match (csv.whole(block, seen, Rest::More), anew(&csv, block)) {
                    (Ok(0), Ok(0)) => seen = end,
                    (Ok(whole), Ok(expected)) if whole == expected => break,
                    (Err(no), Err(expected)) if no.at == expected.at => break,
                    // Told when a row might end.
                    (Ok(0), Err(_)) if !block[seen..].contains(&b'\n') => seen = end,
                    (found, expected) => panic!("{found:?} for {expected:?}, {seen} of {block:?}"),
                }
            }
        }
    }

    #[test]
    fn a_field_of_many_lines_that_comes_a_byte_at_a_time_is_looked_at_twice_at_most() {
        let field = [&b"\""[..], &b"a line in a field\n".repeat(1_000), b"\"\n"].concat();
        let (csv, mut looked) = (Csv::new(), 0);
        for seen in 0..field.len() - 1 {
            let block = &field[..seen + 1];
            assert_eq!(csv.whole(block, seen, Rest::More).unwrap(), 0);
            if block.ends_with(b"\n") {
                looked += block.len() - looked_at(block, seen).0;
            }
        }
        assert_eq!(csv.whole(&field, field.len() - 1, Rest::More).unwrap(), field.len());
        assert!((field.len() - 20..2 * field.len()).contains(&looked), "{looked} of {}", field.len());
    }
}
