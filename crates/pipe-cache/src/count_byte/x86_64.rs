//! By masks of comparisons: 64 bytes at once with AVX-512, 32 with AVX2.

use super::count_each;
use pulp::bytemuck::cast;
use pulp::x86::{V3, V4};
use pulp::{Arch, NullaryFnOnce};

pub(super) fn count(arch: Arch, byte: u8, text: &[u8]) -> usize {
    match arch {
        Arch::V4(v4) => v4.vectorize(Count512 { v4, byte, text }),
        Arch::V3(v3) => v3.vectorize(Count256 { v3, byte, text }),
        _ => count_each(byte, text),
    }
}

struct Count512<'t> {
    v4: V4,
    byte: u8,
    text: &'t [u8],
}

impl NullaryFnOnce for Count512<'_> {
    type Output = usize;

    #[inline(always)]
    fn call(self) -> usize {
        let Count512 { v4, byte, text } = self;
        let (registers, rest) = text.as_chunks::<64>();
        let (groups, few) = registers.as_chunks::<4>();
        let wanted = v4.avx512f._mm512_set1_epi8(byte as i8);
        let ones = |x: &[u8; 64]| v4.avx512bw._mm512_cmpeq_epi8_mask(cast(*x), wanted).count_ones() as usize;
        // Four sums, as each is a chain of additions.
        let mut sums = [0; 4];
        for group in groups {
            sums[0] += ones(&group[0]);
            sums[1] += ones(&group[1]);
            sums[2] += ones(&group[2]);
            sums[3] += ones(&group[3]);
        }
        sums.iter().sum::<usize>() + few.iter().map(ones).sum::<usize>() + count_each(byte, rest)
    }
}

struct Count256<'t> {
    v3: V3,
    byte: u8,
    text: &'t [u8],
}

impl NullaryFnOnce for Count256<'_> {
    type Output = usize;

    #[inline(always)]
    fn call(self) -> usize {
        let Count256 { v3, byte, text } = self;
        let (registers, rest) = text.as_chunks::<32>();
        let (groups, few) = registers.as_chunks::<4>();
        let wanted = v3.avx._mm256_set1_epi8(byte as i8);
        let ones = |x: &[u8; 32]| {
            let same = v3.avx2._mm256_cmpeq_epi8(cast(*x), wanted);
            v3.avx2._mm256_movemask_epi8(same).count_ones() as usize
        };
        let mut sums = [0; 4];
        for group in groups {
            sums[0] += ones(&group[0]);
            sums[1] += ones(&group[1]);
            sums[2] += ones(&group[2]);
            sums[3] += ones(&group[3]);
        }
        sums.iter().sum::<usize>() + few.iter().map(ones).sum::<usize>() + count_each(byte, rest)
    }
}
