//! The names of a table's columns.

use crate::chunk::Chunk;
use crate::csv::framing::Csv;
use crate::error::StreamError;
use pipe_core::{Batch, Flow, Want};
use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

/// The first row of an input.
#[derive(Default)]
pub(super) struct Header {
    fields: Vec<Vec<u8>>,
    names: Vec<String>,
}

impl Header {
    /// What is read to find it, unless it is longer.
    pub(super) const WANT: Want = Want { items: 1, bytes: 64 << 10 };

    /// Takes the header off the chunks that `next` gives, and returns what came with it. `None`: there is no row.
    pub(super) fn read(
        mut next: impl FnMut() -> Result<Option<Chunk<Csv>>, StreamError>,
    ) -> Result<Option<(Self, Chunk<Csv>)>, StreamError> {
        while let Some(mut chunk) = next()? {
            chunk.read()?;
            let mut fields = Vec::new();
            let lent = chunk.drive(1, |_, row| {
                fields = row.fields().map(|field| field.bytes().into_owned()).collect();
                Flow::Continue(())
            });
            if lent == 1 {
                let names = fields.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect();
                return Ok(Some((Header { fields, names }, chunk)));
            }
        }
        Ok(None)
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    pub(super) fn column(&self, name: &str) -> Result<Column, NoColumn> {
        let index = self.names.iter().position(|this| this == name);
        index.map(Column::at).ok_or_else(|| NoColumn::new(name, &self.names))
    }

    /// That it has the same columns, in the same order, as the one of the file `first`.
    pub(super) fn check(&self, path: &Path, expected: &Header, first: &Path) -> Result<(), OtherHeader> {
        if self.fields == expected.fields {
            return Ok(());
        }
        let (path, first) = (path.to_owned(), first.to_owned());
        Err(OtherHeader { path, names: self.names.clone(), first, expected: expected.names.clone() })
    }
}

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

/// A file of several has other columns than the first. None of its rows was handed on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherHeader {
    path: PathBuf,
    names: Vec<String>,
    first: PathBuf,
    expected: Vec<String>,
}

impl OtherHeader {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The first file with a header, whose columns all files must have.
    pub fn first(&self) -> &Path {
        &self.first
    }
}

impl fmt::Display for OtherHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OtherHeader { path, names, first, expected } = self;
        write!(f, "the columns of {path:?} are {names:?}, those of {first:?} are {expected:?}")
    }
}

impl Error for OtherHeader {}
