//! Tables of separated values.

mod ends;
mod framing;
mod header;
mod row;
mod table;

pub use framing::{Csv, Quotes};
pub use header::{Column, NoColumn};
pub use row::{BadField, Field, Row};
pub use table::{Table, csv};
