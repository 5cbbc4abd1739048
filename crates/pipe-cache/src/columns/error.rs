//! What can be wrong about a column.

use super::values::NumberType;
use std::error::Error;
use std::fmt;

/// Why a column cannot be had, or not be added.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ColumnError {
    /// There is no column of this name.
    Missing {
        /// The name.
        column: String,
        /// The names that there are.
        there: Vec<String>,
    },
    /// Its numbers are of another type.
    OtherType {
        /// The column.
        column: String,
        /// What was asked for.
        wanted: NumberType,
        /// What it has.
        found: NumberType,
    },
    /// It is shorter or longer than the others.
    OtherLength {
        /// The column.
        column: String,
        /// Its rows.
        rows: usize,
        /// Those of the others.
        wanted: usize,
    },
    /// There is one of this name already.
    Twice {
        /// The name.
        column: String,
    },
    /// A selection names a row that is not there, or is not in ascending order.
    Selection {
        /// The row.
        row: u32,
        /// How many rows there are.
        rows: usize,
    },
    /// A column of another system has a type that is not among those of [`Plain`](crate::Plain).
    Unsupported {
        /// The column.
        column: String,
        /// Its type, as the other system names it.
        found: String,
    },
}

impl fmt::Display for ColumnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ColumnError::Missing { column, there } => {
                write!(f, "there is no column `{column}`, but {}", there.join(", "))
            }
            ColumnError::OtherType { column, wanted, found } => {
                write!(f, "column `{column}` is of {found}, not of {wanted}")
            }
            ColumnError::OtherLength { column, rows, wanted } => {
                write!(f, "column `{column}` has {rows} rows, the others have {wanted}")
            }
            ColumnError::Twice { column } => write!(f, "there is a column `{column}` already"),
            ColumnError::Selection { row, rows } => {
                write!(f, "row {row} cannot be selected: rows ascend, and there are {rows}")
            }
            ColumnError::Unsupported { column, found } => {
                write!(f, "column `{column}` is of {found}, which has no column of plain numbers")
            }
        }
    }
}

impl Error for ColumnError {}
