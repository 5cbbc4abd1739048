//! Where fields end.

use crate::mask::BLOCK;

/// The ends of the fields of a few rows, in order. Eight are written at once, whether there are as many or not: that is cheaper than to ask
/// after each (Langdale and Lemire, 2019, section 3.2).
pub(crate) struct Ends {
    places: Vec<u32>,
    /// The ends of the row that is to be taken next start here.
    next: usize,
    len: usize,
}

impl Ends {
    pub(crate) fn new() -> Self {
        Ends { places: vec![0; 4 * BLOCK], next: 0, len: 0 }
    }

    /// Adds an end for each bit, of a block that starts at `at`. Returns how many there were before, since the last row was taken or not.
    #[inline(always)]
    pub(crate) fn add(&mut self, mut bits: u64, at: u32) -> usize {
        if self.len + BLOCK > self.places.len() {
            self.make_room();
        }
        let before = self.len;
        let count = bits.count_ones() as usize;
        let (eights, _) = self.places[before..before + BLOCK].as_chunks_mut::<8>();
        for eight in &mut eights[..count.div_ceil(8)] {
            for place in eight {
                // Where there is none any more, any place will do: so nobody need ask.
                *place = at.wrapping_add((bits | 1 << 63).trailing_zeros());
                bits &= bits.wrapping_sub(1);
            }
        }
        self.len = before + count;
        before
    }

    /// The ends up to `until`, which is one of a row.
    #[inline(always)]
    pub(crate) fn take(&mut self, until: usize) -> &[u32] {
        let next = self.next;
        self.next = until;
        &self.places[next..until]
    }

    /// Keeps the ends of the row that has begun, and nothing else.
    #[cold]
    fn make_room(&mut self) {
        self.places.copy_within(self.next..self.len, 0);
        self.len -= self.next;
        self.next = 0;
        if self.len + BLOCK > self.places.len() {
            self.places.resize(2 * self.places.len(), 0);
        }
    }
}
