//! The holders of a budget's memory.

use std::fmt;

/// One of those that hold bytes of a [`Budget`](crate::Budget).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Consumer {
    /// Its name, with those of the budgets between: `import/Parallel/fold#2`. What a budget holds by itself, and not through a child,
    /// has the name of the budget: of a run, the batches in flight.
    pub name: String,
    /// How much it holds.
    pub bytes: usize,
    /// Whether it could put that on disk.
    pub spillable: bool,
}

impl fmt::Display for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spillable = if self.spillable { ", spillable" } else { "" };
        write!(f, "{} ({} bytes{spillable})", self.name, self.bytes)
    }
}
