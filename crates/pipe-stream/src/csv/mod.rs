//! Tables of separated values.

mod ends;
mod framing;
mod header;
mod ragged;
mod row;
mod table;
mod tables;

pub use framing::{Csv, Quotes};
pub use header::{Column, NoColumn, OtherHeader};
pub use ragged::RaggedRow;
pub use row::{BadField, Field, Row};
pub use table::{Table, csv};
pub use tables::Tables;
