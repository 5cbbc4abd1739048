//! A reader whose input may be compressed.

use super::codec::{Codec, Head};
use super::decoder;
use super::gate::Reads;
use super::helper::Helper;
use crate::error::{StreamError, StreamErrorKind, Subject};
use std::fmt;
use std::io::{self, Chain, Cursor, ErrorKind, Read};

/// What is to be done with input that is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Compression {
    /// It is recognised by its first bytes, and decoded. If this build cannot, that is an error.
    #[default]
    Detected,
    /// It is read as it stands there.
    Raw,
}

/// What [`Lines::decoded`](crate::Records::decoded) reads from: a reader, or the decoder over it.
///
/// The decoder runs in a thread of its own, and has four buffers of 256 KiB at most, beside what it keeps itself: 32 KiB for gzip; for zstd
/// what the input asks for, 8 MiB from its usual levels and never more than 128 MiB. The thread ends with the input, or when this is
/// dropped; if it waits for a pipe or a terminal then, it ends when that gives something.
pub struct Decoded<R> {
    state: State<R>,
    compression: Compression,
    reads: Reads,
    subject: Subject,
}

enum State<R> {
    Unread(R),
    Plain(Chain<Cursor<Vec<u8>>, R>),
    Decoding(Helper),
    /// It was an error, or a panic, to look at the first bytes.
    Failed,
}

impl<R: Read + Send + 'static> Decoded<R> {
    pub(crate) fn new(reader: R, reads: Reads, subject: Subject) -> Self {
        Decoded { state: State::Unread(reader), compression: Compression::Detected, reads, subject }
    }

    /// Takes effect before the first read.
    pub(crate) fn set(&mut self, compression: Compression) {
        self.compression = compression;
    }

    pub(crate) fn compression(&self) -> Compression {
        self.compression
    }

    /// Whether the lengths of the input and of what is read from here have nothing to do with each other.
    pub(crate) fn decodes(&self) -> bool {
        matches!(self.state, State::Decoding(_))
    }

    fn begin(&self, mut reader: R) -> io::Result<State<R>> {
        let (mut head, mut len) = ([0; Head::LEN], 0);
        let mut ended = self.compression == Compression::Raw;
        let mut found = Head::TooShort;
        while found == Head::TooShort && !ended {
            match reader.read(&mut head[len..]) {
                Ok(read) => (ended, len) = (read == 0, len + read),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            found = Head::of(&head[..len]);
        }
        let whole = Cursor::new(head[..len].to_vec()).chain(reader);
        match found {
            Head::Plain | Head::TooShort => Ok(State::Plain(whole)),
            Head::Compressed(codec) if decoder::has(codec) => {
                let helper = Helper::start(codec, whole, self.reads, &self.subject);
                Ok(State::Decoding(helper.map_err(io::Error::other)?))
            }
            Head::Compressed(codec) => Err(io::Error::other(needs_feature(codec, &self.subject))),
        }
    }
}

fn needs_feature(codec: Codec, subject: &Subject) -> StreamError {
    StreamError::read(StreamErrorKind::NeedsFeature { codec, feature: codec.feature() }, subject, 0)
}

impl<R: Read + Send + 'static> Read for Decoded<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if let State::Unread(_) = &self.state {
            let State::Unread(reader) = std::mem::replace(&mut self.state, State::Failed) else {
                return Ok(0);
            };
            self.state = self.begin(reader)?;
        }
        match &mut self.state {
            State::Plain(plain) => plain.read(room),
            State::Decoding(helper) => helper.read(room),
            State::Unread(_) | State::Failed => Ok(0),
        }
    }
}

impl<R> fmt::Debug for Decoded<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoded")
            .field("of", &self.subject)
            .field("compression", &self.compression)
            .finish_non_exhaustive()
    }
}
