//! A table with a header: rows behind it, columns by name.

use crate::chunk::Chunk;
use crate::csv::framing::Csv;
use crate::csv::header::{Column, Header, NoColumn};
use crate::csv::ragged::{RaggedRow, even};
use crate::csv::row::Row;
use crate::error::StreamError;
use crate::opened::Opened;
use crate::records::{Lines, Records};
use pipe_core::{Batch, BoxError, Event, Identity, Pipeline, Source, Start, Then, TryMap, Want, from_source};
use std::fmt;
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
    header: Header,
}

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
        let read = Header::read(|| records.next_chunk(Header::WANT))?;
        let (header, first) = read.map_or_else(Default::default, |(header, first)| (header, Some(first)));
        Ok(Table { records, first, header })
    }

    /// The names of the columns, in the order of the header.
    pub fn names(&self) -> &[String] {
        self.header.names()
    }

    /// The column with this name; the first, if several have it.
    ///
    /// # Errors
    /// There is none. The error lists those that there are.
    pub fn column(&self, name: &str) -> Result<Column, NoColumn> {
        self.header.column(name)
    }

    /// The pipeline over the rows behind the header, however many fields they have.
    pub fn pipeline(self) -> Pipeline<Start<Self>, Identity, Row<'static>> {
        from_source(self)
    }

    /// The pipeline over the rows behind the header, of which each must have a field for each column. One that has not is [`RaggedRow`], an
    /// error of the stage `rows`: the policy that follows says what that does, and positions and dead letters are those of the row.
    ///
    /// ```
    /// use pipe_core::{Inline, skip};
    /// use pipe_stream::{Csv, Lines, Table};
    ///
    /// let text: &[u8] = b"city,cents\nOslo,250\nRome\nLima,1,2\n";
    /// let table = || Table::new(Lines::from_reader(text).framed(Csv::new()));
    /// let report = table()?.rows().on_error(skip()).map(|row| row.bytes().to_vec()).collect().run_on(&Inline)?;
    /// assert_eq!((report.skipped(), report.value), (2, vec![b"Oslo,250".to_vec()]));
    ///
    /// let failed = table()?.rows().map(|row| row.len()).collect().run_on(&Inline).unwrap_err();
    /// assert_eq!(failed.to_string(), "stage rows failed at 20: fields in the row: 1, in the header: 2");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn rows(
        self,
    ) -> Pipeline<
        Start<Self>,
        Then<Identity, TryMap<impl for<'a> Fn(Row<'a>) -> Result<Row<'a>, RaggedRow> + Send + Sync>>,
        Row<'static>,
    > {
        let columns = self.names().len();
        self.pipeline().parse(even(columns)).named("rows")
    }
}

impl<R: Read> fmt::Debug for Table<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("of", &self.records)
            .field("columns", &self.header.names())
            .finish_non_exhaustive()
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
