//! The batch of a source of records: a window over one of the reader's buffers, or the part of a file that is still to be read into one.

use crate::error::StreamError;
use crate::framing::{Cursor, Framing, Newline, Place};
use crate::parts::Part;
use crate::storage::Storage;
use pipe_core::{Batch, BoxError, Flow, Item, Reread, Truncate};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// Whole records in a buffer that goes back to its reader when the last chunk over it is dropped.
///
/// It lends each record as the framing makes it, of lines the bytes without the line feed; nothing is copied. It may move to another
/// thread, and split: both halves then share the buffer.
///
/// ```text
/// buffer  | lent | records to lend ... |  (another half, or the tail that the reader has copied on)
///         ^first ^next                 ^end
/// ```
///
/// A chunk of a file that several workers may read comes as a promise: [`load`](Batch::load) reads it, by the worker that will lend it.
pub struct Chunk<F = Newline> {
    framing: F,
    content: Content,
    /// Where the first record that this chunk lent or will lend starts.
    first: usize,
    /// Where the record lent last and the next one start: `first <= next <= end`.
    place: Place,
    /// Behind the last record and what belongs to it.
    end: usize,
    /// The position of the buffer's first byte in the input.
    offset: u64,
    /// Where the input starts on the number line of positions: that of a file among several is where the one before ended.
    base: u64,
    /// This chunk's share of the bytes that the buffer keeps alive.
    bytes: usize,
}

enum Content {
    Unread(Part),
    Bytes(Arc<Storage>),
}

impl<F: Framing> Chunk<F> {
    /// The records from `first` to `end` of `storage`, of which the first byte stood at `offset` in the input. It counts as `bytes`.
    pub(crate) fn new(
        framing: F,
        storage: Arc<Storage>,
        window: Range<usize>,
        offset: u64,
        bytes: usize,
    ) -> Self {
        let Range { start, end } = window;
        Chunk {
            framing,
            content: Content::Bytes(storage),
            first: start,
            place: Place::at(start),
            end,
            offset,
            base: 0,
            bytes,
        }
    }

    /// The records that start in a part of a file.
    pub(crate) fn unread(framing: F, part: Part) -> Self {
        let bytes = part.room();
        Chunk {
            framing,
            content: Content::Unread(part),
            first: 0,
            place: Place::at(0),
            end: 0,
            offset: 0,
            base: 0,
            bytes,
        }
    }

    /// The same records, of an input that starts at `base`.
    pub(crate) fn based(self, base: u64) -> Self {
        Chunk { base, ..self }
    }

    /// Reads the part that it stands for, if that is still to be done.
    pub(crate) fn read(&mut self) -> Result<(), StreamError> {
        let Content::Unread(part) = &self.content else { return Ok(()) };
        let read = part.read(&self.framing)?;
        let framing = self.framing.clone();
        *self = Chunk::new(framing, Arc::new(read.storage), read.window, read.offset, read.bytes)
            .based(self.base);
        Ok(())
    }

    /// All bytes of the buffer up to the end of the window.
    #[inline]
    fn window(&self) -> &[u8] {
        match &self.content {
            Content::Bytes(storage) => &storage[..self.end],
            Content::Unread(_) => panic!("a chunk is loaded before it is driven"),
        }
    }

    /// Whether there is a record in this part of the window.
    fn lends(&self, part: Range<usize>) -> bool {
        let mut place = Place::at(part.start);
        self.framing.drive(&self.window()[..part.end], Cursor::new(&mut place), |_, _| Flow::Break(()));
        place.last().is_some()
    }

    fn storage(&self) -> Option<&Arc<Storage>> {
        match &self.content {
            Content::Bytes(storage) => Some(storage),
            Content::Unread(_) => None,
        }
    }
}

impl<F: Framing> Batch for Chunk<F> {
    type Item<'a> = <F::Record as Item>::Of<'a>;

    /// The size of the buffer. Halves that share one divide it in proportion to what was left to lend when they parted, so that their sum
    /// is right; the buffer is given back when both are gone.
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn payload(&self) -> usize {
        match &self.content {
            Content::Unread(part) => part.len(),
            Content::Bytes(_) => self.end - self.place.next,
        }
    }

    fn is_empty(&self) -> bool {
        self.payload() == 0
    }

    fn load(&mut self) -> Result<(), BoxError> {
        Ok(self.read()?)
    }

    /// An error if the file that it is a [mapping](crate::Backend) of was cut before the records that it lent were done with.
    fn check(&self) -> Result<(), BoxError> {
        Ok(self.storage().map_or(Ok(()), |storage| storage.check(self.offset))?)
    }

    #[inline(always)]
    fn drive(&mut self, limit: usize, mut each: impl for<'a> FnMut(u64, Self::Item<'a>) -> Flow) -> usize {
        if limit == 0 || self.is_empty() {
            return 0;
        }
        let window = match &self.content {
            Content::Bytes(storage) => &storage[..self.end],
            Content::Unread(_) => panic!("a chunk is loaded before it is driven"),
        };
        let offset = self.base + self.offset;
        let mut lent = 0;
        self.framing.drive(
            window,
            Cursor::new(&mut self.place),
            #[inline(always)]
            |start, record| {
                lent += 1;
                let flow = each(offset + start as u64, record);
                if lent == limit { Flow::Break(()) } else { flow }
            },
        );
        lent
    }

    fn position(&self) -> u64 {
        self.place.last().map_or(0, |last| self.base + self.offset + last as u64)
    }

    fn split(&mut self) -> Option<Self> {
        if let Content::Unread(part) = &mut self.content {
            let back = part.split()?;
            self.bytes = part.room();
            return Some(Chunk::unread(self.framing.clone(), back).based(self.base));
        }
        let storage = self.storage()?.clone();
        let (next, left) = (self.place.next, self.end - self.place.next);
        if left < 2 {
            return None;
        }
        let cut = self.framing.cut(self.window(), next, next + left / 2, self.offset);
        // One record over the middle and up to the end: then perhaps there is one before it.
        let cut =
            if cut < self.end { cut } else { self.framing.cut(self.window(), next, next + 1, self.offset) };
        // What is cut off may hold no record: empty lines at the end of a table.
        if cut >= self.end || !self.lends(next..cut) || !self.lends(cut..self.end) {
            return None;
        }
        let share = (self.bytes as u128 * (self.end - cut) as u128 / left as u128) as usize;
        let back = Chunk::new(self.framing.clone(), storage, cut..self.end, self.offset, share);
        let back = back.based(self.base);
        self.end = cut;
        self.bytes -= share;
        Some(back)
    }

    /// The record that starts at this offset of the input, if this chunk lent it or will lend it.
    fn record(&self, position: u64) -> Option<&[u8]> {
        let start = usize::try_from(position.checked_sub(self.base + self.offset)?).ok()?;
        if !(self.first..self.end).contains(&start) || self.storage().is_none() {
            return None;
        }
        let window = self.window();
        let starts = start == self.first
            || self.place.last() == Some(start)
            || self.framing.cut(window, self.first, start, self.offset) == start;
        starts.then(|| self.framing.record(window, start))
    }
}

impl<F: Framing> Reread for Chunk<F> {
    /// Shares the buffer, and counts as the bytes of its record: the buffer itself counts where it was read.
    fn reread(&self) -> Option<Self> {
        let mut place = Place::at(self.place.next);
        self.framing.drive(self.window(), Cursor::new(&mut place), |_, _| Flow::Break(()));
        let (start, end) = (place.last()?, place.next);
        let next =
            Chunk::new(self.framing.clone(), self.storage()?.clone(), start..end, self.offset, end - start);
        Some(next.based(self.base))
    }
}

impl<F: Framing> Truncate for Chunk<F> {
    /// Looks at so many records. The chunk counts as before: it keeps its buffer.
    fn truncate(&mut self, items: usize) -> usize {
        let mut records = 0;
        let mut place = self.place;
        if items > 0 && !self.is_empty() {
            self.framing.drive(self.window(), Cursor::new(&mut place), |_, _| {
                records += 1;
                if records == items { Flow::Break(()) } else { Flow::Continue(()) }
            });
        }
        self.end = place.next;
        records
    }
}

impl<F> fmt::Debug for Chunk<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk")
            .field("offset", &self.offset)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::{Buffer, Pool};
    use std::panic::{AssertUnwindSafe, catch_unwind};

    fn chunk(text: &[u8]) -> Chunk {
        pooled(text, &Pool::new(100))
    }

    fn pooled(text: &[u8], pool: &Arc<Pool>) -> Chunk {
        let mut bytes = text.to_vec();
        bytes.extend(b"tail\nnot ours");
        let room = bytes.len();
        let storage = Storage::Read(Buffer { bytes, pool: pool.clone() });
        Chunk::new(Newline::default(), Arc::new(storage), 0..text.len(), 1_000, room)
    }

    fn lines(chunk: &mut Chunk, limit: usize) -> Vec<(u64, String)> {
        let mut lines = Vec::new();
        let lent = chunk.drive(limit, |at, line| {
            lines.push((at, String::from_utf8(line.to_vec()).unwrap()));
            Flow::Continue(())
        });
        assert_eq!(lent, lines.len());
        lines
    }

    /// Each line and where it starts.
    fn naive(text: &[u8]) -> Vec<(u64, String)> {
        let mut at = 1_000;
        let whole = text.strip_suffix(b"\n").unwrap_or(text);
        let lines = whole.split(|byte| *byte == b'\n').map(|line| {
            let start = at;
            at += line.len() as u64 + 1;
            (start, String::from_utf8(line.to_vec()).unwrap())
        });
        if text.is_empty() { Vec::new() } else { lines.collect() }
    }

    fn texts() -> impl Iterator<Item = Vec<u8>> {
        let long = "x".repeat(300);
        let mixed = format!("a\n\n{long}\nbc\n\n\nlast of {long}\n{}", "short\n".repeat(30));
        (0..=mixed.len()).map(move |len| mixed.as_bytes()[..len].to_vec())
    }

    #[test]
    fn lines_come_in_order_once_with_their_positions_for_every_limit() {
        for text in texts() {
            let expected = naive(&text);
            for limit in [1, 2, 3, usize::MAX] {
                let mut chunk = chunk(&text);
                let mut seen = Vec::new();
                assert_eq!((lines(&mut chunk, 0).len(), chunk.position()), (0, 0));
                loop {
                    let some = lines(&mut chunk, limit);
                    let Some((last, _)) = some.last() else { break };
                    assert_eq!(chunk.position(), *last);
                    seen.extend(some);
                }
                assert_eq!(seen, expected);
            }
        }
    }

    #[test]
    fn position_names_the_line_lent_last_also_after_a_break_or_a_panic() {
        let mut chunk = chunk(b"one\ntwo\nthree\nfour\nfive");
        let mut stop_at = |at: &[u8], panics: bool| {
            let ended = catch_unwind(AssertUnwindSafe(|| {
                chunk.drive(usize::MAX, |_, line| match line == at {
                    true if panics => panic!("stopped"),
                    true => Flow::Break(()),
                    false => Flow::Continue(()),
                })
            }));
            (ended.ok(), chunk.position())
        };
        assert_eq!(stop_at(b"two", false), (Some(2), 1_004));
        assert_eq!(stop_at(b"three", true), (None, 1_008));
        assert_eq!(stop_at(b"five", true), (None, 1_019));
        assert!(lines(&mut chunk, 9).is_empty());
    }

    #[test]
    fn halves_lend_all_lines_once_and_share_the_bytes() {
        for text in texts() {
            for lent in 0..4 {
                let mut front = chunk(&text);
                let bytes = Batch::bytes(&front);
                let mut seen = lines(&mut front, lent);
                let mut parts = vec![front];
                while let Some(back) = parts.iter_mut().find_map(Chunk::split) {
                    assert_eq!(back.position(), 0);
                    parts.push(back);
                }
                assert_eq!(parts.iter().map(Batch::bytes).sum::<usize>(), bytes);
                parts.sort_by_key(|part| part.first);
                let left: Vec<_> = parts.iter_mut().map(|part| lines(part, usize::MAX)).collect();
                assert!(left.iter().all(|part| part.len() <= 1), "split until one line is left");
                seen.extend(left.into_iter().flatten());
                assert_eq!(seen, naive(&text));
            }
        }
    }

    #[test]
    fn records_are_the_lines_that_were_or_will_be_lent() {
        for text in texts() {
            let expected = naive(&text);
            for lent in [0, 1, 3, usize::MAX] {
                let mut front = chunk(&text);
                lines(&mut front, lent);
                let back = front.split();
                let parts: Vec<_> = [Some(front), back].into_iter().flatten().collect();
                for at in 990..1_010 + text.len() as u64 + 20 {
                    let record =
                        |part: &Chunk| part.record(at).map(|line| String::from_utf8(line.to_vec()).unwrap());
                    let found: Vec<_> = parts.iter().filter_map(record).collect();
                    let line =
                        expected.iter().filter(|(start, _)| *start == at).map(|(_, line)| line.clone());
                    assert_eq!(found, line.collect::<Vec<_>>(), "at {at} of {text:?}");
                }
                assert!([0, u64::MAX].iter().all(|at| parts.iter().all(|part| part.record(*at).is_none())));
            }
        }
    }

    #[test]
    fn the_next_line_can_be_had_alone_any_number_of_times() {
        for text in texts() {
            let mut chunk = chunk(&text);
            let (buffer, bytes) = (chunk.window().as_ptr(), Batch::bytes(&chunk));
            for (at, line) in naive(&text) {
                for _ in 0..2 {
                    let mut one = chunk.reread().unwrap();
                    assert_eq!((one.window().as_ptr(), one.position()), (buffer, 0));
                    assert!(Batch::bytes(&one) == one.payload() && one.payload() <= line.len() + 1);
                    assert!(one.split().is_none());
                    assert_eq!(lines(&mut one, 9), [(at, line.clone())]);
                    assert_eq!((one.position(), one.record(at)), (at, Some(line.as_bytes())));
                    assert!(one.is_empty() && one.reread().is_none());
                }
                assert_eq!(lines(&mut chunk, 1), [(at, line)]);
            }
            assert!(chunk.reread().is_none());
            assert_eq!(Batch::bytes(&chunk), bytes);
        }
    }

    #[test]
    fn a_chunk_is_cut_behind_any_line() {
        for text in texts().step_by(7) {
            let expected = naive(&text);
            for lent in [0, 1, 5] {
                for kept in [0, 1, 2, 3, expected.len(), usize::MAX] {
                    let mut chunk = chunk(&text);
                    let before = lines(&mut chunk, lent).len();
                    let left: Vec<_> = expected.iter().skip(before).take(kept).cloned().collect();
                    assert_eq!(chunk.truncate(kept), left.len());
                    assert_eq!(lines(&mut chunk, usize::MAX), left);
                }
            }
        }
    }

    #[test]
    fn the_first_split_gives_away_about_half() {
        let mut front = chunk(&b"fourteen bytes\n".repeat(1_000));
        let back = front.split().unwrap();
        assert_eq!((front.payload(), back.payload()), (7_500, 7_500));
    }

    #[test]
    fn the_buffer_goes_back_with_the_last_half() {
        let pool = Pool::new(100);
        let mut front = pooled(b"one\ntwo\nthree\n", &pool);
        let back = front.split().unwrap();
        let (place, len) = (front.window().as_ptr(), Batch::bytes(&front) + Batch::bytes(&back));
        drop(front);
        let other = pool.take(len).unwrap();
        assert_ne!(other.as_ptr(), place);
        std::thread::spawn(|| drop(back)).join().unwrap();
        let same = pool.take(len).unwrap();
        assert_eq!(same.as_ptr(), place);
    }
}
