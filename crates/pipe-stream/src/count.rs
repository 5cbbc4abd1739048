//! How often a byte occurs.
//!
//! 64 counters of a byte each, which the compiler keeps in vector registers, added up before they can overflow. The same code is compiled
//! for the vectors that the processor may have. `memchr_iter(..).count()` takes 2.2 times the instructions with AVX2, and knows no AVX-512.

use crate::mask::BLOCK;

/// Counts the line feeds of a block, with the widest vectors that the processor has: for [`blocks`](crate::Records::blocks), where nothing
/// but the number of lines is asked.
///
/// ```
/// use pipe_core::Inline;
/// use pipe_stream::{Lines, line_feeds};
///
/// let text: &[u8] = b"one\ntwo\nthree";
/// let lines = Lines::from_reader(text).blocks().pipeline().map(line_feeds).fold(u64::default, |all, one| *all += one, |all, part| *all += part);
/// assert_eq!(lines.run_on(&Inline)?.value, 2); // as `wc -l` counts
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub fn line_feeds(block: &[u8]) -> u64 {
    count(block, b'\n')
}

#[cfg(target_arch = "x86_64")]
pub(crate) use crate::x86::count;

#[cfg(not(target_arch = "x86_64"))]
pub(crate) use count_by_lanes as count;

/// As vector code, for what the function that it is compiled into may use.
#[inline(always)]
pub(crate) fn count_by_lanes(bytes: &[u8], byte: u8) -> u64 {
    let mut count = 0;
    // A counter takes part in one comparison of each block.
    for bytes in bytes.chunks(BLOCK * u8::MAX as usize) {
        let mut lanes = [0u8; BLOCK];
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        for block in blocks {
            for (lane, this) in lanes.iter_mut().zip(block) {
                *lane += u8::from(*this == byte);
            }
        }
        count += lanes.into_iter().map(u64::from).sum::<u64>();
        count += rest.iter().filter(|this| **this == byte).count() as u64;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipe_core::testing::Rng;

    #[test]
    fn a_byte_is_counted_as_often_as_it_is_there_at_any_length() {
        let mut rng = Rng::new(9);
        let full = BLOCK * u8::MAX as usize;
        for len in (0..200).chain([full - 1, full, full + 1, 3 * full + 100]) {
            for kinds in [1, 2, 40] {
                let bytes: Vec<u8> = (0..len).map(|_| b'\n' + rng.below(kinds) as u8).collect();
                let naive = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
                assert_eq!(line_feeds(&bytes), naive, "{len} bytes of {kinds} kinds");
                assert_eq!(count_by_lanes(&bytes, b'\n'), naive, "{len} bytes of {kinds} kinds");
            }
        }
    }
}
