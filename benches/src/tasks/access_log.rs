//! `access-log`: requests per path and status, from an Apache log in the combined format.

use crate::measure::fnv1a;
use pipe_core::rows;
use std::fmt;

/// What is counted of one line, borrowed.
#[derive(Clone, Copy)]
pub(crate) struct Hit<'a> {
    pub(crate) path: &'a [u8],
    pub(crate) status: u16,
}
rows!(Hit);

/// A line that is not in the combined format.
#[derive(Debug)]
pub(crate) struct BadHit;

impl fmt::Display for BadHit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not in the combined log format")
    }
}

impl std::error::Error for BadHit {}

/// `... "GET /path HTTP/1.1" 200 ...`: the path is the second word between the first two quotes, the status the first
/// word behind them.
#[inline]
pub(crate) fn hit(line: &[u8]) -> Result<Hit<'_>, BadHit> {
    let request = after(line, b'"').ok_or(BadHit)?;
    let path = after(request, b' ').ok_or(BadHit)?;
    let rest = after(path, b' ').ok_or(BadHit)?;
    let path = &path[..path.len() - rest.len() - 1];
    match after(rest, b'"').ok_or(BadHit)? {
        [b' ', a @ b'1'..=b'5', b @ b'0'..=b'9', c @ b'0'..=b'9', b' ', ..] => {
            let digit = |byte: &u8| u16::from(byte - b'0');
            Ok(Hit { path, status: digit(a) * 100 + digit(b) * 10 + digit(c) })
        }
        _ => Err(BadHit),
    }
}

/// What follows the first `byte`.
#[inline]
fn after(text: &[u8], byte: u8) -> Option<&[u8]> {
    memchr::memchr(byte, text).map(|at| &text[at + 1..])
}

/// All counts, sorted, as a checksum, with the number of paths and of requests.
pub(crate) fn answer<P: AsRef<[u8]> + Ord>(counts: impl IntoIterator<Item = (P, u16, u64)>) -> String {
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable();
    let hits: u64 = counts.iter().map(|(_, _, count)| count).sum();
    let line = |(path, status, count): &(P, u16, u64)| {
        format!("{} {status} {count}\n", String::from_utf8_lossy(path.as_ref()))
    };
    let text: String = counts.iter().map(line).collect();
    format!("{} of {hits} hits {:016x}", counts.len(), fnv1a(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_combined_line_becomes_a_hit() {
        let line =
            br#"10.0.0.1 - - [10/Oct/2025:13:55:36 +0000] "GET /a/b?c=1 HTTP/1.1" 404 2326 "-" "curl/8.0""#;
        let found = hit(line).unwrap();
        assert_eq!((found.path, found.status), (&b"/a/b?c=1"[..], 404));
    }

    #[test]
    fn other_lines_are_errors() {
        let bad: [&[u8]; 5] =
            [b"", b"oops", br#""GET"#, br#"- "GET / HTTP/1.1" 20 1"#, br#"- "GET / HTTP/1.1" abc 1"#];
        for line in bad {
            assert!(hit(line).is_err(), "{line:?}");
        }
    }
}
