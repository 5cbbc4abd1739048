//! Many files as one source.

#[cfg(feature = "files")]
mod find;
mod locations;

use crate::backend::Backend;
use crate::chunk::Chunk;
use crate::compressed::Compression;
use crate::error::{StreamError, StreamErrorKind, Subject};
use crate::framing::{Blocks, Framing, Newline};
use crate::opened::Opened;
use crate::records::{Lines, Records};
use crate::settings::Settings;
pub use locations::Locations;
use pipe_core::{BoxError, Event, Identity, Pipeline, Source, Start, Want, from_source};
use std::fmt;
use std::path::{Path, PathBuf};

/// The pipeline over the lines of all files that match a pattern: `Files::matching(pattern)?.pipeline()`.
///
/// ```
/// use pipe_core::Inline;
/// use pipe_stream::files;
///
/// # let folder = tempfile::tempdir()?;
/// # std::fs::write(folder.path().join("a.log"), "one\ntwo")?;
/// # std::fs::write(folder.path().join("b.log"), "three\n")?;
/// # std::fs::write(folder.path().join("c.txt"), "four\n")?;
/// # let pattern = format!("{}/*.log", folder.path().display());
/// let lines = files(&pattern)?.map(<[u8]>::to_vec).collect().run_on(&Inline)?; // "logs/**/*.log", say
/// assert_eq!(lines.value, [&b"one"[..], b"two", b"three"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`Files::matching`].
#[cfg(feature = "files")]
pub fn files(pattern: &str) -> Result<Pipeline<Start<Files>, Identity, &'static [u8]>, StreamError> {
    Ok(Files::matching(pattern)?.pipeline())
}

/// The records of many files, one file after the other, cut as a [`Framing`] says; lines unless one is given.
///
/// Each file is opened when it is its turn, and read as [`Lines::open`] reads it: in parts by several workers, or decoded. So one file is
/// open, and those of which parts are in flight. The paths are kept, for [`Locations`]; beside them the memory does not depend on how many
/// files there are.
///
/// A record never goes on in the next file: the last line of one may lack its line feed. What stands before the first record, a byte order
/// mark say, is taken off each.
///
/// The position of a record counts the bytes of the files before its own, too: a file begins where the one before ended.
/// [`Locations::locate`] tells that back. An error of reading names its file itself, and the place in it.
///
/// ```
/// use pipe_core::{Inline, RunError};
/// use pipe_stream::Files;
/// use std::path::Path;
///
/// # let folder = tempfile::tempdir()?;
/// # let (a, b) = (folder.path().join("a"), folder.path().join("b"));
/// # std::fs::write(&a, "1\n2\n")?;
/// # std::fs::write(&b, "3\nfour\n")?;
/// let files = Files::of([&a, &b]);
/// let locations = files.locations();
/// let number = |line: &[u8]| str::from_utf8(line).unwrap_or_default().parse::<u32>();
/// let failed = files.pipeline().try_map(number).collect().run_on(&Inline).unwrap_err();
///
/// let RunError::Stage { at: Some(position), .. } = failed else { panic!("{failed}") };
/// assert_eq!(locations.locate(position.place()), Some((b.as_path(), 2)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Files<F = Newline> {
    locations: Locations,
    framing: F,
    settings: Settings,
    compression: Compression,
    /// What the first file that had to tell something told. Each file would tell the same.
    event: Option<Event>,
    told: bool,
    /// How many were opened.
    opened: usize,
    /// The file whose turn it is, and where it begins.
    current: Option<Records<Opened, F>>,
    base: u64,
}

impl Files {
    /// The lines of these files, in this order. A path may be there twice.
    pub fn of<P: Into<PathBuf>>(paths: impl IntoIterator<Item = P>) -> Self {
        let paths = paths.into_iter().map(Into::into).collect();
        Files {
            locations: Locations::of(paths),
            framing: Newline::default(),
            settings: Settings::default(),
            compression: Compression::Detected,
            event: None,
            told: false,
            opened: 0,
            current: None,
            base: 0,
        }
    }

    /// The lines of all files that match a pattern as shells have them, sorted by path: `*` and `?` in a name, `[a-z]`, `{log,txt}`, `**`
    /// for any folders. A name may begin with a dot. Folders are left out, and links to folders are not followed.
    ///
    /// # Errors
    /// [`Pattern`](StreamErrorKind::Pattern); [`NoFiles`](StreamErrorKind::NoFiles) if none matches; a folder that cannot be read.
    #[cfg(feature = "files")]
    pub fn matching(pattern: &str) -> Result<Self, StreamError> {
        Ok(Files::of(find::matching(pattern)?))
    }

    /// The lines of all regular files below a folder, sorted by path. Links are not followed.
    ///
    /// # Errors
    /// [`NoFiles`](StreamErrorKind::NoFiles) if there is none; a folder that cannot be read.
    #[cfg(feature = "files")]
    pub fn below(folder: impl AsRef<Path>) -> Result<Self, StreamError> {
        Ok(Files::of(find::below(folder.as_ref())?))
    }
}

impl<F: Framing> Files<F> {
    /// The same files, cut into other records.
    pub fn framed<G: Framing>(self, framing: G) -> Files<G> {
        let Files { locations, settings, compression, .. } = self;
        let (event, told, opened, current, base) = (None, false, 0, None, 0);
        Files { locations, framing, settings, compression, event, told, opened, current, base }
    }

    /// All whole records of a batch at once, as bytes: see [`Blocks`].
    pub fn blocks(self) -> Files<Blocks<F>> {
        let framing = Blocks::of(self.framing.clone());
        self.framed(framing)
    }

    /// As [`Records::max_record`].
    pub fn max_record(mut self, bytes: usize) -> Self {
        self.settings.max_record = bytes;
        self
    }

    /// As [`Records::buffer`].
    pub fn buffer(mut self, bytes: usize) -> Self {
        self.settings.buffer = bytes;
        self
    }

    /// As [`Records::compression`].
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// As [`Records::backend`]. If several files cannot be mapped as was asked, the report says so of the first.
    pub fn backend(mut self, backend: Backend) -> Self {
        self.settings.backend = backend;
        self
    }

    /// The files, in order.
    pub fn paths(&self) -> &[PathBuf] {
        self.locations.paths()
    }

    /// In which file a position is, during the run and after it: a clone to keep.
    pub fn locations(&self) -> Locations {
        self.locations.clone()
    }

    /// As [`Locations::locate`].
    pub fn locate(&self, position: u64) -> Option<(&Path, u64)> {
        self.locations.locate(position)
    }

    /// The pipeline that starts with these records.
    pub fn pipeline(self) -> Pipeline<Start<Self>, Identity, F::Record> {
        from_source(self)
    }

    fn next_chunk(&mut self, want: Want) -> Result<Option<Chunk<F>>, StreamError> {
        loop {
            if let Some(chunk) = self.next_of_current(want)? {
                return Ok(Some(chunk));
            }
            if self.open_next()?.is_none() {
                return Ok(None);
            }
        }
    }

    /// The next records of the file that was opened last. `None`: it has ended.
    pub(crate) fn next_of_current(&mut self, want: Want) -> Result<Option<Chunk<F>>, StreamError> {
        let Some(mut current) = self.current.take() else { return Ok(None) };
        let chunk = current.next_chunk(want)?;
        self.event = self.event.take().or_else(|| current.take_events().pop());
        if let Some(chunk) = chunk {
            self.current = Some(current);
            return Ok(Some(chunk.based(self.base)));
        }
        self.base += current.end();
        self.locations.ended(self.base);
        Ok(None)
    }

    /// Opens the next file, where the one before has ended, and returns its path. `None`: there is no further one.
    pub(crate) fn open_next(&mut self) -> Result<Option<PathBuf>, StreamError> {
        if self.paths().is_empty() {
            return Err(StreamError::find(StreamErrorKind::NoFiles, Subject::Named("files"), None));
        }
        let Some(path) = self.paths().get(self.opened).cloned() else { return Ok(None) };
        let records = Lines::open(&path)?.framed(self.framing.clone());
        self.opened += 1;
        self.locations.begins(self.base);
        self.current = Some(records.set(self.settings).compression(self.compression));
        Ok(Some(path))
    }
}

impl<F> fmt::Debug for Files<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files")
            .field("paths", &self.locations.paths())
            .field("opened", &self.opened)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl<F: Framing> Source for Files<F> {
    type Item = F::Record;
    type Batch = Chunk<F>;

    fn pull(&mut self, want: Want) -> Result<Option<Chunk<F>>, BoxError> {
        Ok(self.next_chunk(want)?)
    }

    fn take_events(&mut self) -> Vec<Event> {
        let event = self.event.take().filter(|_| !self.told);
        self.told |= event.is_some();
        event.into_iter().collect()
    }
}
