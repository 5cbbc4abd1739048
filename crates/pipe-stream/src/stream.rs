//! A reader that is read from its front to its end, by one worker at a time.
//!
//! ```text
//! read -> [ tail of the last read | records, records, rec ] -> chunk
//!                                                     `-- carried to the next buffer
//! ```

use crate::buffer::{Buffer, Pool, grow};
use crate::error::{StreamError, StreamErrorKind, Subject};
use crate::framing::{Framing, NotARecord, Preamble, Rest, check_widths, end_of_input};
use crate::storage::Storage;
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::sync::Arc;

/// A place in a reader, and what was read behind the last whole record.
pub(crate) struct Stream<R> {
    reader: R,
    subject: Subject,
    /// How long the input was when it was opened, and is now, if that can be known.
    lengths: fn(&R) -> io::Result<Option<(u64, u64)>>,
    /// Not the end of a record in it.
    tail: Vec<u8>,
    /// Where `tail` starts in the input.
    offset: u64,
    /// What stands before the first record was taken off.
    begun: bool,
    /// A read said so. Not asked again: a terminal would wait for another end, a FIFO for another writer.
    ended: bool,
}

/// How a stream is read.
pub(crate) struct Reading<'r> {
    pub(crate) pool: &'r Arc<Pool>,
    /// What one read asks for at most.
    pub(crate) buffer: usize,
    pub(crate) max_record: usize,
}

/// Whole records, and where they stood.
pub(crate) struct Block {
    pub(crate) storage: Storage,
    pub(crate) window: Range<usize>,
    pub(crate) offset: u64,
    pub(crate) bytes: usize,
}

/// So much room is made for a record that says how long it is, before any of it was read.
const AT_ONCE: usize = 1 << 20;

impl<R: Read> Stream<R> {
    pub(crate) fn new(
        reader: R,
        subject: Subject,
        lengths: fn(&R) -> io::Result<Option<(u64, u64)>>,
    ) -> Self {
        Stream { reader, subject, lengths, tail: Vec::new(), offset: 0, begun: false, ended: false }
    }

    pub(crate) fn subject(&self) -> &Subject {
        &self.subject
    }

    pub(crate) fn reader(&self) -> &R {
        &self.reader
    }

    pub(crate) fn reader_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// Where the records end that were handed on.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The records that the next read brings, or as many reads as it takes to have one; about `want` bytes. `None` at the end.
    pub(crate) fn next<F: Framing>(
        &mut self,
        framing: &F,
        want: usize,
        reading: &Reading<'_>,
    ) -> Result<Option<Block>, StreamError> {
        if self.ended {
            return Ok(None);
        }
        // A record and what belongs to it fit into `most`; one that is longer by more than that does not.
        let most = reading.max_record.saturating_add(framing.margin());
        let mut limit = reading.buffer.min(want).clamp(1, most);
        let mut filled = self.tail.len();
        let room = limit.max(filled);
        let mut bytes = reading.pool.take(room).map_err(|_| self.no_memory(room))?;
        bytes[..filled].copy_from_slice(&self.tail);
        // What the framing was asked about and is no whole record.
        let mut seen = filled;
        loop {
            if filled >= limit && !self.begun {
                // What stands before the first record is none, so it may be longer than one.
                limit = filled + 1;
                grow(&mut bytes, limit).map_err(|_| self.no_memory(limit))?;
            }
            if filled >= limit {
                if filled >= most {
                    return Err(self.too_long(reading.max_record));
                }
                let needs = framing.needs(&bytes[..filled]).filter(|needs| *needs > filled);
                // A length is only a claim: room is made for what came, twice over, and not for what is said to come.
                let room = filled.saturating_mul(2).max(needs.map_or(0, |needs| needs.min(AT_ONCE)));
                limit = needs.map_or(room, |needs| needs.min(room)).min(most);
                grow(&mut bytes, limit).map_err(|_| self.no_memory(limit))?;
            }
            let read = self.read(&mut bytes[filled..limit], filled)?;
            filled += read;
            self.ended = read == 0;
            if !self.begun {
                if !self.begin(framing, &mut bytes, &mut filled) {
                    continue;
                }
                limit = limit.min(most);
            }
            if self.ended && filled == 0 {
                return Ok(None);
            }
            let block = &bytes[..filled];
            if filled > most || framing.needs(block).is_some_and(|needs| needs > most) {
                return Err(self.too_long(reading.max_record));
            }
            let end = match self.ended {
                true => end_of_input(framing, block, &self.subject, self.offset).map(|()| filled)?,
                false => framing.whole(block, seen, Rest::More).map_err(|no| self.no_record(no))?,
            };
            if end == 0 {
                seen = filled;
                continue;
            }
            self.check_lengths(framing, &block[..end], reading.max_record)?;
            let offset = self.offset;
            self.offset += end as u64;
            self.carry(&bytes[end..filled], reading.buffer)?;
            let room = bytes.len();
            let storage = Storage::Read(Buffer { bytes, pool: reading.pool.clone() });
            return Ok(Some(Block { storage, window: 0..end, offset, bytes: room }));
        }
    }

    /// What belongs to a record may be missing behind the last one, or be shorter than the margin: so it may be too long and have fitted.
    fn check_lengths<F: Framing>(&self, framing: &F, block: &[u8], limit: usize) -> Result<(), StreamError> {
        match (block.len() > limit).then(|| framing.too_long(block, 0, limit)).flatten() {
            None => check_widths(framing, block, 0, &self.subject, self.offset),
            Some(start) => Err(self.too_long_at(limit, start)),
        }
    }

    /// Takes off what stands before the first record; false if more has to be read to know.
    fn begin<F: Framing>(&mut self, framing: &F, bytes: &mut [u8], filled: &mut usize) -> bool {
        let preamble = match framing.preamble(&bytes[..*filled]) {
            Preamble::Bytes(preamble) => preamble,
            Preamble::Unknown if self.ended => 0,
            Preamble::Unknown => return false,
        };
        bytes.copy_within(preamble..*filled, 0);
        *filled -= preamble;
        self.offset += preamble as u64;
        self.begun = true;
        true
    }

    /// Keeps what is behind the last whole record, for the next buffer.
    fn carry(&mut self, rest: &[u8], usual: usize) -> Result<(), StreamError> {
        // As for spare buffers: one long record does not keep its memory for the rest of the run.
        if self.tail.capacity() > usual {
            self.tail = Vec::new();
        }
        self.tail.clear();
        self.tail.try_reserve(rest.len()).map_err(|_| self.no_memory(rest.len()))?;
        self.tail.extend_from_slice(rest);
        Ok(())
    }

    /// The record at the head of what was not handed on is longer than allowed.
    #[cold]
    fn too_long(&self, limit: usize) -> StreamError {
        self.too_long_at(limit, 0)
    }

    #[cold]
    fn too_long_at(&self, limit: usize, start: usize) -> StreamError {
        let at = self.offset + start as u64;
        StreamError::read(StreamErrorKind::RecordTooLong { limit }, &self.subject, at)
    }

    /// One read: what is there now, or 0 at the end. `ahead` bytes were read before it and not handed on.
    fn read(&mut self, room: &mut [u8], ahead: usize) -> Result<usize, StreamError> {
        let at = self.offset + ahead as u64;
        let mut asked_again = false;
        loop {
            match self.reader.read(room) {
                Ok(0) if !asked_again && self.is_early(at)? => asked_again = true,
                Ok(read) => return Ok(read),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // A reader of ours knows better where that was.
                Err(error) => return Err(StreamError::of_reader(&self.subject, at, error)),
            }
        }
    }

    /// Whether an end at `at` is before the end that the file had when it was opened, without having been cut. Then it is worth asking
    /// again; some files of the kernel (sysfs) just claim more than they have.
    fn is_early(&self, at: u64) -> Result<bool, StreamError> {
        let lengths = (self.lengths)(&self.reader);
        let lengths = lengths.map_err(|error| StreamError::io("read", &self.subject, Some(at), error))?;
        let Some((expected, found)) = lengths.filter(|(opened, _)| at < *opened) else { return Ok(false) };
        if found < expected {
            let kind = StreamErrorKind::Truncated { expected, found };
            return Err(StreamError::read(kind, &self.subject, at));
        }
        Ok(true)
    }

    #[cold]
    fn no_record(&self, no: NotARecord) -> StreamError {
        StreamError::not_a_record(no, &self.subject, self.offset)
    }

    #[cold]
    fn no_memory(&self, bytes: usize) -> StreamError {
        let error =
            io::Error::new(ErrorKind::OutOfMemory, format!("no memory for a buffer of {bytes} bytes"));
        StreamError::io("read", &self.subject, Some(self.offset), error)
    }
}
