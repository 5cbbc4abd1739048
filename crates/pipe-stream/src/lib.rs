//! Large files through a pipeline in constant memory: records borrowed from reused buffers, and sinks that do not lie.
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
//! * [`Lines`] are [`Records`] cut at line feeds; another [`Framing`] cuts otherwise: [`Delimited`], [`FixedWidth`], [`LengthPrefixed`], [`Csv`],
//!   [`Custom`]. A [`Table`] has a header, so columns have names; [`Tables`] are many files of one. [`Containing`] and [`Blocks`] are for programs
//!   that need few records, or none.
//! * A regular file is read in parts, outside the source lock, by the workers that lend their records, where the framing can tell where
//!   records start. What is no file, or no such framing, is read from its front: one `read` per batch, and what is behind its last whole
//!   record is copied to the head of the next buffer.
//! * A [`Chunk`] is a reference-counted window. It lends each record, moves between threads, and splits between records; when the last part
//!   of it is dropped the buffer is filled again. So the memory in use is the batches in flight, however long the input.
//! * A line is a slice of the buffer: a pipeline that folds or parses lines copies nothing and allocates nothing per line.
//! * A file that is compressed by gzip or zstd is recognised, and decoded by a thread of its own; [`Lines::decoded`] does that for any reader.
//! * [`Files`] is many files as one source: found by a pattern, or below a folder, and opened when it is their turn.
//! * [`Text`] is the same over bytes that are in memory already; they are lent where they are.
//! * [`Encode::encode`] lets the workers turn records, borrowed or owned, into [`Block`]s of bytes: [`AsLines`], [`AsCsv`], [`AsNdjson`],
//!   [`LengthPrefixed`], or an [`Encoder`] of yours.
//! * [`FileSink`] and [`WriterSink`] write blocks as they are, and other items each with a line feed. An error of the last flush is an error of the run, and a file
//!   appears under its name only when it is whole. [`RollingSink`] and [`PerKeySink`] write many files, as one folder that appears so.
//! * [`DeadLetterFile`] keeps the records that failed, and [`Replay`] sends them through the same definition again.
//! * [`number`], [`decimal`] and [`decimal_at_end`] read numbers from bytes, and [`Groups`] has a value for each key: the two halves of most
//!   programs over lines.
//! * Any byte sequence is an input. Text is checked where you ask for it, not here.
//!
//! # Limits
//!
//! A record may have 64 MiB ([`Lines::max_record`]), so an input without line feeds ends in an error and not in all of the memory. Spare
//! buffers are at most eight. A row of a table has at most a million fields ([`Csv::max_fields`]). [`PerKeySink`] has at most 10,000 files and
//! holds 8 MiB for them. A decoder has four buffers of 256 KiB, and what the format asks for: 32 KiB for gzip, at most 128 MiB for
//! zstd, 8 MiB from its usual levels. Reads block: a run that is cancelled while it waits for a terminal or a pipe ends when that gives
//! something.
//!
//! # When not to use it
//!
//! * Many small files, or many connections: there waiting dominates, and that is work for an asynchronous executor.
//! * Random access, or looking back at earlier records: a chunk is gone once it has been lent.
//!
//! # Backends
//!
//! Files are read, unless a [`Backend`] is set. Reading is the default because it is as fast for one pass (a mapping gave between 0.75 and 1.1
//! of its rate here), takes a buffer or two of memory instead of windows of 2 MiB, and does not mind what others do to the file.
//! `Backend::Mapped` is for three cases: many chunks are kept at once, which then lie in the system's cache and not beside it in the process;
//! parts have a megabyte and more, which leave the processor's cache when they are read; or one worker does next to nothing with the bytes,
//! such as counting lines.
//!
//! A mapping changes when others write to the file, and a `&[u8]` must not. So the safe way to map is `Mapping::leased`: the system makes
//! writers wait for some milliseconds, until what is lent has been copied. Where no lease can be had, the file is read and the run's report
//! says why. `Mapping::guarded`, which turns the signal of a cut file into an error, and `Mapping::trusted` are unsafe functions.
//!
//! # Features
//!
//! * `mmap`, on by default: `Backend::Mapped`. Without it there is no memmap2 and no libc, and `Backend` can only read.
//! * `gzip`: decodes gzip, with flate2 on zlib-rs, which is Rust.
//! * `zstd`: decodes zstd, with the zstd crate, which builds the C library and needs a C compiler.
//! * `spill`: groups, and items on a branch, that go to temporary files when they become too many, with tempfile.
//! * `files`: finds files by a pattern or below a folder, with globset and walkdir. [`Files::of`] does not need it.

#![warn(missing_debug_implementations)]

mod backend;
mod buffer;
mod chunk;
mod compressed;
mod count;
mod csv;
mod encode;
mod error;
mod framing;
mod groups;
mod letters;
mod many_files;
#[cfg(feature = "mmap")]
mod mapped;
mod mask;
mod newlines;
mod numbers;
mod opened;
mod parts;
mod plane;
mod positioned;
mod quotes;
mod records;
mod room;
mod settings;
mod sink;
#[cfg(feature = "spill")]
mod spill;
mod storage;
mod stream;
mod tally;
mod text;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use backend::{Backend, Taken};
pub use chunk::Chunk;
pub use compressed::{Codec, Compression, Decoded};
pub use count::line_feeds;
pub use csv::{
    BadField, Column, Csv, Field, NoColumn, OtherHeader, Quotes, RaggedRow, Row, Table, Tables, csv,
};
pub use encode::{
    AsCsv, AsLines, AsNdjson, Block, Encode, Encoded, EncodedBy, Encoder, KeyedBlock, ToFields,
    TooLongForItsPrefix,
};
pub use error::{StreamError, StreamErrorKind};
pub use framing::{
    Blocks, Containing, Cursor, Custom, Delimited, FixedWidth, Framing, LengthPrefixed, Newline, NoDelimiter,
    NotARecord, NotInALine, Preamble, PrefixBytes, Rest,
};
pub use groups::Groups;
#[cfg(feature = "spill")]
pub use groups::{SortedGroups, SpillingGroups};
pub use letters::{DeadLetterFile, Replay, ReplayBatch};
#[cfg(feature = "files")]
pub use many_files::files;
pub use many_files::{Files, Locations};
#[cfg(feature = "mmap")]
pub use mapped::Mapping;
pub use numbers::{BadNumber, BadNumberKind, Number, decimal, decimal_at_end, number};
pub use opened::Opened;
pub use positioned::{Line, Positioned, PositionedChunk};
pub use records::{Lines, Records, lines};
pub use sink::{FileSink, Fsync, PerKeySink, RollingSink, WriterSink, Written};
#[cfg(feature = "spill")]
pub use spill::{DiskQueue, Scratch, ScratchError, Stored};
pub use tally::Tally;
pub use text::Text;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
