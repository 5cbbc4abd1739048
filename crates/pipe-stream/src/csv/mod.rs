//! Tables of separated values.

mod ends;
mod framing;
mod header;
mod ragged;
mod row;
mod table;
mod tables;

#[cfg(target_arch = "x86_64")]
pub(crate) use ends::{Ends, Stride};
pub use framing::{Csv, Quotes};
pub use header::{Column, NoColumn, OtherHeader};
pub use ragged::RaggedRow;
pub use row::{BadField, Field, Row};
pub use table::{Table, csv};
pub use tables::Tables;
