//! A part on its way to its records: read, and cut where the first and the last of them begin and end.

use super::{AHEAD_MOST, Parts};
use crate::error::StreamError;
use crate::framing::{Framing, check_widths, end_of_input};
use crate::quotes::Known;
use crate::room::Room;
use crate::storage::Storage;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// The records that start in a range of a file.
pub(crate) struct Part {
    pub(super) of: Arc<Parts>,
    pub(super) range: Range<u64>,
    /// What was known of quotes before it when it was handed out.
    pub(super) known: Option<Known>,
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
}
