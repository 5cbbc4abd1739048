//! The batch of a source of lines: a window over one of the reader's buffers.

use crate::buffer::Buffer;
use crate::newlines::Newlines;
use memchr::{memchr, memrchr};
use pipe_core::{Batch, Flow, Reread, Truncate};
use std::sync::Arc;

/// Whole lines in a buffer that goes back to its reader when the last chunk over it is dropped.
///
/// It lends each line as `&[u8]`, without its line feed; nothing is copied. It may move to another thread, and split: both halves then
/// share the buffer.
///
/// ```text
/// buffer  | lent | lines to lend ... |  (another half, or the tail that the reader has copied on)
///         ^first ^next               ^end
/// ```
pub struct Chunk {
    buffer: Arc<Buffer>,
    /// Where the first line that this chunk lent or will lend starts.
    first: usize,
    /// Where the next line starts: `first <= next <= end`.
    next: usize,
    /// Behind the last line and its line feed, which only the last line of an input may lack.
    end: usize,
    /// The position of the buffer's first byte in the input.
    offset: u64,
    /// This chunk's share of the bytes that the buffer keeps alive.
    bytes: usize,
}

impl Chunk {
    /// The lines in the first `end` bytes of `buffer`, which stood at `offset` in the input.
    pub(crate) fn new(buffer: Buffer, end: usize, offset: u64) -> Self {
        let bytes = buffer.bytes.len();
        Chunk { buffer: Arc::new(buffer), first: 0, next: 0, end, offset, bytes }
    }

    /// The lines from `start` to `end` of a buffer that holds the whole input. It counts as the bytes of these lines.
    pub(crate) fn window(buffer: Arc<Buffer>, start: usize, end: usize) -> Self {
        Chunk { buffer, first: start, next: start, end, offset: 0, bytes: end - start }
    }
}

impl Batch for Chunk {
    type Item<'a> = &'a [u8];

    /// The size of the buffer. Halves that share one divide it in proportion to what was left to lend when they parted, so that their sum
    /// is right; the buffer is given back when both are gone.
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn payload(&self) -> usize {
        self.end - self.next
    }

    fn is_empty(&self) -> bool {
        self.next == self.end
    }

    #[inline(always)]
    fn drive(&mut self, limit: usize, mut each: impl for<'a> FnMut(u64, &'a [u8]) -> Flow) -> usize {
        let window = &self.buffer.bytes[..self.end];
        // The cursor is a local, so that it lives in a register and not behind `&mut self`; its `Drop` writes it back, also when `each`
        // panics.
        let mut cursor = Cursor { next: self.next, home: &mut self.next };
        let mut newlines = Newlines::new(window, cursor.next);
        let mut lent = 0;
        while lent < limit && cursor.next < window.len() {
            let start = cursor.next;
            let end = newlines.next().unwrap_or(window.len());
            let Some(line) = window.get(start..end) else { break };
            cursor.next = window.len().min(end + 1);
            lent += 1;
            if each(self.offset + start as u64, line).is_break() {
                break;
            }
        }
        lent
    }

    /// Searched for when asked, so that lending pays nothing for it: the line lent last ends before `next`.
    fn position(&self) -> u64 {
        let lent = &self.buffer.bytes[self.first..self.next];
        let line = lent.strip_suffix(b"\n").unwrap_or(lent);
        match lent {
            [] => 0,
            _ => self.offset + (self.first + memrchr(b'\n', line).map_or(0, |feed| feed + 1)) as u64,
        }
    }

    fn split(&mut self) -> Option<Self> {
        let left = &self.buffer.bytes[self.next..self.end];
        let middle = left.len() / 2;
        let behind = |feed: usize| feed + 1;
        let cut = memchr(b'\n', &left[middle..])
            .map(|feed| behind(middle + feed))
            .filter(|cut| *cut < left.len())
            .or_else(|| memrchr(b'\n', &left[..middle]).map(behind))?;
        let share = (self.bytes as u128 * (left.len() - cut) as u128 / left.len() as u128) as usize;
        let back = Chunk {
            buffer: self.buffer.clone(),
            first: self.next + cut,
            next: self.next + cut,
            end: self.end,
            offset: self.offset,
            bytes: share,
        };
        self.end = back.first;
        self.bytes -= share;
        Some(back)
    }

    /// The line that starts at this offset of the input, if this chunk lent it or will lend it.
    fn record(&self, position: u64) -> Option<&[u8]> {
        let start = usize::try_from(position.checked_sub(self.offset)?).ok()?;
        let bytes = &self.buffer.bytes[..self.end];
        let starts = start == self.first || start > self.first && bytes.get(start - 1) == Some(&b'\n');
        let rest = bytes.get(start..).filter(|rest| starts && !rest.is_empty())?;
        Some(&rest[..memchr(b'\n', rest).unwrap_or(rest.len())])
    }
}

impl Reread for Chunk {
    /// Shares the buffer, and counts as the bytes of its line: the buffer itself counts where it was read.
    fn reread(&self) -> Option<Self> {
        let left = &self.buffer.bytes[self.next..self.end];
        let bytes = memchr(b'\n', left).map_or(left.len(), |feed| feed + 1);
        let end = self.next + bytes;
        (bytes > 0).then(|| Chunk { buffer: self.buffer.clone(), first: self.next, end, bytes, ..*self })
    }
}

impl Truncate for Chunk {
    /// Looks for so many line feeds. The chunk counts as before: it keeps its buffer.
    fn truncate(&mut self, items: usize) -> usize {
        let mut newlines = Newlines::new(&self.buffer.bytes[..self.end], self.next);
        let (mut end, mut lines) = (self.next, 0);
        while lines < items && end < self.end {
            end = newlines.next().map_or(self.end, |feed| feed + 1);
            lines += 1;
        }
        self.end = end;
        lines
    }
}

struct Cursor<'c> {
    next: usize,
    home: &'c mut usize,
}

impl Drop for Cursor<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        *self.home = self.next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::Pool;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    fn chunk(text: &[u8]) -> Chunk {
        let mut bytes = text.to_vec();
        bytes.extend(b"tail\nnot ours");
        Chunk::new(Buffer { bytes, pool: Pool::new(100) }, text.len(), 1_000)
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
            let (buffer, bytes) = (chunk.buffer.bytes.as_ptr(), Batch::bytes(&chunk));
            for (at, line) in naive(&text) {
                for _ in 0..2 {
                    let mut one = chunk.reread().unwrap();
                    assert_eq!((one.buffer.bytes.as_ptr(), one.position()), (buffer, 0));
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
        assert_eq!((front.end - front.next, back.end - back.next), (7_515, 7_485));
    }

    #[test]
    fn the_buffer_goes_back_with_the_last_half() {
        let mut front = chunk(b"one\ntwo\nthree\n");
        let pool = front.buffer.pool.clone();
        let back = front.split().unwrap();
        let (place, len) = (front.buffer.bytes.as_ptr(), front.buffer.bytes.len());
        drop(front);
        let other = pool.take(len).unwrap();
        assert_ne!(other.as_ptr(), place);
        std::thread::spawn(|| drop(back)).join().unwrap();
        let same = pool.take(len).unwrap();
        assert_eq!(same.as_ptr(), place);
    }
}
