//! What a path leads to, opened for reading.

use crate::error::{StreamError, Subject};
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

/// What [`Lines::open`](crate::Records::open) reads from: a file, or whatever else was at the path.
#[derive(Debug)]
pub struct Opened {
    file: Arc<File>,
    /// Of a regular file that says that it has one: its length when it was opened.
    length: Option<u64>,
}

impl Opened {
    pub(crate) fn open(path: &Path) -> Result<(Self, Subject), StreamError> {
        let subject = Subject::Path(path.to_owned());
        let failed = |error| StreamError::io("open", &subject, None, error);
        let mut file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            // Linux opens directories and refuses to read them. Asked for here, the error has the system's own words.
            let error = file.read(&mut [0]).err().unwrap_or(ErrorKind::IsADirectory.into());
            return Err(failed(error));
        }
        let length = metadata.is_file().then_some(metadata.len());
        Ok((Opened { file: Arc::new(file), length }, subject))
    }

    /// The file and its length, if it can be read at any place: it is regular, and not one of the kernel's that say they are empty.
    pub(crate) fn seekable(&self) -> Option<(Arc<File>, u64)> {
        Some((self.file.clone(), self.length.filter(|length| *length > 0)?))
    }

    /// Its length when it was opened, and now, if it has one.
    pub(crate) fn lengths(&self) -> io::Result<Option<(u64, u64)>> {
        let Some(opened) = self.length else { return Ok(None) };
        Ok(Some((opened, self.file.metadata()?.len())))
    }
}

impl Read for Opened {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        (&*self.file).read(room)
    }
}
