//! Why bytes are not a number, and where.

use std::error::Error;
use std::fmt;

/// These bytes are not such a number.
///
/// ```
/// use pipe_stream::{decimal, number};
///
/// assert_eq!(number::<u16>(b"").unwrap_err().to_string(), "ends where a digit is needed, at byte 0");
/// assert_eq!(number::<u16>(b"1x").unwrap_err().to_string(), "'x' at byte 1 is not part of a number");
/// assert_eq!(number::<u16>(b"65536").unwrap_err().to_string(), "out of range at the digit at byte 4");
/// assert_eq!(decimal::<1>(b"0.25").unwrap_err().to_string(), "too many decimals at byte 3");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadNumber {
    kind: BadNumberKind,
    at: usize,
}

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadNumberKind {
    /// This byte does not belong there.
    Byte(u8),
    /// The bytes end, and a digit is still needed.
    NoDigit,
    /// The type does not hold numbers that large, or that small.
    OutOfRange,
    /// There are more decimals than the scale has.
    Decimals,
}

impl BadNumber {
    pub(super) fn new(kind: BadNumberKind, at: usize) -> Self {
        BadNumber { kind, at }
    }

    /// A digit was needed at this place.
    pub(super) fn at_place(bytes: &[u8], at: usize) -> Self {
        BadNumber {
            kind: bytes.get(at).map_or(BadNumberKind::NoDigit, |byte| BadNumberKind::Byte(*byte)),
            at,
        }
    }

    /// What is wrong with it.
    pub fn kind(&self) -> BadNumberKind {
        self.kind
    }

    /// The first byte that is wrong, counted from the start of what was to be read; its length, if the wrong is that it ends.
    pub fn at(&self) -> usize {
        self.at
    }
}

impl fmt::Display for BadNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at;
        match self.kind {
            BadNumberKind::Byte(byte) => {
                write!(f, "'{}' at byte {at} is not part of a number", byte.escape_ascii())
            }
            BadNumberKind::NoDigit => write!(f, "ends where a digit is needed, at byte {at}"),
            BadNumberKind::OutOfRange => write!(f, "out of range at the digit at byte {at}"),
            BadNumberKind::Decimals => write!(f, "too many decimals at byte {at}"),
        }
    }
}

impl Error for BadNumber {}
