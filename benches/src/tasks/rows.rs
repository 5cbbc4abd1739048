//! `fused-rows`: eight steps over rows that borrow from an in-memory log of `path status bytes` lines.

use crate::rng::Rng;
use pipe_core::rows;
use std::fmt;

/// One line, borrowed.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    pub(crate) path: &'a [u8],
    pub(crate) status: u16,
    pub(crate) bytes: u64,
}
rows!(Row);

/// A line that is no row.
#[derive(Debug)]
pub(crate) struct BadRow;

impl fmt::Display for BadRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not `path status bytes`")
    }
}

impl std::error::Error for BadRow {}

/// The first step.
#[inline]
pub(crate) fn row(line: &[u8]) -> Result<Row<'_>, BadRow> {
    let space = memchr::memchr(b' ', line).ok_or(BadRow)?;
    let (path, rest) = (&line[..space], &line[space + 1..]);
    let space = memchr::memchr(b' ', rest).ok_or(BadRow)?;
    let status = u16::try_from(number(&rest[..space])?).map_err(|_| BadRow)?;
    Ok(Row { path, status, bytes: number(&rest[space + 1..])? })
}

/// Decimal digits, at least one.
#[inline]
fn number(digits: &[u8]) -> Result<u64, BadRow> {
    if digits.is_empty() {
        return Err(BadRow);
    }
    digits.iter().try_fold(0u64, |value, digit| {
        let digit = digit.wrapping_sub(b'0');
        if digit < 10 { Ok(value.wrapping_mul(10).wrapping_add(u64::from(digit))) } else { Err(BadRow) }
    })
}

/// Step 2: what did not succeed.
#[inline(always)]
pub(crate) fn failed(row: &Row<'_>) -> bool {
    row.status >= 300
}

/// Step 3. `K` makes the instantiations differ.
#[inline(always)]
pub(crate) fn figures<const K: u64>(row: Row<'_>) -> (u64, u64) {
    (row.path.len() as u64 ^ K, row.bytes.wrapping_mul(u64::from(row.status)))
}

/// Step 4.
#[inline(always)]
pub(crate) fn weigh((length, bytes): (u64, u64)) -> u64 {
    bytes.wrapping_add(length << 20)
}

/// Step 5: three in four pass, by no pattern.
#[inline(always)]
pub(crate) fn sampled(x: &u64) -> bool {
    (x >> 3) & 3 != 0
}

/// Step 6.
#[inline(always)]
pub(crate) fn lean(x: u64) -> u64 {
    x ^ (x >> 11)
}

/// Step 7; step 8 is the sum.
#[inline(always)]
pub(crate) fn turn(x: u64) -> u64 {
    x.rotate_left(5)
}

/// `count` lines; one in 1000 is no row, and is skipped by all.
pub(crate) fn log(count: u64) -> Vec<u8> {
    use std::io::Write;
    let mut rng = Rng::new(0x0070_6970_6572_6F77);
    let mut log = Vec::with_capacity(count as usize * 32);
    for _ in 0..count {
        let (page, status, bytes) = (rng.below(5000), status(rng.below(100)), rng.below(1_000_000));
        let written = match rng.below(1000) {
            0 => writeln!(log, "-- /{page}"),
            _ => writeln!(log, "/shop/item/{page} {status} {bytes}"),
        };
        // A `Vec` takes what is written to it.
        debug_assert!(written.is_ok());
    }
    log
}

fn status(percent: u64) -> u16 {
    match percent {
        0..50 => 200,
        50..70 => 304,
        70..85 => 301,
        85..95 => 404,
        _ => 500,
    }
}

/// The lines of a buffer, found as fast as a loop can find them.
pub(crate) fn lines(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let line = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_becomes_a_row_or_an_error() {
        let found = row(b"/a/b 404 77").unwrap();
        assert_eq!((found.path, found.status, found.bytes), (&b"/a/b"[..], 404, 77));
        let bad: [&[u8]; 6] = [b"", b"/a", b"/a 1", b"/a x 1", b"/a 1 ", b"/a 70000 1"];
        for line in bad {
            assert!(row(line).is_err(), "{line:?}");
        }
    }

    #[test]
    fn lines_are_those_of_split() {
        for text in [&b""[..], b"\n", b"a", b"a\n", b"a\n\nb", b"\n\n"] {
            let mut split: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
            split.pop_if(|last| last.is_empty());
            assert_eq!(lines(text).collect::<Vec<_>>(), split, "{text:?}");
        }
    }

    #[test]
    fn the_log_is_deterministic_and_nearly_all_of_it_parses() {
        let text = log(20_000);
        assert_eq!(text, log(20_000));
        let good = lines(&text).filter(|line| row(line).is_ok()).count();
        assert_eq!(lines(&text).count(), 20_000);
        assert!((19_950..20_000).contains(&good), "{good}");
    }
}
