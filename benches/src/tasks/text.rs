//! What is asked of a large text: its lines, its words, and the lines that hold a literal.

use crate::measure::{BoxError, fnv1a};
use std::fmt;
use std::io::{BufRead, BufReader, Read};

/// In one line of 20,000.
pub(crate) const RARE: &str = "Sherlock";
/// In every second line.
pub(crate) const COMMON: &str = "Watson";

/// What `wc` counts. Words are what is between white space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) lines: u64,
    pub(crate) words: u64,
    pub(crate) bytes: u64,
}

impl Counts {
    #[inline]
    pub(crate) fn merge(&mut self, other: Self) {
        self.lines += other.lines;
        self.words += other.words;
        self.bytes += other.bytes;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lines {} words {} bytes", self.lines, self.words, self.bytes)
    }
}

/// The answer to how many lines there are.
pub(crate) fn lines(count: u64) -> String {
    format!("{count} lines")
}

/// Lines that were found, in their order: a checksum in which the place of each line counts, and which can be merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    lines: u64,
    bytes: u64,
    hash: u64,
    /// What a hash is multiplied with when as many lines follow it.
    shift: u64,
}

/// Any odd number with its bits mixed: this one is that of SplitMix64.
const SHIFT: u64 = 0x9E37_79B9_7F4A_7C15;

impl Default for Found {
    fn default() -> Self {
        Self { lines: 0, bytes: 0, hash: 0, shift: 1 }
    }
}

impl Found {
    /// Takes one line, without its line feed.
    pub(crate) fn add(&mut self, line: &[u8]) {
        self.merge(Self { lines: 1, bytes: line.len() as u64 + 1, hash: fnv1a(line), shift: SHIFT });
    }

    /// Takes what was found behind this.
    pub(crate) fn merge(&mut self, next: Self) {
        self.lines += next.lines;
        self.bytes += next.bytes;
        self.hash = self.hash.wrapping_mul(next.shift).wrapping_add(next.hash);
        self.shift = self.shift.wrapping_mul(next.shift);
    }

    /// All lines of what somebody else found.
    pub(crate) fn read(text: impl Read) -> Result<Self, BoxError> {
        let (mut text, mut found, mut line) =
            (BufReader::with_capacity(1 << 18, text), Self::default(), Vec::new());
        while text.read_until(b'\n', &mut line)? > 0 {
            let end = line.len() - usize::from(line.ends_with(b"\n"));
            found.add(&line[..end]);
            line.clear();
        }
        Ok(found)
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} lines {} bytes {:016x}", self.lines, self.bytes, self.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_can_be_merged_and_its_order_counts() {
        let of = |lines: &[&str]| {
            let mut found = Found::default();
            lines.iter().for_each(|line| found.add(line.as_bytes()));
            found
        };
        let mut merged = of(&["a", "b"]);
        merged.merge(Found::default());
        merged.merge(of(&["c", "d", "e"]));
        assert_eq!(merged, of(&["a", "b", "c", "d", "e"]));
        assert_ne!(merged.to_string(), of(&["a", "b", "d", "c", "e"]).to_string());
        let read = Found::read(&b"a\nb\nc\nd\ne"[..]).unwrap();
        assert_eq!(read, merged);
    }
}
