//! The names of a table's columns.

use std::error::Error;
use std::fmt;

/// A column: found by its name once, before the run, so that a row only looks at an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Column {
    index: usize,
}

impl Column {
    /// The column at this index, from 0 on.
    pub fn at(index: usize) -> Self {
        Column { index }
    }

    /// Its index.
    #[inline]
    pub fn index(&self) -> usize {
        self.index
    }
}

/// A table has no column of this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoColumn {
    name: String,
    names: Vec<String>,
}

impl NoColumn {
    pub(crate) fn new(name: &str, names: &[String]) -> Self {
        NoColumn { name: name.to_owned(), names: names.to_vec() }
    }
}

impl fmt::Display for NoColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no column {:?}; there are {:?}", self.name, self.names)
    }
}

impl Error for NoColumn {}
