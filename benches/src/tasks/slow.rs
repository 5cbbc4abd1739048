//! `slow-sink`: a text that is made while it is read, and a digest that takes longer than making it.

use crate::rng::Rng;
use std::fmt;
use std::future::poll_fn;
use std::io::{self, Read};
use std::task::Poll;

/// One record in so many is large.
const LARGE_EVERY: u64 = 10_000;
const LARGE: usize = 8 << 20;

/// Records repeat these bytes, from a place that their number chooses.
const PATTERN: usize = 64 << 10;

/// So many lines, of 1 KiB in the mean, but for the large ones. Nothing of it is kept.
pub(crate) struct Generated {
    pattern: Vec<u8>,
    numbers: std::ops::Range<u64>,
    /// Where the rest of the line goes on in the pattern, and how long it is, with its line feed.
    at: usize,
    left: usize,
}

impl Generated {
    pub(crate) fn new(records: u64) -> Self {
        let mut rng = Rng::new(0x736C_6F77);
        let pattern = (0..PATTERN).map(|_| b'a' + rng.below(26) as u8).collect();
        Self { pattern, numbers: 0..records, at: 0, left: 0 }
    }

    /// The next line, if there is one.
    fn begin(&mut self) -> bool {
        let Some(number) = self.numbers.next() else { return false };
        let mixed = crate::rng::mix(number) as usize;
        let length = if number % LARGE_EVERY == LARGE_EVERY / 2 { LARGE } else { 512 + mixed % 1024 };
        (self.at, self.left) = ((mixed >> 16) % PATTERN, length + 1);
        true
    }
}

impl Read for Generated {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < room.len() && (self.left > 0 || self.begin()) {
            let some = (self.left - 1).min(PATTERN - self.at).min(room.len() - filled);
            if some == 0 {
                room[filled] = b'\n';
                (filled, self.left) = (filled + 1, 0);
                continue;
            }
            room[filled..filled + some].copy_from_slice(&self.pattern[self.at..self.at + some]);
            (self.at, self.left) = ((self.at + some) % PATTERN, self.left - some);
            filled += some;
        }
        Ok(filled)
    }
}

/// An operation that is over when it is asked a second time.
pub(crate) async fn twice(record: Vec<u8>) -> Vec<u8> {
    let mut waits = 0..1;
    poll_fn(|cx| {
        cx.waker().wake_by_ref();
        waits.next().map_or(Poll::Ready(()), |_| Poll::Pending)
    })
    .await;
    record
}

/// FNV-1a over all records, each with a line feed: a byte after the other, which is slow.
pub(crate) struct Digest {
    records: u64,
    bytes: u64,
    hash: u64,
}

impl Default for Digest {
    fn default() -> Self {
        Self { records: 0, bytes: 0, hash: 0xCBF2_9CE4_8422_2325 }
    }
}

impl Digest {
    /// Takes one record, without its line feed.
    pub(crate) fn add(&mut self, record: &[u8]) {
        self.records += 1;
        self.bytes += record.len() as u64 + 1;
        self.hash = record
            .iter()
            .chain(b"\n")
            .fold(self.hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3));
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records {} bytes {:016x}", self.records, self.bytes, self.hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::fnv1a;

    #[test]
    fn the_text_does_not_depend_on_the_reads_and_one_record_is_large() {
        let read = |room: usize| {
            let (mut text, mut from, mut buffer) = (Vec::new(), Generated::new(6_000), vec![0; room]);
            loop {
                match from.read(&mut buffer).unwrap() {
                    0 => return text,
                    read => text.extend_from_slice(&buffer[..read]),
                }
            }
        };
        let text = read(1 << 20);
        assert!(text == read(777), "another size of reads, another text");
        let lengths: Vec<usize> = text.split(|byte| *byte == b'\n').map(<[u8]>::len).collect();
        assert_eq!((lengths.len(), lengths[5_000], lengths[6_000]), (6_001, LARGE, 0));
        assert!(lengths[..5_000].iter().all(|length| (512..1536).contains(length)));
        let mut digest = Digest::default();
        text.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n').for_each(|line| digest.add(line));
        assert_eq!((digest.records, digest.bytes, digest.hash), (6_000, text.len() as u64, fnv1a(&text)));
    }
}
