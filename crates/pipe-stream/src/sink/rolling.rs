//! Many files of a bounded size.

use crate::encode::Block;
use crate::error::{StreamError, StreamErrorKind};
use crate::sink::folder::{Folder, Written};
use crate::sink::fsync::Fsync;
use crate::sink::output::Output;
use pipe_core::{BoxError, Sink};
use std::fmt;
use std::path::Path;

/// Writes each item and a line feed, or the records of each [`Block`](crate::Block), into numbered files of a folder: `000001.csv`,
/// `000002.csv` and so on. A file that is full is followed by the next; no record is cut.
///
/// Which record is in which file depends on the records alone, not on the executor: a file takes a record unless it has one already and
/// would have more than `max_bytes` with it, or has [`max_records`](Self::max_records). So a file is longer than `max_bytes` only for a
/// single record that is. Without any record there is one file, with the header.
///
/// The folder gets its name when all files are whole: they are written into `.NAME.part-PID-N` beside it. One rename then shows all of them,
/// so whoever opens the folder meets all or none. A run that fails or is cancelled removes what it wrote; a process that is killed leaves
/// it. `Done` is what was [`Written`].
///
/// ```
/// use pipe_core::{Inline, from_iter};
/// use pipe_stream::{AsCsv, Encode, RollingSink};
///
/// # let parent = tempfile::tempdir()?;
/// # let folder = parent.path().join("sales");
/// let sink = RollingSink::create(&folder, 1 << 30)?.extension("csv")?.max_records(2).header(&AsCsv.header(&["item", "cents"]));
/// let sales = from_iter([("nail", 250), ("lamp", 1999), ("glue", 480)]);
/// let written = sales.encode(AsCsv).to(sink).run_on(&Inline)?.value;
/// assert_eq!((written.files, written.bytes), (2, 50));
/// assert_eq!(std::fs::read_to_string(folder.join("000001.csv"))?, "item,cents\nnail,250\nlamp,1999\n");
/// assert_eq!(std::fs::read_to_string(folder.join("000002.csv"))?, "item,cents\nglue,480\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RollingSink {
    folder: Folder,
    extension: String,
    header: Vec<u8>,
    max_bytes: u64,
    max_records: u64,
    fsync: Fsync,
    current: Option<Current>,
    /// The files that are closed.
    written: Written,
}

/// The file that is being written.
struct Current {
    output: Output,
    /// What it has, held or written.
    bytes: u64,
    records: u64,
}

/// Names have six digits, so that they sort as the files were written.
const MAX_FILES: u64 = 999_999;

impl RollingSink {
    /// Files of up to `max_bytes` in `folder`, which does not exist or is empty; the folder that it is in does exist.
    ///
    /// # Errors
    /// What keeps the folder from being made, `DirectoryNotEmpty` among it: so a long run does not find out at its end. Zero bytes.
    pub fn create(folder: impl AsRef<Path>, max_bytes: u64) -> Result<Self, StreamError> {
        let folder = Folder::create(folder.as_ref())?;
        folder.needs_one("max_bytes", max_bytes, "a file needs room for one byte")?;
        Ok(RollingSink {
            folder,
            extension: String::new(),
            header: Vec::new(),
            max_bytes,
            max_records: u64::MAX,
            fsync: Fsync::Never,
            current: None,
            written: Written::default(),
        })
    }

    /// The most records in a file; any number unless set. Zero is an error of the run, before anything is written.
    pub fn max_records(mut self, records: u64) -> Self {
        self.max_records = records;
        self
    }

    /// What files are called behind their number and a dot; nothing unless set.
    ///
    /// # Errors
    /// It cannot stand in a name: [`StreamErrorKind::NotAName`].
    pub fn extension(mut self, extension: &str) -> Result<Self, StreamError> {
        let name = format!("000001.{extension}");
        if name.contains('/') {
            return Err(self.folder.not_a_name(extension.as_bytes(), "it has a slash"));
        }
        self.folder.check_name(name.as_bytes())?;
        self.extension = format!(".{extension}");
        Ok(self)
    }

    /// Puts `bytes` in front of each file, as they are: a row of column names, with its line feed. They count as bytes of the file.
    pub fn header(mut self, bytes: &[u8]) -> Self {
        self.header.extend_from_slice(bytes);
        self
    }

    /// When files wait for their medium; [`Fsync::Never`] unless set.
    pub fn fsync(mut self, fsync: Fsync) -> Self {
        self.fsync = fsync;
        self
    }

    /// The file that is being written; the first, if there is none.
    fn current(&mut self) -> Result<&mut Current, StreamError> {
        let current = match self.current.take() {
            Some(current) => current,
            None => self.begin()?,
        };
        Ok(self.current.insert(current))
    }

    #[cold]
    fn begin(&self) -> Result<Current, StreamError> {
        self.folder.needs_one("max_records", self.max_records, "a file needs room for one record")?;
        let number = self.written.files + 1;
        if number > MAX_FILES {
            let kind = StreamErrorKind::TooManyFiles { limit: MAX_FILES };
            return Err(StreamError::of_folder(kind, self.folder.subject()));
        }
        let name = format!("{number:06}{}", self.extension);
        let file = self.folder.create_file(&name)?;
        let mut output = Output::new(file, self.folder.subject_of(&name), self.fsync);
        output.header(&self.header);
        Ok(Current { output, bytes: self.header.len() as u64, records: 0 })
    }

    /// The next record goes into another file.
    #[cold]
    fn roll(&mut self) -> Result<(), StreamError> {
        let Some(current) = self.current.take() else { return Ok(()) };
        self.written.bytes += current.output.close()?;
        self.written.files += 1;
        Ok(())
    }

    fn line(&mut self, line: &[u8]) -> Result<(), StreamError> {
        let (max_bytes, max_records) = (self.max_bytes, self.max_records);
        let length = line.len() as u64 + 1;
        let current = self.current()?;
        if current.records > 0 && (current.bytes + length > max_bytes || current.records == max_records) {
            self.roll()?;
        }
        let current = self.current()?;
        current.output.line(line)?;
        current.bytes += length;
        current.records += 1;
        Ok(())
    }

    fn block(&mut self, block: Block) -> Result<(), StreamError> {
        let (max_bytes, max_records) = (self.max_bytes, self.max_records);
        let mut next = 0;
        while next < block.records() {
            let current = self.current()?;
            let start = block.start(next);
            let room = max_bytes.saturating_sub(current.bytes);
            let fit = block.ended_by(next, start.saturating_add(usize::try_from(room).unwrap_or(usize::MAX)));
            let fit = fit.min(usize::try_from(max_records - current.records).unwrap_or(usize::MAX));
            // A file that has none takes one, however long it is.
            let fit = fit.max(usize::from(current.records == 0));
            if fit == 0 {
                self.roll()?;
                continue;
            }
            let end = block.start(next + fit);
            current.bytes += (end - start) as u64;
            current.records += fit as u64;
            if fit == block.records() {
                return current.output.block(block);
            }
            current.output.bytes(&block.bytes()[start..end])?;
            next += fit;
        }
        Ok(())
    }

    fn close(mut self) -> Result<Written, StreamError> {
        self.current()?;
        self.roll()?;
        self.folder.commit(self.fsync)?;
        Ok(self.written)
    }
}

impl fmt::Debug for RollingSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RollingSink")
            .field("to", self.folder.subject())
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}

impl<T: AsRef<[u8]>> Sink<T> for RollingSink {
    type Done = Written;

    fn write(&mut self, item: T) -> Result<(), BoxError> {
        Ok(self.line(item.as_ref())?)
    }

    fn commit(self) -> Result<Written, BoxError> {
        Ok(self.close()?)
    }
}

impl Sink<Block> for RollingSink {
    type Done = Written;

    fn write(&mut self, block: Block) -> Result<(), BoxError> {
        Ok(self.block(block)?)
    }

    fn commit(self) -> Result<Written, BoxError> {
        Ok(self.close()?)
    }
}
