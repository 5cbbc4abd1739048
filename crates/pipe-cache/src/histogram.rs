//! How often each byte occurs.

use crate::simd::Simd;
use pulp::WithSimd;

/// From this many bytes on pairs are counted: below, it would take longer to add up the table of pairs than it saves.
const PAIRS: usize = 48 << 10;

impl Simd {
    /// How often each value occurs: the histogram of a channel of an image, byte frequencies of a file.
    ///
    /// A processor stores one number per cycle, so a loop cannot count more than one byte in each. From 48 KiB on it counts pairs of bytes,
    /// in a table of 64 KiB, which is added up by rows and by columns. Below, four tables take turns: neighbours that are equal, as in
    /// images they often are, would wait for each other's addition in memory.
    ///
    /// ```
    /// let counts = pipe_cache::Simd::best().histogram(b"abracadabra");
    /// assert_eq!((counts[usize::from(b'a')], counts[usize::from(b'r')]), (5, 2));
    /// ```
    pub fn histogram(&self, bytes: &[u8]) -> [u64; 256] {
        let mut counts = [0; 256];
        if bytes.len() < PAIRS {
            for table in in_four_tables(bytes) {
                counts.iter_mut().zip(table).for_each(|(count, more)| *count += u64::from(more));
            }
        } else {
            self.arch().dispatch(InPairs { bytes, counts: &mut counts });
        }
        counts
    }
}

struct InPairs<'b> {
    bytes: &'b [u8],
    counts: &'b mut [u64; 256],
}

/// A counter of 8 bits for each pair, so that the table stays near; what it cannot hold any more is added to the counts at once.
impl WithSimd for InPairs<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let InPairs { bytes, counts } = self;
        let mut table = vec![[0_u8; 256]; 256];
        let (rows, _) = table.as_chunks_mut::<256>();
        let pairs = rows[0].as_flattened_mut();
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            let word = u64::from_le_bytes(*word);
            for at in 0..4 {
                let pair = (word >> (16 * at)) as u16 as usize;
                pairs[pair] = pairs[pair].wrapping_add(1);
                if pairs[pair] == 0 {
                    counts[pair % 256] += 256;
                    counts[pair / 256] += 256;
                }
            }
        }
        rest.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
        add_up(&table, counts);
    }
}

/// Rows are the second bytes of the pairs, columns the first ones. Of 256 counters up to 255 the sum has 16 bits.
#[inline(always)]
fn add_up(table: &[[u8; 256]], counts: &mut [u64; 256]) {
    let mut columns = [0_u16; 256];
    for (second, row) in table.iter().enumerate() {
        let mut sum = 0_u16;
        for (column, count) in columns.iter_mut().zip(row) {
            *column += u16::from(*count);
            sum += u16::from(*count);
        }
        counts[second] += u64::from(sum);
    }
    counts.iter_mut().zip(columns).for_each(|(count, column)| *count += u64::from(column));
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
