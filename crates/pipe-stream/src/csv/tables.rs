//! Many files of one table.

use crate::chunk::Chunk;
use crate::csv::framing::Csv;
use crate::csv::header::{Column, Header, NoColumn};
use crate::csv::ragged::{RaggedRow, even};
use crate::csv::row::Row;
use crate::error::StreamError;
use crate::many_files::{Files, Locations};
use pipe_core::{Batch, BoxError, Event, Identity, Pipeline, Source, Start, Then, TryMap, Want, from_source};
use std::fmt;
use std::path::PathBuf;

/// The rows of many files, each with the same header: that of each file is taken off, and must have the columns of the first one, in their
/// order. A file without a row has none, and is passed over.
///
/// Positions are as for [`Files`]: [`Locations::locate`] says in which file a row is, and where in it.
///
/// ```
/// use pipe_core::Inline;
/// use pipe_stream::{Csv, Files, OtherHeader, Tables};
///
/// # let folder = tempfile::tempdir()?;
/// # let (may, june, july) = (folder.path().join("may.csv"), folder.path().join("june.csv"), folder.path().join("july.csv"));
/// # std::fs::write(&may, "city,cents\nOslo,250\n")?;
/// # std::fs::write(&june, "city,cents\nRome,1999\n")?;
/// # std::fs::write(&july, "cents,city\n480,Lima\n")?;
/// let sales = Tables::new(Files::of([&may, &june]).framed(Csv::new()))?;
/// let city = sales.column("city")?;
/// let cities = sales.rows().try_map(move |row| Ok::<_, pipe_core::BoxError>(row.field(city)?.text()?.into_owned()));
/// assert_eq!(cities.collect().run_on(&Inline)?.value, ["Oslo", "Rome"]);
///
/// let sales = Tables::new(Files::of([&may, &july]).framed(Csv::new()))?;
/// let failed = sales.rows().map(|row| row.len()).collect().run_on(&Inline).unwrap_err();
/// assert_eq!(failed.stage_error::<OtherHeader>().unwrap().path(), july);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Tables {
    files: Files<Csv>,
    /// What came with the first header.
    first: Option<Chunk<Csv>>,
    header: Header,
    /// Which file has that.
    path: PathBuf,
}

impl Tables {
    /// Opens files up to the first that has a header. If none has one, there are no columns and no rows.
    ///
    /// # Errors
    /// As [`Lines::open`](crate::Records::open), and what keeps the header from being read. In the run, for a file with other columns:
    /// [`OtherHeader`](crate::OtherHeader).
    pub fn new(mut files: Files<Csv>) -> Result<Self, StreamError> {
        while let Some(path) = files.open_next()? {
            if let Some((header, first)) = Header::read(|| files.next_of_current(Header::WANT))? {
                return Ok(Tables { files, first: Some(first), header, path });
            }
        }
        Ok(Tables { files, first: None, header: Header::default(), path: PathBuf::new() })
    }

    /// The names of the columns, in order.
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

    /// In which file a row is, during the run and after it: a clone to keep.
    pub fn locations(&self) -> Locations {
        self.files.locations()
    }

    /// As [`Table::pipeline`](crate::Table::pipeline).
    pub fn pipeline(self) -> Pipeline<Start<Self>, Identity, Row<'static>> {
        from_source(self)
    }

    /// As [`Table::rows`](crate::Table::rows).
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

    /// Opens the next file, and takes its header off. `None`: there is no further file.
    fn begin_next(&mut self) -> Result<Option<()>, BoxError> {
        let Some(path) = self.files.open_next()? else { return Ok(None) };
        if let Some((header, first)) = Header::read(|| self.files.next_of_current(Header::WANT))? {
            header.check(&path, &self.header, &self.path)?;
            self.first = Some(first);
        }
        Ok(Some(()))
    }
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tables")
            .field("of", &self.files)
            .field("columns", &self.header.names())
            .finish_non_exhaustive()
    }
}

impl Source for Tables {
    type Item = Row<'static>;
    type Batch = Chunk<Csv>;

    fn pull(&mut self, want: Want) -> Result<Option<Chunk<Csv>>, BoxError> {
        loop {
            if let Some(first) = self.first.take().filter(|chunk| !chunk.is_empty()) {
                return Ok(Some(first));
            }
            if let Some(chunk) = self.files.next_of_current(want)? {
                return Ok(Some(chunk));
            }
            if self.begin_next()?.is_none() {
                return Ok(None);
            }
        }
    }

    fn take_events(&mut self) -> Vec<Event> {
        self.files.take_events()
    }
}
