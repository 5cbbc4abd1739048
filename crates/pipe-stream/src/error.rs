//! What went wrong with a file, pipe or setting, where, and while doing what.

use crate::compressed::Codec;
use crate::framing::NotARecord;
use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The error of this crate's sources and sinks.
///
/// ```
/// use pipe_core::{Inline, RunError};
/// use pipe_stream::{Lines, StreamError, StreamErrorKind};
///
/// let missing = Lines::open("no/such/file").err().unwrap();
/// assert_eq!(missing.to_string(), "open \"no/such/file\": No such file or directory (os error 2)");
///
/// // Inside a run it arrives as the source's or the sink's own error.
/// let text: &[u8] = b"short\nmuch too long\n";
/// let lengths = Lines::from_reader(text).max_record(5).pipeline().map(|line| line.len());
/// let failed: RunError = lengths.collect().run_on(&Inline).unwrap_err();
/// let error: &StreamError = failed.stage_error().unwrap();
/// assert_eq!(error.kind(), StreamErrorKind::RecordTooLong { limit: 5 });
/// assert_eq!(error.offset(), Some(6));
/// ```
#[derive(Debug)]
pub struct StreamError {
    kind: StreamErrorKind,
    operation: &'static str,
    subject: Subject,
    offset: Option<u64>,
    source: Option<io::Error>,
}

/// What kind of error it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamErrorKind {
    /// The system refused.
    Io(io::ErrorKind),
    /// A record is longer than `max_record`. Not one byte of it was handed on.
    RecordTooLong {
        /// The most bytes that a record may have.
        limit: usize,
    },
    /// A row has more fields than `Csv::max_fields` allows. Not one byte of it was handed on.
    TooManyFields {
        /// The most fields that a row may have.
        limit: usize,
    },
    /// What stands there is no record of the framing that was set. Whole records before it that came with the same read are not handed on,
    /// those of earlier reads were.
    NotARecord {
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file became shorter while it was read. What was cut in the middle was not handed on.
    Truncated {
        /// The greatest length in bytes that it was seen to have since it was opened.
        expected: u64,
        /// Its length in bytes now.
        found: u64,
    },
    /// The input is compressed, and this build cannot decode that. Nothing was read.
    NeedsFeature {
        /// What it is.
        codec: Codec,
        /// The feature of this crate that decodes it.
        feature: &'static str,
    },
    /// Compressed input ends in the middle. What could be decoded was handed on, up to the last whole record.
    Incomplete {
        /// What it is.
        codec: Codec,
    },
    /// The decoder refuses what stands there: it is corrupt, or something else behind the compressed part, or asks for more than 128 MiB of
    /// memory. What could be decoded before it was handed on, up to the last whole record.
    Undecodable {
        /// What it was taken for.
        codec: Codec,
    },
    /// There is no file to read.
    NoFiles,
    /// A pattern for the names of files is none. Nothing was looked for.
    Pattern,
    /// This process was stopped, and another one wrote to the file while it was mapped: what was lent may have
    /// changed meanwhile.
    LeaseLost,
    /// A file cannot be mapped as was asked, and reading it instead was forbidden.
    NotMapped,
    /// What should be the name of a file below a folder is not, or leads out of it. The error shows it. Nothing was written for it.
    NotAName {
        /// What is wrong with it.
        why: &'static str,
    },
    /// A sink has made as many files as it may. The record that asked for one more was not written.
    TooManyFiles {
        /// The most that it may make.
        limit: u64,
    },
    /// A setting makes no sense. Nothing was read.
    Setting {
        /// Which one.
        field: &'static str,
        /// What it was.
        value: usize,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// What was read or written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    Path(PathBuf),
    Named(&'static str),
}

impl StreamError {
    pub(crate) fn io(
        operation: &'static str,
        subject: &Subject,
        offset: Option<u64>,
        error: io::Error,
    ) -> Self {
        let kind = StreamErrorKind::Io(error.kind());
        StreamError { kind, operation, subject: subject.clone(), offset, source: Some(error) }
    }

    pub(crate) fn read(kind: StreamErrorKind, subject: &Subject, offset: u64) -> Self {
        StreamError { kind, operation: "read", subject: subject.clone(), offset: Some(offset), source: None }
    }

    /// `offset` is that of the block that was looked at.
    pub(crate) fn not_a_record(no: NotARecord, subject: &Subject, offset: u64) -> Self {
        StreamError::read(StreamErrorKind::NotARecord { why: no.why }, subject, offset + no.at as u64)
    }

    /// `offset` is how much of the compressed input the decoder had taken.
    pub(crate) fn decode(kind: StreamErrorKind, subject: &Subject, offset: u64, error: io::Error) -> Self {
        let subject = subject.clone();
        StreamError { kind, operation: "decode", subject, offset: Some(offset), source: Some(error) }
    }

    /// What a reader refused, or a reader of this crate found.
    pub(crate) fn of_reader(subject: &Subject, offset: u64, error: io::Error) -> Self {
        match error.downcast::<StreamError>() {
            Ok(error) => error,
            Err(error) => StreamError::io("read", subject, Some(offset), error),
        }
    }

    pub(crate) fn find(kind: StreamErrorKind, subject: Subject, source: Option<io::Error>) -> Self {
        StreamError { kind, operation: "find", subject, offset: None, source }
    }

    #[cfg(feature = "mmap")]
    pub(crate) fn not_mapped(subject: &Subject, why: &str) -> Self {
        let source = Some(io::Error::other(why));
        let kind = StreamErrorKind::NotMapped;
        StreamError { kind, operation: "map", subject: subject.clone(), offset: None, source }
    }

    pub(crate) fn setting(subject: &Subject, field: &'static str, value: usize, why: &'static str) -> Self {
        let kind = StreamErrorKind::Setting { field, value, why };
        StreamError { kind, operation: "set", subject: subject.clone(), offset: None, source: None }
    }

    /// `name` shows what it is.
    pub(crate) fn not_a_name(why: &'static str, name: io::Error, folder: &Subject) -> Self {
        StreamError {
            source: Some(name),
            ..StreamError::of_folder(StreamErrorKind::NotAName { why }, folder)
        }
    }

    /// A file in a folder cannot be created.
    pub(crate) fn of_folder(kind: StreamErrorKind, folder: &Subject) -> Self {
        StreamError { kind, operation: "create", subject: folder.clone(), offset: None, source: None }
    }

    /// What kind of error it is.
    pub fn kind(&self) -> StreamErrorKind {
        self.kind
    }

    /// What was being done: `find`, `open`, `read`, `decode`, `map`, `create`, `write`, `sync`, `rename to` or `set`.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// The file, if it was opened by its path.
    pub fn path(&self) -> Option<&Path> {
        match &self.subject {
            Subject::Path(path) => Some(path),
            Subject::Named(_) => None,
        }
    }

    /// How many bytes had been read or written before; of a record that is too long, where it starts; of input that cannot be decoded, how
    /// many bytes of the compressed input the decoder had taken.
    pub fn offset(&self) -> Option<u64> {
        self.offset
    }
}

impl StreamError {
    /// A record that is none, or too much of one.
    fn fmt_record(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (subject, offset) = (&self.subject, self.offset.unwrap_or_default());
        match self.kind {
            StreamErrorKind::RecordTooLong { limit } => {
                write!(f, "record at byte {offset} of {subject} is longer than {limit} bytes")
            }
            StreamErrorKind::TooManyFields { limit } => {
                write!(
                    f,
                    "row at byte {offset} of {subject} has more than {limit} fields, which is its max_fields"
                )
            }
            StreamErrorKind::NotARecord { why } => {
                write!(f, "no record at byte {offset} of {subject}: {why}")
            }
            kind => write!(f, "{kind:?} at byte {offset} of {subject}"),
        }
    }

    /// A folder that does not get another file.
    fn fmt_folder(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StreamError { kind, operation, subject, source, .. } = self;
        match (kind, source) {
            (StreamErrorKind::NotAName { why }, Some(name)) => {
                write!(f, "{operation} {name} in {subject}: {why}")
            }
            (StreamErrorKind::TooManyFiles { limit }, _) => {
                write!(f, "{operation} a file in {subject}: there are {limit}, and no more are allowed")
            }
            (kind, _) => write!(f, "{operation} a file in {subject}: {kind:?}"),
        }
    }
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let StreamError { kind, operation, subject, offset, source } = self;
        match kind {
            StreamErrorKind::Io(kind) => {
                write!(f, "{operation} {subject}")?;
                if let Some(offset) = offset {
                    write!(f, " at byte {offset}")?;
                }
                match source {
                    Some(error) => write!(f, ": {error}"),
                    None => write!(f, ": {kind}"),
                }
            }
            StreamErrorKind::RecordTooLong { .. }
            | StreamErrorKind::TooManyFields { .. }
            | StreamErrorKind::NotARecord { .. } => self.fmt_record(f),
            StreamErrorKind::Truncated { expected, found } => {
                let offset = offset.unwrap_or_default();
                write!(
                    f,
                    "{operation} {subject} at byte {offset}: it was cut from {expected} to {found} bytes meanwhile"
                )
            }
            StreamErrorKind::NeedsFeature { codec, feature } => {
                write!(
                    f,
                    "{operation} {subject}: it is {codec}, which needs the feature `{feature}` of pipe-stream"
                )
            }
            StreamErrorKind::Incomplete { codec } => {
                let offset = offset.unwrap_or_default();
                write!(f, "{operation} {subject} at byte {offset}: the {codec} input ends in the middle")
            }
            StreamErrorKind::Undecodable { codec } => {
                write!(f, "{operation} {subject} at byte {}: ", offset.unwrap_or_default())?;
                match source {
                    Some(error) => write!(f, "not {codec}: {error}"),
                    None => write!(f, "not {codec}"),
                }
            }
            StreamErrorKind::NoFiles => write!(f, "{operation} {subject}: there is no such file"),
            StreamErrorKind::Pattern => match source {
                Some(why) => write!(f, "{operation} {subject}: {why}"),
                None => write!(f, "{operation} {subject}: not a pattern"),
            },
            StreamErrorKind::LeaseLost => {
                let offset = offset.unwrap_or_default();
                write!(
                    f,
                    "{operation} {subject} at byte {offset}: it was mapped, and may have been written to meanwhile"
                )
            }
            StreamErrorKind::NotMapped => match source {
                Some(why) => write!(f, "{operation} {subject}: {why}"),
                None => write!(f, "{operation} {subject}: it is not mapped"),
            },
            StreamErrorKind::NotAName { .. } | StreamErrorKind::TooManyFiles { .. } => self.fmt_folder(f),
            StreamErrorKind::Setting { field, value, why } => write!(f, "{field} = {value}: {why}"),
        }
    }
}

impl Error for StreamError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|error| error as &(dyn Error + 'static))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Quoted and escaped: a path may hold anything, also line feeds and bytes that are not UTF-8.
            Subject::Path(path) => write!(f, "{path:?}"),
            Subject::Named(name) => f.write_str(name),
        }
    }
}
