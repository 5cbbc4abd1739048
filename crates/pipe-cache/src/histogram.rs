//! How often each byte occurs.

use crate::simd::Simd;

/// Bytes that are counted before the tables are added up: so no counter of 32 bits overflows.
const PIECE: usize = 1 << 30;

impl Simd {
    /// How often each value occurs: the histogram of a channel of an image, byte frequencies of a file.
    ///
    /// Four tables in turn: neighbours that are equal, as in images they often are, would wait for each other's addition in memory. It
    /// is the same on every level.
    ///
    /// ```
    /// let counts = pipe_cache::Simd::best().histogram(b"abracadabra");
    /// assert_eq!((counts[usize::from(b'a')], counts[usize::from(b'r')]), (5, 2));
    /// ```
    pub fn histogram(&self, bytes: &[u8]) -> [u64; 256] {
        let mut counts = [0; 256];
        for piece in bytes.chunks(PIECE) {
            let tables = in_four_tables(piece);
            for (value, count) in counts.iter_mut().enumerate() {
                *count += tables.iter().map(|table| u64::from(table[value])).sum::<u64>();
            }
        }
        counts
    }
}

fn in_four_tables(bytes: &[u8]) -> [[u32; 256]; 4] {
    let mut tables = [[0; 256]; 4];
    let (words, rest) = bytes.as_chunks::<8>();
    let [a, b, c, d] = &mut tables;
    for word in words {
        // Read at once: eight reads of a byte would take as long as the counting.
        let word = u64::from_le_bytes(*word);
        let value = |at: u32| (word >> (8 * at)) as u8 as usize;
        a[value(0)] += 1;
        b[value(1)] += 1;
        c[value(2)] += 1;
        d[value(3)] += 1;
        a[value(4)] += 1;
        b[value(5)] += 1;
        c[value(6)] += 1;
        d[value(7)] += 1;
    }
    rest.iter().for_each(|byte| a[usize::from(*byte)] += 1);
    tables
}
