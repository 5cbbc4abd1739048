//! Large files through a pipeline in constant memory: lines borrowed from reused buffers, and sinks that do not lie.
//!
//! ```
//! use pipe_core::{Inline, skip};
//! use pipe_stream::{FileSink, lines};
//!
//! fn level(line: &[u8]) -> Result<String, &'static str> {
//!     let text = str::from_utf8(line).map_err(|_| "not a text")?;
//!     Ok(text.split(' ').next().unwrap_or_default().to_owned())
//! }
//!
//! # let folder = tempfile::tempdir()?;
//! # let (log, levels) = (folder.path().join("log"), folder.path().join("levels"));
//! # std::fs::write(&log, b"info: up\n\xff\nwarn: hot\n")?;
//! let report = lines(&log)?                // one read per batch, whole lines, no copy per line
//!     .try_map(level)
//!     .on_error(skip())
//!     .to(FileSink::create(&levels)?)      // renamed to `levels` when all went well, else removed
//!     .run_on(&Inline)?;
//! assert_eq!((report.taken(), report.skipped()), (3, 1));
//! assert_eq!(std::fs::read_to_string(&levels)?, "info:\nwarn:\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The model
//!
//! ```text
//! read -> [ buffer: tail of the last read | lines, lines, li ] -> Chunk -> lent as &[u8] -> buffer goes back
//!                                                         `-- carried to the next buffer
//! ```
//!
//! * [`Lines`] reads into a buffer of its pool, one `read` per batch, and hands the buffer on as a [`Chunk`] that ends at a line feed.
//!   What is behind it is copied to the head of the next buffer.
//! * A [`Chunk`] is a reference-counted window. It lends each line, moves between threads, and splits between lines; when the last part of
//!   it is dropped the buffer is filled again. So the memory in use is the batches in flight, however long the input.
//! * A line is a slice of the buffer: a pipeline that folds or parses lines copies nothing and allocates nothing per line.
//! * [`Text`] is the same over bytes that are in memory already; they are lent where they are.
//! * [`Encode::encode`] lets the workers turn records, borrowed or owned, into [`Block`]s of bytes: [`AsLines`], [`AsCsv`], [`AsNdjson`],
//!   [`LengthPrefixed`], or an [`Encoder`] of yours.
//! * [`FileSink`] and [`WriterSink`] write blocks as they are, and other items each with a line feed. An error of the last flush is an error of the run, and a file
//!   appears under its name only when it is whole.
//! * [`DeadLetterFile`] keeps the records that failed, and [`Replay`] sends them through the same definition again.
//! * [`number`], [`decimal`] and [`decimal_at_end`] read numbers from bytes, and [`Groups`] has a value for each key: the two halves of most
//!   programs over lines.
//! * Any byte sequence is an input. Text is checked where you ask for it, not here.
//!
//! # Limits
//!
//! A line may have 64 MiB ([`Lines::max_record`]), so an input without line feeds ends in an error and not in all of the memory. Spare
//! buffers are at most eight. Reads block: a run that is cancelled while it waits for a terminal or a pipe ends when that gives
//! something.
//!
//! # When not to use it
//!
//! * Many small files, or many connections: then waiting dominates, and that is work for an asynchronous executor.
//! * Random access, or looking back at earlier records: a chunk is gone when it was lent.
//! * Records that are not lines.
//!
//! Mapping files into memory is not faster for one pass over cached files (measured: 7.2 GB/s read, 7.0 mapped), counts as resident
//! memory, and kills the process if the file is cut meanwhile. This crate reads.

mod buffer;
mod chunk;
mod csv;
mod encode;
mod error;
mod framing;
mod groups;
mod letters;
mod mask;
mod newlines;
mod numbers;
mod opened;
mod parts;
mod positioned;
mod records;
mod sink;
mod storage;
mod stream;
mod tally;
mod text;

pub use chunk::Chunk;
pub use csv::{BadField, Column, Csv, Field, NoColumn, Quotes, Row, Table, csv};
pub use encode::{AsCsv, AsLines, AsNdjson, Block, Encode, Encoded, Encoder, ToFields, TooLongForItsPrefix};
pub use error::{StreamError, StreamErrorKind};
pub use framing::{
    Blocks, Containing, Cursor, Custom, Delimited, FixedWidth, Framing, LengthPrefixed, Newline, NoDelimiter,
    NotARecord, NotInALine, Preamble, PrefixBytes, Rest,
};
pub use groups::Groups;
pub use letters::{DeadLetterFile, Replay, ReplayBatch};
pub use numbers::{BadNumber, BadNumberKind, Number, decimal, decimal_at_end, number};
pub use opened::Opened;
pub use positioned::{Line, Positioned, PositionedChunk};
pub use records::{Lines, Records, lines};
pub use sink::{FileSink, Fsync, WriterSink};
pub use tally::Tally;
pub use text::Text;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
