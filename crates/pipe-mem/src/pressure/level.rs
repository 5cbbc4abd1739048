//! How short memory is.

use std::fmt;

/// How short memory is, in four steps. Each names what is given up at it, beside what is given up at the steps before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum PressureLevel {
    /// There is enough.
    #[default]
    Normal,
    /// The system has begun to look for memory: batches, idle objects and kept values are halved.
    Moderate,
    /// Work waits for memory: they are quartered.
    High,
    /// The next allocation may be the one for which a process is ended: nothing idle is kept, nothing is read ahead.
    Critical,
}

impl PressureLevel {
    /// All of them, the lowest first.
    pub const ALL: [PressureLevel; 4] =
        [PressureLevel::Normal, PressureLevel::Moderate, PressureLevel::High, PressureLevel::Critical];

    /// `n` halved once for each level above `Normal`: the size of what must not vanish, such as a batch.
    pub fn halved(self, n: usize) -> usize {
        n >> self as u32
    }

    /// How many of `n` idle things to keep: as `halved`, and none when it is critical.
    pub fn kept(self, n: usize) -> usize {
        if self == PressureLevel::Critical { 0 } else { self.halved(n) }
    }

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            PressureLevel::Normal => "normal",
            PressureLevel::Moderate => "moderate",
            PressureLevel::High => "high",
            PressureLevel::Critical => "critical",
        }
    }
}

impl fmt::Display for PressureLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
