//! One file for each key.

use crate::encode::KeyedBlock;
use crate::error::{StreamError, StreamErrorKind};
use crate::groups::Groups;
use crate::sink::folder::{Folder, Written};
use crate::sink::fsync::Fsync;
use crate::sink::held::{HELD, write_all};
use pipe_core::{BoxError, Sink};
use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::IoSlice;
use std::mem;
use std::path::Path;

/// Writes each pair of a key and a record into the file of that key, in a folder: the record and a line feed, in the order of the input. Or takes
/// the [`KeyedBlock`](crate::KeyedBlock)s of [`Encode::encode_by`](crate::Encode::encode_by), which workers made.
///
/// A key is the name of its file as bytes, below the folder: `oslo.csv`, or `2026/oslo.csv` for a file in a folder of its own. A key that is
/// no such name is an error, [`StreamErrorKind::NotAName`], and so is one that the file system takes for another
/// (`Oslo` and `oslo` on some): nothing is written outside the folder, and no record into the file of another key.
///
/// The folder gets its name when all files are whole: they are written into `.NAME.part-PID-N` beside it. One rename then shows all of them,
/// so whoever opens the folder meets all or none. A run that fails or is cancelled removes what it wrote; a process that is killed leaves
/// it. Without any record the folder is empty. `Done` is what was [`Written`].
///
/// ```
/// use pipe_core::{Inline, from_iter};
/// use pipe_stream::PerKeySink;
///
/// # let parent = tempfile::tempdir()?;
/// # let folder = parent.path().join("cities");
/// let sales = from_iter(["oslo,250", "rome,1999", "oslo,480"]);
/// let keyed = sales.map(|sale| (format!("{}.csv", &sale[..4]), sale));
/// let written = keyed.to(PerKeySink::create(&folder)?.header(b"city,cents\n")).run_on(&Inline)?.value;
/// assert_eq!((written.files, written.bytes), (2, 50));
/// assert_eq!(std::fs::read_to_string(folder.join("oslo.csv"))?, "city,cents\noslo,250\noslo,480\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Limits
///
/// At most [`max_files`](Self::max_files) keys, and [`max_open`](Self::max_open) open files: the one that was written to least recently is closed
/// for another, and opened again to write behind what it has. What is not written yet takes at most 8 MiB and 256 KiB, of all keys
/// together; then all of it is written. Beside that the memory for a key is that for its name, and some 100 bytes.
pub struct PerKeySink {
    folder: Folder,
    header: Vec<u8>,
    fsync: Fsync,
    max_files: u64,
    max_open: usize,
    /// Which of `files` a key has.
    keys: Groups<usize>,
    files: Vec<KeyFile>,
    /// Those of `files` that are open; the one that was written to least recently first.
    open: VecDeque<usize>,
    /// The bytes of memory that all files hold.
    held: usize,
}

struct KeyFile {
    name: Box<str>,
    /// `None` while it is closed.
    file: Option<File>,
    /// What is to be written.
    held: Vec<u8>,
    written: u64,
    /// How many bytes were written when it was synchronised last.
    synced: u64,
}

/// Of all keys together.
const HELD_MOST: usize = 8 << 20;

impl PerKeySink {
    /// Files in `folder`, which does not exist or is empty; the folder that it is in does exist.
    ///
    /// # Errors
    /// What keeps the folder from being made, `DirectoryNotEmpty` among it: so a long run does not find out at its end.
    pub fn create(folder: impl AsRef<Path>) -> Result<Self, StreamError> {
        Ok(PerKeySink {
            folder: Folder::create(folder.as_ref())?,
            header: Vec::new(),
            fsync: Fsync::Never,
            max_files: 10_000,
            max_open: 64,
            keys: Groups::new(),
            files: Vec::new(),
            open: VecDeque::new(),
            held: 0,
        })
    }

    /// The most keys; 10,000 unless set. One more is an error of the run, [`StreamErrorKind::TooManyFiles`]: a key that turned out to be a
    /// time stamp does not fill a disk with files. Zero is an error of the run, before anything is written.
    pub fn max_files(mut self, files: u64) -> Self {
        self.max_files = files;
        self
    }

    /// The most files that are open at once; 64 unless set. Zero is an error of the run, before anything is written.
    pub fn max_open(mut self, files: usize) -> Self {
        self.max_open = files;
        self
    }

    fn check(&self) -> Result<(), StreamError> {
        self.folder.needs_one("max_files", self.max_files, "a record needs a file")?;
        self.folder.needs_one("max_open", self.max_open as u64, "a record needs an open file")
    }

    /// Puts `bytes` in front of each file, as they are: a row of column names, with its line feed.
    pub fn header(mut self, bytes: &[u8]) -> Self {
        self.header.extend_from_slice(bytes);
        self
    }

    /// When files wait for their medium; [`Fsync::Never`] unless set. Otherwise a file does so before it is closed for another, too.
    pub fn fsync(mut self, fsync: Fsync) -> Self {
        self.fsync = fsync;
        self
    }

    /// The file of a key.
    fn file_of(&mut self, key: &[u8]) -> Result<usize, StreamError> {
        if let Some(&index) = self.keys.get(key) {
            return Ok(index);
        }
        self.check()?;
        let name = self.folder.check_name(key)?;
        if self.files.len() as u64 == self.max_files {
            let kind = StreamErrorKind::TooManyFiles { limit: self.max_files };
            return Err(StreamError::of_folder(kind, self.folder.subject()));
        }
        self.make_room_to_open()?;
        let (file, index) = (Some(self.folder.create_file(name)?), self.files.len());
        self.files.push(KeyFile { name: name.into(), file, held: Vec::new(), written: 0, synced: 0 });
        self.open.push_back(index);
        self.keys.at_or_else(key, || index);
        let header = mem::take(&mut self.header);
        let put = self.put(index, &[&header]);
        self.header = header;
        put.map(|()| index)
    }

    /// Adds bytes to a file.
    fn put(&mut self, index: usize, parts: &[&[u8]]) -> Result<(), StreamError> {
        if parts.iter().map(|part| part.len()).sum::<usize>() >= HELD {
            self.write(index)?;
            return self.write_parts(index, parts);
        }
        let held = &mut self.files[index].held;
        let before = held.capacity();
        parts.iter().for_each(|part| held.extend_from_slice(part));
        self.held += held.capacity() - before;
        if held.len() >= HELD {
            self.write(index)?;
        }
        if self.held > HELD_MOST { self.write_all() } else { Ok(()) }
    }

    #[cold]
    fn write_all(&mut self) -> Result<(), StreamError> {
        (0..self.files.len()).try_for_each(|index| self.write(index))
    }

    /// Writes what is held for a file, and gives the memory back.
    fn write(&mut self, index: usize) -> Result<(), StreamError> {
        let held = mem::take(&mut self.files[index].held);
        self.held -= held.capacity();
        if held.is_empty() {
            return Ok(());
        }
        self.write_parts(index, &[&held])
    }

    fn write_parts(&mut self, index: usize, parts: &[&[u8]]) -> Result<(), StreamError> {
        self.open(index)?;
        let KeyFile { name, file, written, .. } = &mut self.files[index];
        let file = file.as_mut().expect("it was opened");
        let mut parts: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
        write_all(file, &mut parts, written, &self.folder.subject_of(name))?;
        let KeyFile { written, synced, .. } = &self.files[index];
        match self.fsync {
            Fsync::EveryBytes(every) if written - synced >= every.get() => self.sync(index),
            _ => Ok(()),
        }
    }

    /// Makes sure that it is open, and the last one to be closed.
    fn open(&mut self, index: usize) -> Result<(), StreamError> {
        if self.files[index].file.is_some() {
            self.open.retain(|open| *open != index);
        } else {
            self.make_room_to_open()?;
            self.files[index].file = Some(self.folder.open_file(&self.files[index].name)?);
        }
        self.open.push_back(index);
        Ok(())
    }

    fn make_room_to_open(&mut self) -> Result<(), StreamError> {
        while self.open.len() >= self.max_open {
            let Some(&oldest) = self.open.front() else { break };
            // Errors that the system reports late are met by who has the file open.
            if self.fsync != Fsync::Never {
                self.sync(oldest)?;
            }
            self.files[oldest].file = None;
            self.open.pop_front();
        }
        Ok(())
    }

    fn sync(&mut self, index: usize) -> Result<(), StreamError> {
        let KeyFile { name, file, written, synced, .. } = &mut self.files[index];
        let result = if written == synced { Ok(()) } else { file.as_ref().map_or(Ok(()), File::sync_data) };
        *synced = *written;
        result.map_err(|error| StreamError::io("sync", &self.folder.subject_of(name), Some(*written), error))
    }

    fn close(mut self) -> Result<Written, StreamError> {
        self.check()?;
        self.write_all()?;
        if self.fsync != Fsync::Never {
            // Closed ones were synchronised before.
            (0..self.files.len()).try_for_each(|index| self.sync(index))?;
            self.folder.sync_below(self.files.iter().map(|file| &*file.name))?;
        }
        let bytes = self.files.iter().map(|file| file.written).sum();
        let written = Written { files: self.files.len() as u64, bytes };
        // Some systems rename no folder with open files in it.
        self.files.clear();
        self.folder.commit(self.fsync)?;
        Ok(written)
    }
}

impl fmt::Debug for PerKeySink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerKeySink")
            .field("to", self.folder.subject())
            .field("files", &self.files.len())
            .field("open", &self.open.len())
            .finish_non_exhaustive()
    }
}

impl<K: AsRef<[u8]>, T: AsRef<[u8]>> Sink<(K, T)> for PerKeySink {
    type Done = Written;

    fn write(&mut self, (key, record): (K, T)) -> Result<(), BoxError> {
        let index = self.file_of(key.as_ref())?;
        Ok(self.put(index, &[record.as_ref(), b"\n"])?)
    }

    fn commit(self) -> Result<Written, BoxError> {
        Ok(self.close()?)
    }
}

impl Sink<KeyedBlock> for PerKeySink {
    type Done = Written;

    fn write(&mut self, block: KeyedBlock) -> Result<(), BoxError> {
        let files: Vec<_> = block.keys().map(|key| self.file_of(key)).collect::<Result<_, _>>()?;
        Ok(block.runs().try_for_each(|(key, records)| self.put(files[key], &[records]))?)
    }

    fn commit(self) -> Result<Written, BoxError> {
        Ok(self.close()?)
    }
}
