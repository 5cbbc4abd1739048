//! Huge pages: asking the system for them, and what it says.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod other;

use crate::plain::CacheLine;
#[cfg(target_os = "linux")]
use linux as system;
#[cfg(not(target_os = "linux"))]
use other as system;
use std::fmt;
use std::mem::MaybeUninit;

/// What became of the wish for huge pages.
///
/// A page of 2 MiB needs one entry of the processor's address cache where 512 pages of 4 KiB need one each: a random look into 256 MiB takes
/// half the time. A stream gains little.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum HugePages {
    /// Not asked for: less than 2 MiB.
    #[default]
    TooSmall,
    /// The system has been asked, and uses them as it has them free. [`AlignedVec::huge_bytes`](crate::AlignedVec::huge_bytes) tells how
    /// much there is at the moment.
    Advised,
    /// There are none, and why.
    Unavailable(&'static str),
}

impl fmt::Display for HugePages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HugePages::TooSmall => f.write_str("pages of 4 KiB, as it has less than 2 MiB"),
            HugePages::Advised => f.write_str("huge pages, as the system has them"),
            HugePages::Unavailable(why) => write!(f, "pages of 4 KiB: {why}"),
        }
    }
}

/// The size of a huge page, of `x86_64` and of `aarch64` with pages of 4 KiB.
pub(crate) const HUGE_PAGE: usize = 2 << 20;

/// Asks for huge pages for memory that nobody has touched yet: afterwards the small pages are there, and the system moves them at its
/// leisure.
pub(crate) fn advise(memory: &mut [MaybeUninit<CacheLine>]) -> HugePages {
    if size_of_val(memory) < HUGE_PAGE { HugePages::TooSmall } else { system::advise(memory) }
}

/// The bytes of huge pages in this memory, or `None` where the system does not tell.
pub(crate) fn resident(memory: &[CacheLine]) -> Option<usize> {
    system::resident(memory.as_ptr().addr(), size_of_val(memory))
}
