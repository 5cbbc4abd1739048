//! Comparisons of many bytes at once: 16, which every x86-64 processor can, and 32 or 64, where it can.

#![expect(
    unsafe_code,
    reason = "vector instructions: loads through pointers, and calls of what the processor was found to have"
)]

use crate::count::count_by_lanes;
use crate::csv::{Ends, Stride};
use crate::mask::BLOCK;
use std::arch::x86_64::*;

/// Bit `i` says whether byte `i` is `byte`.
#[inline(always)]
pub(crate) fn equal(block: &[u8; BLOCK], byte: u8) -> u64 {
    // SAFETY: SSE2 is part of x86-64, so what `equal_sse2` asks of the processor is always there.
    unsafe { equal_sse2(block, byte) }
}

/// The same for each block.
pub(crate) fn compare(blocks: &[[u8; BLOCK]], byte: u8, bits: &mut [u64]) {
    if is_x86_feature_detected!("avx512bw") {
        // SAFETY: the processor was just found to have it.
        unsafe { compare_avx512(blocks, byte, bits) }
    } else if is_x86_feature_detected!("avx2") {
        // SAFETY: as above.
        unsafe { compare_avx2(blocks, byte, bits) }
    } else {
        for (block, bits) in blocks.iter().zip(bits) {
            *bits = equal(block, byte);
        }
    }
}

/// How many bytes are `byte`.
pub(crate) fn count(bytes: &[u8], byte: u8) -> u64 {
    if is_x86_feature_detected!("avx512bw") {
        // SAFETY: the processor was just found to have it.
        unsafe { count_avx512(bytes, byte) }
    } else if is_x86_feature_detected!("avx2") {
        // SAFETY: as above.
        unsafe { count_avx2(bytes, byte) }
    } else {
        count_by_lanes(bytes, byte)
    }
}

#[target_feature(enable = "avx2")]
fn count_avx2(bytes: &[u8], byte: u8) -> u64 {
    count_by_lanes(bytes, byte)
}

#[target_feature(enable = "avx512f,avx512bw")]
fn count_avx512(bytes: &[u8], byte: u8) -> u64 {
    count_by_lanes(bytes, byte)
}

/// Adds what ends in a stride, with instructions for bits if there are any.
pub(crate) fn add_ends(ends: &mut Ends, stride: &Stride<'_>) {
    if is_x86_feature_detected!("bmi1") && is_x86_feature_detected!("popcnt") {
        // SAFETY: the processor was just found to have them.
        unsafe { add_ends_by_bits(ends, stride) }
    } else {
        ends.add_all(stride);
    }
}

#[target_feature(enable = "bmi1,popcnt")]
fn add_ends_by_bits(ends: &mut Ends, stride: &Stride<'_>) {
    ends.add_all(stride);
}

#[target_feature(enable = "sse2")]
#[inline]
fn equal_sse2(block: &[u8; BLOCK], byte: u8) -> u64 {
    let wanted = _mm_set1_epi8(byte as i8);
    let quarter = |at: usize| {
        // SAFETY: the sixteen bytes from `at` on are in the block, since `at` is at most 48; the load needs no alignment.
        let bytes = unsafe { _mm_loadu_si128(block.as_ptr().add(at).cast()) };
        u64::from(_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, wanted)) as u16) << at
    };
    quarter(0) | quarter(16) | quarter(32) | quarter(48)
}

#[target_feature(enable = "avx2")]
fn compare_avx2(blocks: &[[u8; BLOCK]], byte: u8, bits: &mut [u64]) {
    let wanted = _mm256_set1_epi8(byte as i8);
    for (block, bits) in blocks.iter().zip(bits) {
        let half = |at: usize| {
            // SAFETY: the 32 bytes from `at` on are in the block, since `at` is at most 32; the load needs no alignment.
            let bytes = unsafe { _mm256_loadu_si256(block.as_ptr().add(at).cast()) };
            u64::from(_mm256_movemask_epi8(_mm256_cmpeq_epi8(bytes, wanted)) as u32) << at
        };
        *bits = half(0) | half(32);
    }
}

#[target_feature(enable = "avx512f,avx512bw")]
fn compare_avx512(blocks: &[[u8; BLOCK]], byte: u8, bits: &mut [u64]) {
    let wanted = _mm512_set1_epi8(byte as i8);
    for (block, bits) in blocks.iter().zip(bits) {
        // SAFETY: a block has 64 bytes; the load needs no alignment.
        let bytes = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
        *bits = _mm512_cmpeq_epi8_mask(bytes, wanted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipe_core::testing::Rng;

    #[test]
    fn all_widths_count_the_same() {
        let bytes: Vec<u8> = (0..100_000).map(|at| (at % 7 % 3) as u8).collect();
        let naive = bytes.iter().filter(|byte| **byte == 1).count() as u64;
        assert_eq!(count(&bytes, 1), naive);
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor was just found to have it.
            assert_eq!(unsafe { count_avx2(&bytes, 1) }, naive);
        }
    }

    type Compare = unsafe fn(&[[u8; BLOCK]], u8, &mut [u64]);

    #[test]
    fn all_widths_find_the_same_bytes() {
        let mut rng = Rng::new(8);
        let blocks: Vec<[u8; BLOCK]> = (0..40).map(|_| std::array::from_fn(|_| rng.below(4) as u8)).collect();
        let naive =
            |block: &[u8; BLOCK]| (0..BLOCK).fold(0, |bits, at| bits | u64::from(block[at] == 2) << at);
        let expected: Vec<u64> = blocks.iter().map(naive).collect();
        assert_eq!(blocks.iter().map(|block| equal(block, 2)).collect::<Vec<_>>(), expected);
        let wider: [(&str, bool, Compare); 2] = [
            ("avx2", is_x86_feature_detected!("avx2"), compare_avx2),
            ("avx512bw", is_x86_feature_detected!("avx512bw"), compare_avx512),
        ];
        for (name, there, compare) in wider {
            let mut bits = vec![0; blocks.len()];
            if there {
                // SAFETY: the processor was found to have it.
                unsafe { compare(&blocks, 2, &mut bits) };
                assert_eq!(bits, expected, "{name}");
            } else {
                println!("SKIP {name}: this processor has it not");
            }
        }
    }
}
