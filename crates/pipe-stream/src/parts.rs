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

use crate::buffer::{Pool, grow};
use crate::error::{StreamError, StreamErrorKind, Subject};
use crate::framing::{Framing, Preamble, check_widths, end_of_input};
#[cfg(feature = "mmap")]
use crate::mapped::{Mapped, Otherwise, Refused, SPAN, Slice};
use crate::quotes::{Known, Quotes};
use crate::room::Room;
use crate::storage::Storage;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
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

/// The records that start in a range of a file.
pub(crate) struct Part {
    of: Arc<Parts>,
    range: Range<u64>,
    /// What was known of quotes before it when it was handed out.
    known: Option<Known>,
}

/// What a part became.
pub(crate) struct Loaded {
    pub(crate) storage: Storage,
    /// The records.
    pub(crate) window: Range<usize>,
    /// Where the first byte of the storage stands in the file.
    pub(crate) offset: u64,
    /// What the storage keeps alive.
    pub(crate) bytes: usize,
}

impl Part {
    /// How many bytes of the file it is.
    pub(crate) fn len(&self) -> usize {
        (self.range.end - self.range.start) as usize
    }

    /// The size of its buffer: some more than the part, in steps, so that spare buffers fit.
    pub(crate) fn room(&self) -> usize {
        const STEP: usize = 4 << 10;
        let bytes = self.len() + self.of.ahead.load(Relaxed);
        if bytes < STEP { bytes } else { bytes.next_multiple_of(STEP) + STEP }
    }

    /// Gives away the back half.
    pub(crate) fn split(&mut self) -> Option<Part> {
        let middle = self.range.start + (self.range.end - self.range.start).div_ceil(2);
        let Part { of, known, .. } = self;
        let range = middle..self.range.end;
        let back = (middle < self.range.end).then(|| Part { of: of.clone(), range, known: *known })?;
        self.range.end = middle;
        Some(back)
    }

    /// Reads it, and finds its records.
    pub(crate) fn read<F: Framing>(&self, framing: &F) -> Result<Loaded, StreamError> {
        let of = &*self.of;
        let Range { start, end } = self.range;
        // There starts the first record, however it looks.
        let before = if start == of.begin { 0 } else { framing.margin().min(start as usize) };
        let offset = start - before as u64;
        let edge = (end - offset) as usize;
        let mut goal = edge + of.ahead.load(Relaxed);
        let mut room = of.room(before + self.room(), offset, goal, start)?;
        loop {
            let ended = of.extend(&mut room, goal, offset, start)?;
            let block = room.block();
            let filled = block.len();
            // Not even its first byte is there: a file of the kernel that claims more than it has, or was cut and has grown again.
            if filled <= before {
                return self.loaded(room, 0..0, offset);
            }
            let [open, open_behind] = self.open(&block[before..edge.min(filled)])?;
            let start_at = |at, open| match &of.quotes {
                Some(_) => framing.start_quoted(block, at, open),
                None => framing.start(block, at, offset),
            };
            let first = if start == of.begin { Some(0) } else { start_at(before, open) };
            // Nothing starts here: all of it is the middle of a record, or the file is shorter by now.
            let Some(first) = first.filter(|first| *first < edge.min(filled)) else {
                return self.loaded(room, 0..0, offset);
            };
            let last = match start_at(edge.min(filled), open_behind) {
                Some(last) => last,
                None if !ended && filled - edge > of.max_record.saturating_add(framing.margin()) => {
                    let long = framing.too_long(block, first, of.max_record).unwrap_or(first);
                    return Err(of.too_long(offset + long as u64));
                }
                None if !ended => {
                    goal = filled + (filled / 2).max(AHEAD_MOST);
                    continue;
                }
                None if of.ends_with_record(offset + filled as u64) => {
                    end_of_input(framing, &block[first..], &of.subject, offset + first as u64)?;
                    filled
                }
                // It has grown since.
                None => continue,
            };
            of.learn(last.saturating_sub(edge));
            // Quotes are all that was looked at; what stands around them is not.
            if of.quotes.is_some() {
                end_of_input(framing, &block[first..last], &of.subject, offset + first as u64)?;
            }
            of.check_lengths(framing, &block[..last], first, offset)?;
            return self.loaded(room, first..last, offset);
        }
    }
}

impl Part {
    /// Whether a quote is open before its bytes, and behind them; of a framing without quotes never.
    fn open(&self, bytes: &[u8]) -> Result<[bool; 2], StreamError> {
        let (Some(quotes), Some(known)) = (&self.of.quotes, self.known) else { return Ok([false; 2]) };
        let (start, odd) = (self.range.start, quotes.is_odd(bytes));
        quotes.counted(start..start + bytes.len() as u64, odd);
        let open = quotes.open_at(start, known, |gap| self.of.count(quotes, gap))?;
        Ok([open, open ^ odd])
    }

    /// What it became. An error if bytes were missing while they were looked at.
    fn loaded(&self, room: Room, window: Range<usize>, offset: u64) -> Result<Loaded, StreamError> {
        let (storage, bytes) = room.into_storage(&self.of);
        storage.check(offset)?;
        Ok(Loaded { storage, window, offset, bytes })
    }
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

    /// The last record began somewhere in the part and ended that far behind it.
    fn learn(&self, behind: usize) {
        if behind > self.ahead.load(Relaxed) / 2 {
            self.ahead.store((2 * behind).min(AHEAD_MOST), Relaxed);
        }
    }

    /// A part is hardly longer than a record may be: so of most windows no record needs to be looked at.
    fn check_lengths<F: Framing>(
        &self,
        framing: &F,
        window: &[u8],
        first: usize,
        offset: u64,
    ) -> Result<(), StreamError> {
        let long = window.len() - first > self.max_record;
        match long.then(|| framing.too_long(window, first, self.max_record)).flatten() {
            None => check_widths(framing, window, first, &self.subject, offset),
            Some(start) => Err(self.too_long(offset + start as u64)),
        }
    }

    fn too_long(&self, at: u64) -> StreamError {
        StreamError::read(StreamErrorKind::RecordTooLong { limit: self.max_record }, &self.subject, at)
    }
}
