//! One file, read by several workers: each reads the part that it works on.
//!
//! ```text
//! file   ... | record | rec[ord | record | record | rec]ord | record | ...
//!                          ^ a part                    ^
//!                          `--- its records -----------+--'
//! ```
//!
//! A part owns the records that *start* in it. So its reader looks at the few bytes before the part, to know whether a record starts at its
//! first byte, and reads on behind it until its last record ends. How far that is, is learnt: so one read does both, and few bytes are read
//! twice. A record longer than a part leaves the parts in its middle without any.
//!
//! The file may grow meanwhile: parts are handed out up to the length that was seen last, which is asked for again there. Who lends a last
//! record that only the end of the file ends, fixes that end, under the same lock: so no later part goes on in the middle of it.

mod part;

pub(crate) use part::Part;

use crate::buffer::{Pool, grow};
use crate::error::{StreamError, StreamErrorKind, Subject};
use crate::framing::{Framing, Preamble};
#[cfg(feature = "mmap")]
use crate::mapped::{Mapped, Otherwise, Refused, SPAN, Slice};
use crate::quotes::Quotes;
use crate::room::Room;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A file that is read in parts, and its settings.
pub(crate) struct Parts {
    file: Arc<File>,
    subject: Subject,
    pool: Arc<Pool>,
    max_record: usize,
    /// Where the first record starts.
    begin: u64,
    extent: Mutex<Extent>,
    /// Of a framing that has to know which quotes are open.
    quotes: Option<Quotes>,
    /// Parts are mapped, where they can be.
    #[cfg(feature = "mmap")]
    mapped: Option<Mapped>,
    /// How many bytes behind a part are read with it. Only a guess, so its order with other memory does not matter.
    ahead: AtomicUsize,
}

struct Extent {
    /// Up to where parts may be handed out: the greatest length that was seen. Who finds less was cut off.
    length: u64,
    /// The length is final: the record there was lent as it stood.
    ended: bool,
}

/// Enough for lines of a few hundred bytes.
const AHEAD: usize = 512;

/// Beyond this it is cheaper to read twice where a record is long.
const AHEAD_MOST: usize = 32 << 10;

/// Fits into the first cache.
const COUNTED_AT_ONCE: usize = 32 << 10;

impl Parts {
    /// Looks at nothing yet.
    pub(crate) fn new(
        (file, length): (Arc<File>, u64),
        subject: Subject,
        pool: Arc<Pool>,
        max_record: usize,
    ) -> Self {
        let extent = Mutex::new(Extent { length, ended: false });
        Parts {
            file,
            subject,
            pool,
            max_record,
            begin: 0,
            extent,
            quotes: None,
            #[cfg(feature = "mmap")]
            mapped: None,
            ahead: AtomicUsize::new(AHEAD),
        }
    }

    /// The same, mapped.
    #[cfg(feature = "mmap")]
    pub(crate) fn mapped(self, mapped: Mapped) -> Self {
        Parts { mapped: Some(mapped), ..self }
    }

    /// Looks at the head of the file, to see where the first record starts.
    pub(crate) fn find_begin<F: Framing>(mut self, framing: &F) -> Result<Arc<Self>, StreamError> {
        let mut head = [0; 64];
        let mut filled = 0;
        loop {
            let preamble = framing.preamble(&head[..filled]);
            let ended = filled == head.len()
                || preamble == Preamble::Unknown && {
                    let wanted = filled + 1;
                    self.fill(&mut head[..wanted], &mut filled, 0, 0)?
                };
            if let Preamble::Bytes(bytes) = preamble {
                self.begin = bytes as u64;
            } else if !ended {
                continue;
            }
            if !framing.seeks() {
                self.quotes = framing.quote().map(|quote| Quotes::new(quote, self.begin));
            }
            return Ok(Arc::new(self));
        }
    }

    /// Why parts are read by now, if they were mapped.
    #[cfg(feature = "mmap")]
    pub(crate) fn why_read(&self) -> Option<&'static str> {
        self.mapped.as_ref().and_then(Mapped::why_read)
    }

    /// Where the first part begins.
    pub(crate) fn begin(&self) -> u64 {
        self.begin
    }

    /// The part that begins at `start`, of about `bytes`. `None`: the file ends there.
    pub(crate) fn part(self: &Arc<Self>, start: u64, bytes: usize) -> Result<Option<Part>, StreamError> {
        let mut extent = self.extent();
        if start >= extent.length && !extent.ended {
            extent.length = extent.length.max(self.length()?);
        }
        let end = extent.length.min(start.saturating_add(bytes as u64));
        // Then it needs one window.
        #[cfg(feature = "mmap")]
        let end = if self.mapped.is_some() { end.min((start / SPAN + 1) * SPAN) } else { end };
        let known = || self.quotes.as_ref().and_then(|quotes| quotes.known(start, None));
        Ok((start < end).then(|| Part { of: self.clone(), range: start..end, known: known() }))
    }

    fn extent(&self) -> MutexGuard<'_, Extent> {
        self.extent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn length(&self) -> Result<u64, StreamError> {
        let metadata = self.file.metadata();
        Ok(metadata.map_err(|error| StreamError::io("read", &self.subject, None, error))?.len())
    }

    /// Fills `room`, which stands at `offset`, behind the `filled` bytes that are there, for the part at `start`. True: the file ends
    /// behind them.
    fn fill(
        &self,
        room: &mut [u8],
        filled: &mut usize,
        offset: u64,
        start: u64,
    ) -> Result<bool, StreamError> {
        while *filled < room.len() {
            let at = offset + *filled as u64;
            match read_at(&self.file, &mut room[*filled..], at) {
                Ok(0) => return self.meets_end(at.max(start)).map(|()| true),
                Ok(read) => *filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(StreamError::io("read", &self.subject, Some(at), error)),
            }
        }
        Ok(false)
    }

    /// A read at `at` found nothing. An error if the file was cut; some files of the kernel (sysfs) just claim more than they have.
    fn meets_end(&self, at: u64) -> Result<(), StreamError> {
        let expected = self.extent().length;
        let found = if at < expected { self.length()? } else { expected };
        if found < expected {
            return Err(StreamError::read(StreamErrorKind::Truncated { expected, found }, &self.subject, at));
        }
        Ok(())
    }

    /// A record is to be lent as the file ends with it, at `at`. Nothing that is written behind it may be taken for a record then. False:
    /// it has grown, and the part with the new bytes may have been handed out.
    fn ends_with_record(&self, at: u64) -> bool {
        let mut extent = self.extent();
        let grown = extent.length > at && read_at(&self.file, &mut [0], at).is_ok_and(|read| read > 0);
        extent.ended |= !grown;
        extent.ended
    }

    fn no_memory(&self, bytes: usize, at: u64) -> StreamError {
        let error =
            io::Error::new(ErrorKind::OutOfMemory, format!("no memory for a buffer of {bytes} bytes"));
        StreamError::io("read", &self.subject, Some(at), error)
    }
}

#[cfg(unix)]
fn read_at(file: &File, room: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, room, at)
}

#[cfg(windows)]
fn read_at(file: &File, room: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, room, at)
}

impl Parts {
    /// Where the bytes from `offset` on come to be: some `bytes` of a buffer, or a mapping up to `goal`.
    fn room(&self, bytes: usize, offset: u64, goal: usize, start: u64) -> Result<Room, StreamError> {
        #[cfg(feature = "mmap")]
        if let Some(slice) = self.slice(offset, goal, start)? {
            return Ok(Room::Slice(slice));
        }
        #[cfg(not(feature = "mmap"))]
        let _ = (offset, goal);
        let bytes = self.pool.take(bytes).map_err(|_| self.no_memory(bytes, start))?;
        Ok(Room::Buffer { bytes, filled: 0 })
    }

    /// Makes it `goal` bytes, if the file has so many behind `offset`. True: it has not.
    fn extend(&self, room: &mut Room, goal: usize, offset: u64, start: u64) -> Result<bool, StreamError> {
        match room {
            Room::Buffer { bytes, filled } => {
                if goal > bytes.len() {
                    grow(bytes, goal).map_err(|_| self.no_memory(goal, start))?;
                }
                self.fill(&mut bytes[..goal], filled, offset, start)
            }
            #[cfg(feature = "mmap")]
            Room::Slice(slice) => {
                let there = offset + slice.len() as u64;
                if slice.len() < goal && self.length()? > there {
                    *room = self.room(goal, offset, goal, start)?;
                    return self.extend(room, goal, offset, start);
                }
                if slice.len() < goal {
                    self.meets_end(there.max(start))?;
                }
                Ok(slice.len() < goal)
            }
        }
    }

    /// A mapping of the bytes from `offset` on, `goal` of them or up to the end of the file. `None`: they are to be read.
    #[cfg(feature = "mmap")]
    fn slice(&self, offset: u64, goal: usize, start: u64) -> Result<Option<Slice>, StreamError> {
        let Some(mapped) = &self.mapped else { return Ok(None) };
        let length = self.length()?;
        let end = length.min(offset + goal as u64);
        if end <= offset {
            return Ok(None);
        }
        match mapped.slice(&(offset..end), length) {
            Ok(slice) => Ok(Some(slice)),
            Err(Refused::Unmappable) if mapped.mapping.otherwise == Otherwise::Fail => {
                Err(StreamError::not_mapped(&self.subject, mapped.why_read().unwrap_or("the system refuses")))
            }
            Err(Refused::Unmappable) => Ok(None),
            Err(Refused::Lost) => Err(StreamError::read(StreamErrorKind::LeaseLost, &self.subject, start)),
        }
    }

    /// Whether the number of quotes in a range is odd that nobody has counted yet.
    #[cold]
    fn count(&self, quotes: &Quotes, mut range: Range<u64>) -> Result<bool, StreamError> {
        let (mut room, mut odd) = (vec![0; COUNTED_AT_ONCE], false);
        let whole = range.clone();
        while range.start < range.end {
            let bytes = room.len().min((range.end - range.start) as usize);
            let mut filled = 0;
            let ended = self.fill(&mut room[..bytes], &mut filled, range.start, range.start)?;
            odd ^= quotes.is_odd(&room[..filled]);
            range.start += filled as u64;
            if ended {
                break;
            }
        }
        quotes.counted(whole, odd);
        Ok(odd)
    }

    /// That no byte of a slice was missing, of which the first one stood at `offset`.
    #[cfg(feature = "mmap")]
    pub(crate) fn check_whole(&self, slice: &Slice, offset: u64) -> Result<(), StreamError> {
        if slice.is_lost() {
            return Err(StreamError::read(StreamErrorKind::LeaseLost, &self.subject, offset));
        }
        let Some(hit) = slice.was_hit() else { return Ok(()) };
        let (end, found) = (offset + slice.len() as u64, self.length()?);
        if found < end || hit {
            let (at, expected) = (found.clamp(offset, end), self.extent().length.max(end));
            let kind = StreamErrorKind::Truncated { expected, found };
            return Err(StreamError::read(kind, &self.subject, at));
        }
        Ok(())
    }

    pub(crate) fn pool(&self) -> Arc<Pool> {
        self.pool.clone()
    }

    fn too_long(&self, at: u64) -> StreamError {
        StreamError::read(StreamErrorKind::RecordTooLong { limit: self.max_record }, &self.subject, at)
    }
}
