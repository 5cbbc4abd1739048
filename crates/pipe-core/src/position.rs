//! Where an item was in its source.

use std::fmt;

/// Where an item came from: its place in a source (the index of an item, the byte offset of a line) and, behind a fan-in, which of the
/// sources. It survives edges, fan-out and fan-in.
///
/// Batches carry it as a plain number ([`Position::raw`]): the place in the lower 56 bits, the input in the upper 8.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u64);

impl Position {
    /// How many inputs a fan-in can tell apart. Further ones share the last number.
    pub const INPUTS: usize = 256;

    const SHIFT: u32 = 56;

    /// What batches carry for items that a stage emitted when it finished: they come from no place of the source.
    pub(crate) const NOWHERE: u64 = u64::MAX;

    /// From the number that batches carry.
    pub const fn from_raw(raw: u64) -> Self {
        Position(raw)
    }

    /// As `from_raw`, for a number that may be [`Position::NOWHERE`].
    pub(crate) fn known(raw: u64) -> Option<Self> {
        (raw != Self::NOWHERE).then_some(Position(raw))
    }

    /// The number that batches carry.
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// The same place, of input number `input`.
    #[inline]
    pub const fn of_input(self, input: usize) -> Self {
        let input = if input < Self::INPUTS { input } else { Self::INPUTS - 1 };
        Position(self.place() | (input as u64) << Self::SHIFT)
    }

    /// Index or byte offset in its source.
    pub const fn place(self) -> u64 {
        self.0 & ((1 << Self::SHIFT) - 1)
    }

    /// Which input of a fan-in; 0 where there is none.
    pub const fn input(self) -> usize {
        (self.0 >> Self::SHIFT) as usize
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.input() {
            0 => write!(f, "{}", self.place()),
            input => write!(f, "{} of input {input}", self.place()),
        }
    }
}

impl fmt::Debug for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
