//! Where a frame begins and ends.
//!
//! The codecs of tokio-util do this as well, but do not say how long a frame that is too long was to be, reserve as much as is announced, and
//! copy each frame. What is here needs no more than a few lines.

use std::ops::Range;

/// How frames are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Framing {
    /// Each ends with a line feed; a carriage return before it belongs to the end.
    Lines,
    /// Each follows its length, four bytes, the highest first.
    Prefixed,
}

/// What the bytes that have come so far are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A frame and where the next begins.
    Frame(Range<usize>, usize),
    /// Not a whole one. The next look may begin behind this many bytes.
    More(usize),
    /// One that has at least so many bytes, and that is too many.
    TooLarge(u64),
}

const PREFIX: usize = 4;

impl Framing {
    /// The first frame of `bytes`, of which `looked_at` hold no end.
    pub(super) fn find(self, bytes: &[u8], looked_at: usize, max: usize) -> Found {
        match self {
            Framing::Lines => match bytes[looked_at..].iter().position(|byte| *byte == b'\n') {
                Some(at) => {
                    let end = looked_at + at;
                    let line = bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]);
                    if line.len() > max {
                        Found::TooLarge(line.len() as u64)
                    } else {
                        Found::Frame(0..line.len(), end + 1)
                    }
                }
                // A carriage return may be the last of them.
                None if bytes.len() > max + 1 => Found::TooLarge(bytes.len() as u64),
                None => Found::More(bytes.len()),
            },
            Framing::Prefixed => {
                let Some((prefix, rest)) = bytes.split_first_chunk::<PREFIX>() else { return Found::More(0) };
                let length = u32::from_be_bytes(*prefix) as usize;
                match length {
                    _ if length > max => Found::TooLarge(length as u64),
                    _ if length <= rest.len() => Found::Frame(PREFIX..PREFIX + length, PREFIX + length),
                    _ => Found::More(0),
                }
            }
        }
    }

    /// Adds a frame. It is not longer than a prefix can say.
    ///
    /// # Errors
    /// At which byte a line has a line feed.
    pub(super) fn add(self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), usize> {
        match self {
            Framing::Lines => {
                if let Some(at) = frame.iter().position(|byte| *byte == b'\n') {
                    return Err(at);
                }
                out.extend_from_slice(frame);
                out.push(b'\n');
            }
            Framing::Prefixed => {
                out.extend_from_slice(&(frame.len() as u32).to_be_bytes());
                out.extend_from_slice(frame);
            }
        }
        Ok(())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// All frames of `bytes` as they come in pieces of `piece` bytes, found like a connection does.
    fn frames(framing: Framing, bytes: &[u8], piece: usize, max: usize) -> Result<Vec<Vec<u8>>, u64> {
        let (mut frames, mut start, mut looked_at, mut come) = (Vec::new(), 0, 0, 0);
        loop {
            match framing.find(&bytes[start..come], looked_at, max) {
                Found::Frame(frame, next) => {
                    frames.push(bytes[start..][frame].to_vec());
                    (start, looked_at) = (start + next, 0);
                }
                Found::More(_) if come == bytes.len() => return Ok(frames),
                Found::More(at) => {
                    looked_at = at;
                    come = bytes.len().min(come + piece);
                }
                Found::TooLarge(bytes) => return Err(bytes),
            }
        }
    }

    #[test]
    fn frames_are_those_that_were_added_however_they_come() {
        let sent: Vec<Vec<u8>> = (0..60usize).map(|n| vec![b'a' + (n % 7) as u8; n * n % 97]).collect();
        for framing in [Framing::Lines, Framing::Prefixed] {
            let mut bytes = Vec::new();
            sent.iter().for_each(|frame| framing.add(frame, &mut bytes).unwrap());
            for piece in (1..20).chain([97, 1_000, bytes.len()]) {
                assert_eq!(frames(framing, &bytes, piece, 97).as_ref(), Ok(&sent), "{framing:?} {piece}");
            }
        }
    }

    #[test]
    fn what_is_too_long_is_found_before_it_has_come() {
        for piece in [1, 3, 50] {
            assert_eq!(frames(Framing::Prefixed, &[255; 50], piece, 1 << 20), Err(u64::from(u32::MAX)));
            assert_eq!(frames(Framing::Prefixed, &[0, 0, 0, 9, 1, 2], piece, 8), Err(9));
            assert_eq!(frames(Framing::Lines, b"12345678\r\n1\n", piece, 8).unwrap().len(), 2);
            assert!(frames(Framing::Lines, b"123456789\n", piece, 8).is_err());
            assert!(frames(Framing::Lines, b"1234567890", piece, 8).is_err());
        }
        assert_eq!(frames(Framing::Prefixed, &[0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8], 1, 8).unwrap().len(), 1);
    }

    #[test]
    fn a_line_with_a_line_feed_is_refused() {
        let mut out = Vec::new();
        assert_eq!(Framing::Lines.add(b"ab\nc", &mut out), Err(2));
        assert!(out.is_empty());
        assert_eq!(frames(Framing::Lines, b"\r\n\na\r\r\n", 1, 9).unwrap(), [&b""[..], b"", b"a\r"]);
    }
}
