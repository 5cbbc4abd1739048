//! Rows that have not a field for each column.

use crate::csv::row::Row;
use std::error::Error;
use std::fmt;

/// A row has fewer fields than there are columns, or more. Which row it was, the run's error says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RaggedRow {
    /// The fields of the row.
    pub fields: usize,
    /// Those of the header.
    pub columns: usize,
}

impl fmt::Display for RaggedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fields in the row: {}, in the header: {}", self.fields, self.columns)
    }
}

impl Error for RaggedRow {}

/// Lets rows pass that have this many fields.
pub(super) fn even(columns: usize) -> impl for<'a> Fn(Row<'a>) -> Result<Row<'a>, RaggedRow> + Send + Sync {
    move |row| {
        let fields = row.len();
        if fields == columns { Ok(row) } else { Err(RaggedRow { fields, columns }) }
    }
}
