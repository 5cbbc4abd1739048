//! Where fields and rows end.
//!
//! Found for 4 KiB at once, out of line, since the processor may have instructions for counting and finding bits that not every processor
//! has. The loop over the rows, into which the whole chain is inlined, then only takes what is there.

use crate::mask::{BLOCK, parity};
use crate::plane::Plane;

/// The ends of the fields of a few rows, in order, and which of them end a row.
pub(crate) struct Ends {
    places: Vec<u32>,
    /// How many of `places` there are; what is behind them is left over.
    len: usize,
    /// The ends of the row that is to be taken next start here.
    next: usize,
    /// Behind which of `places` a row ends.
    rows: Vec<u32>,
    /// The one of `rows` that is to be taken next.
    row: usize,
    /// Whether a quote is open behind the last byte.
    open: bool,
}

/// Some bytes of a table, up to 4 KiB.
pub(crate) struct Stride<'s> {
    /// Where quotes, delimiters and line feeds are.
    pub(crate) planes: &'s [Plane; 3],
    pub(crate) len: usize,
    /// The place of the first byte.
    pub(crate) at: u32,
    /// The last row ends behind them without a line feed.
    pub(crate) ends_row: bool,
}

/// This many places are written at once, whether there are as many or not: that is cheaper than to ask after each (Langdale and Lemire, 2019,
/// section 3.2).
const AT_ONCE: usize = 8;

impl Ends {
    /// None, where no quote is open.
    pub(crate) fn new() -> Self {
        Ends { places: Vec::new(), len: 0, next: 0, rows: Vec::new(), row: 0, open: false }
    }

    /// Adds the ends in the bytes that follow, when all rows before were taken.
    pub(crate) fn add(&mut self, stride: &Stride<'_>) {
        #[cfg(target_arch = "x86_64")]
        crate::x86::add_ends(self, stride);
        #[cfg(not(target_arch = "x86_64"))]
        self.add_all(stride);
    }

    /// The ends of the fields of the next row, if all of it was added.
    #[inline(always)]
    pub(crate) fn take_row(&mut self) -> Option<&[u32]> {
        let until = *self.rows.get(self.row)? as usize;
        let next = std::mem::replace(&mut self.next, until);
        self.row += 1;
        self.places.get(next..until)
    }

    #[inline(always)]
    pub(crate) fn add_all(&mut self, stride: &Stride<'_>) {
        let mut bits = [[0; 2]; BLOCK + 1];
        let count = self.mark(stride, &mut bits);
        self.make_room(count);
        for (index, [bits, feeds]) in bits.into_iter().enumerate().take(stride.len / BLOCK + 1) {
            let count = bits.count_ones() as usize;
            self.put(bits, count, stride.at.wrapping_add((index * BLOCK) as u32));
            let mut feeds = feeds;
            while feeds != 0 {
                let upto = feeds ^ (feeds - 1);
                self.rows.push((self.len + (bits & upto).count_ones() as usize) as u32);
                feeds &= feeds - 1;
            }
            self.len += count;
        }
    }

    /// For each block: what ends a field, and what of that ends a row. Returns how many there are.
    #[inline(always)]
    fn mark(&mut self, stride: &Stride<'_>, bits: &mut [[u64; 2]; BLOCK + 1]) -> usize {
        let [quotes, delimiters, feeds] = stride.planes;
        let mut count = 0;
        for index in 0..stride.len.div_ceil(BLOCK) {
            let inside = parity(quotes[index]) ^ u64::from(self.open).wrapping_neg();
            self.open = inside >> 63 == 1;
            let feeds = feeds[index] & !inside;
            bits[index] = [delimiters[index] & !inside | feeds, feeds];
            count += bits[index][0].count_ones() as usize;
        }
        if stride.ends_row {
            let end = 1 << (stride.len % BLOCK);
            bits[stride.len / BLOCK].iter_mut().for_each(|bits| *bits |= end);
            count += 1;
        }
        count
    }

    /// Room for `count` places. Keeps those of the row that has begun, and nothing else.
    #[inline(always)]
    fn make_room(&mut self, count: usize) {
        self.places.copy_within(self.next..self.len, 0);
        self.len -= self.next;
        self.next = 0;
        self.rows.clear();
        self.row = 0;
        // The last ones are written some at once, too.
        let room = self.len + count + AT_ONCE;
        if room > self.places.len() {
            self.places.resize(room + room / 4, 0);
        }
    }

    /// Writes the places of `count` bits behind the others.
    #[inline(always)]
    fn put(&mut self, mut bits: u64, count: usize, at: u32) {
        let (chunks, _) = self.places[self.len..].as_chunks_mut::<AT_ONCE>();
        for chunk in &mut chunks[..count.div_ceil(AT_ONCE)] {
            for place in chunk {
                // Where there is none any more, any place will do: so nobody need ask.
                *place = at.wrapping_add((bits | 1 << 63).trailing_zeros());
                bits &= bits.wrapping_sub(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::STRIDE;
    use pipe_core::testing::Rng;

    /// The fields of all whole rows, by whichever instructions.
    fn rows(strides: &[([Plane; 3], usize)], add: fn(&mut Ends, &Stride<'_>)) -> Vec<Vec<u32>> {
        let (mut ends, mut rows) = (Ends::new(), Vec::new());
        for (index, (planes, len)) in strides.iter().enumerate() {
            let (at, ends_row) = ((index * STRIDE) as u32, index + 1 == strides.len() && *len < STRIDE);
            add(&mut ends, &Stride { planes, len: *len, at, ends_row });
            rows.extend(std::iter::from_fn(|| ends.take_row().map(<[u32]>::to_vec)));
        }
        rows
    }

    #[test]
    fn ends_are_where_a_look_at_each_byte_finds_them_with_any_instructions() {
        let mut rng = Rng::new(12);
        for round in 0..40 {
            let kinds = [3, 8, 400, 5_000][round % 4];
            let bytes: Vec<u8> =
                (0..rng.below(3 * STRIDE as u64)).map(|_| rng.below(kinds).min(255) as u8).collect();
            let (mut naive, mut row, mut open) = (Vec::new(), Vec::new(), false);
            for (at, byte) in (0..).zip(&bytes) {
                open ^= *byte == 0;
                if !open && matches!(*byte, 1 | 2) {
                    row.push(at);
                }
                if !open && *byte == 2 {
                    naive.push(std::mem::take(&mut row));
                }
            }
            row.push(bytes.len() as u32);
            // What lacks its line feed ends with the bytes, unless those fill a stride: then the next one is empty.
            naive.push(row);
            let mut strides: Vec<_> = bytes.chunks(STRIDE).map(planes).collect();
            if bytes.len().is_multiple_of(STRIDE) {
                strides.push(planes(&[]));
            }
            assert_eq!(rows(&strides, Ends::add), naive);
            assert_eq!(rows(&strides, Ends::add_all), naive);
        }
    }

    /// Where the bytes 0, 1 and 2 are.
    fn planes(bytes: &[u8]) -> ([Plane; 3], usize) {
        let mut planes = [[0; BLOCK]; 3];
        for (at, byte) in bytes.iter().enumerate().filter(|(_, byte)| **byte < 3) {
            planes[usize::from(*byte)][at / BLOCK] |= 1 << (at % BLOCK);
        }
        (planes, bytes.len())
    }
}
