//! Which instructions to compute with.

#[cfg(not(target_arch = "x86_64"))]
mod other;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(not(target_arch = "x86_64"))]
use other as machine;
use pulp::Arch;
use std::fmt;
#[cfg(target_arch = "x86_64")]
use x86_64 as machine;

/// A set of instructions, from the narrowest to the widest.
///
/// All give the same results, bit for bit; they differ in how many numbers an instruction takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Level {
    /// What every processor of this kind has: SSE2 on x86-64, as the compiler uses it.
    Scalar,
    /// NEON, on ARM: 16 bytes.
    Neon,
    /// x86-64-v3, with AVX2 and FMA: 32 bytes.
    V3,
    /// x86-64-v4, with AVX-512: 64 bytes.
    V4,
}

impl Level {
    /// All of them.
    pub const ALL: [Level; 4] = [Level::Scalar, Level::Neon, Level::V3, Level::V4];

    /// The widest that this processor has.
    pub fn best() -> Self {
        Level::ALL.into_iter().rev().find(|level| level.is_available()).unwrap_or(Level::Scalar)
    }

    /// Whether this processor has it.
    pub fn is_available(self) -> bool {
        self.arch().is_some()
    }

    /// The proof that this processor has it; asking again costs a few loads.
    pub(crate) fn arch(self) -> Option<Arch> {
        machine::arch(self)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Scalar => "no SIMD beyond what every processor has",
            Level::Neon => "NEON",
            Level::V3 => "AVX2 (x86-64-v3)",
            Level::V4 => "AVX-512 (x86-64-v4)",
        })
    }
}
