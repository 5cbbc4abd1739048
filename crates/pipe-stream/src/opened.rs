//! What a path leads to, opened for reading.

use crate::compressed::{Codec, Compression, Decoded, Head, Reads};
use crate::error::{StreamError, StreamErrorKind, Subject};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek};
use std::path::Path;
use std::sync::Arc;

/// What [`Lines::open`](crate::Records::open) reads from: a file, or whatever else was at the path; decoded, if it is compressed.
#[derive(Debug)]
pub struct Opened {
    file: Arc<File>,
    /// Of a regular file that says that it has one: its length when it was opened.
    length: Option<u64>,
    /// How a regular file is compressed.
    codec: Option<Codec>,
    reader: Decoded<Whole>,
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
        let codec = match length {
            Some(length) if length > 0 => codec(&mut file).map_err(failed)?,
            _ => None,
        };
        let reads = if length.is_some() { Reads::End } else { Reads::MayWait };
        let file = Arc::new(file);
        let whole = Whole { file: file.clone(), length, at: 0, subject: subject.clone() };
        let reader = Decoded::new(whole, reads, subject.clone());
        Ok((Opened { file, length, codec, reader }, subject))
    }

    /// Takes effect before the first read.
    pub(crate) fn set(&mut self, compression: Compression) {
        self.reader.set(compression);
    }

    /// The file and its length, if it can be read at any place: it is regular, and not one of the kernel's that say they are empty; and
    /// what stands there are the records.
    pub(crate) fn seekable(&self) -> Option<(Arc<File>, u64)> {
        if self.codec.is_some() && self.reader.compression() == Compression::Detected {
            return None;
        }
        Some((self.file.clone(), self.length.filter(|length| *length > 0)?))
    }

    /// Its length when it was opened, and now, if it has one and is read as it is.
    pub(crate) fn lengths(&self) -> io::Result<Option<(u64, u64)>> {
        let Some(opened) = self.length.filter(|_| !self.reader.decodes()) else { return Ok(None) };
        Ok(Some((opened, self.file.metadata()?.len())))
    }
}

/// By the first bytes.
fn codec(file: &mut File) -> io::Result<Option<Codec>> {
    let mut head = Vec::new();
    file.take(Head::LEN as u64).read_to_end(&mut head)?;
    file.rewind()?;
    Ok(match Head::of(&head) {
        Head::Compressed(codec) => Some(codec),
        Head::Plain | Head::TooShort => None,
    })
}

impl Read for Opened {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.reader.read(room)
    }
}

/// A file for a decoder, which takes an end for the end: that it was cut between two members it could not tell.
struct Whole {
    file: Arc<File>,
    length: Option<u64>,
    at: u64,
    subject: Subject,
}

impl Read for Whole {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = (&*self.file).read(room)?;
        self.at += read as u64;
        match self.length {
            Some(expected) if read == 0 && self.at < expected => self.is_whole(expected).map(|()| 0),
            _ => Ok(read),
        }
    }
}

impl Whole {
    fn is_whole(&self, expected: u64) -> io::Result<()> {
        let found = self.file.metadata()?.len();
        if found < expected {
            let kind = StreamErrorKind::Truncated { expected, found };
            return Err(io::Error::other(StreamError::read(kind, &self.subject, self.at)));
        }
        Ok(())
    }
}
