//! Comparisons of 16 bytes at once, which every x86-64 processor has.

#![expect(
    unsafe_code,
    reason = "a call of a function with a target feature, also of one that is always there"
)]

use crate::mask::BLOCK;

/// Bit `i` says whether byte `i` is `byte`.
#[inline(always)]
pub(crate) fn equal(block: &[u8; BLOCK], byte: u8) -> u64 {
    // SAFETY: SSE2 is part of x86-64, so what `compare` asks of the processor is always there.
    unsafe { compare(block, byte) }
}

#[target_feature(enable = "sse2")]
#[inline]
fn compare(block: &[u8; BLOCK], byte: u8) -> u64 {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8};
    let (words, _) = block.as_chunks::<8>();
    let wanted = _mm_set1_epi8(byte as i8);
    let mut bits = 0;
    for quarter in 0..4 {
        // Becomes one load: the compiler sees that the halves are neighbours.
        let word = |index: usize| i64::from_le_bytes(words[index]);
        let bytes = _mm_set_epi64x(word(2 * quarter + 1), word(2 * quarter));
        let found = _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted)) as u16;
        bits |= u64::from(found) << (16 * quarter);
    }
    bits
}
