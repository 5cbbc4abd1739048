//! A table with a header: rows behind it, columns by name.

use crate::chunk::Chunk;
use crate::csv::framing::Csv;
use crate::csv::header::{Column, NoColumn};
use crate::csv::row::Row;
use crate::error::StreamError;
use crate::opened::Opened;
use crate::records::{Lines, Records};
use pipe_core::{Batch, BoxError, Event, Flow, Identity, Pipeline, Source, Start, Want, from_source};
use std::io::Read;
use std::path::Path;

/// A table in a file, with commas and a header: [`Table::open`] with [`Csv::new`].
///
/// # Errors
/// As [`Table::open`].
pub fn csv(path: impl AsRef<Path>) -> Result<Table<Opened>, StreamError> {
    Table::open(path, Csv::new())
}

/// Rows behind a header, which was read when the table was opened. Without a header, frame [`Lines`] with [`Csv`].
///
/// ```
/// use pipe_core::Inline;
/// use pipe_stream::{Csv, Lines, Table};
///
/// let sales: &[u8] = b"city,item,cents\nOslo,\"nail, long\",250\nRome,lamp,1999\n";
/// let table = Table::new(Lines::from_reader(sales).framed(Csv::new()))?;
/// let (item, cents) = (table.column("item")?, table.column("cents")?);
/// let items = table.pipeline().try_map(move |row| {
///     let cents: u32 = row.field(cents)?.text()?.parse()?;
///     Ok::<_, pipe_core::BoxError>((row.field(item)?.text()?.into_owned(), cents))
/// });
/// assert_eq!(items.collect().run_on(&Inline)?.value, [("nail, long".to_owned(), 250), ("lamp".to_owned(), 1999)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Table<R> {
    records: Records<R, Csv>,
    /// What came with the header.
    first: Option<Chunk<Csv>>,
    names: Vec<String>,
}

/// What is read to find the header, unless that is longer.
const HEAD: Want = Want { items: 1, bytes: 64 << 10 };

impl Table<Opened> {
    /// Opens the file `path` and reads its header.
    ///
    /// # Errors
    /// As [`Lines::open`]; and what keeps the header from being read.
    pub fn open(path: impl AsRef<Path>, csv: Csv) -> Result<Self, StreamError> {
        Table::new(Lines::open(path)?.framed(csv))
    }
}

impl<R: Read + Send> Table<R> {
    /// Reads the header. An input without rows has no columns.
    ///
    /// # Errors
    /// What keeps the header from being read.
    pub fn new(mut records: Records<R, Csv>) -> Result<Self, StreamError> {
        let mut names = Vec::new();
        let first = loop {
            let Some(mut chunk) = records.next_chunk(HEAD)? else { break None };
            chunk.read()?;
            let header = chunk.drive(1, |_, row| {
                names =
                    row.fields().map(|field| String::from_utf8_lossy(&field.bytes()).into_owned()).collect();
                Flow::Continue(())
            });
            if header == 1 {
                break Some(chunk);
            }
        };
        Ok(Table { records, first, names })
    }

    /// The names of the columns, in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The column with this name; the first, if several have it.
    ///
    /// # Errors
    /// There is none. The error lists those that there are.
    pub fn column(&self, name: &str) -> Result<Column, NoColumn> {
        let index = self.names.iter().position(|this| this == name);
        index.map(Column::at).ok_or_else(|| NoColumn::new(name, &self.names))
    }

    /// The pipeline over the rows behind the header.
    pub fn pipeline(self) -> Pipeline<Start<Self>, Identity, Row<'static>> {
        from_source(self)
    }
}

impl<R: Read + Send> Source for Table<R> {
    type Item = Row<'static>;
    type Batch = Chunk<Csv>;

    fn pull(&mut self, want: Want) -> Result<Option<Chunk<Csv>>, BoxError> {
        match self.first.take().filter(|chunk| !chunk.is_empty()) {
            Some(chunk) => Ok(Some(chunk)),
            None => self.records.pull(want),
        }
    }

    fn take_events(&mut self) -> Vec<Event> {
        self.records.take_events()
    }
}
