//! Floats on x86-64: AVX-512 closes the gaps of a register in one instruction.
//!
//! The register is stored whole, and what is behind the kept ones is written over by the next store: an instruction that stores the kept ones
//! alone takes many times as long on some processors. A store ends where the last load ended at most, so no number is lost.

use super::retain;
use pipe_core::kernel::Compare;
use pulp::bytemuck::cast;
use pulp::x86::V4;
use pulp::{Arch, NullaryFnOnce};
use std::arch::x86_64::{__m512, __m512d};

/// What `_mm512_cmp_ps_mask` calls the six comparisons; none of them signals.
const LESS: i32 = std::arch::x86_64::_CMP_LT_OQ;
const LESS_OR_EQUAL: i32 = std::arch::x86_64::_CMP_LE_OQ;
const EQUAL: i32 = std::arch::x86_64::_CMP_EQ_OQ;
const NOT_EQUAL: i32 = std::arch::x86_64::_CMP_NEQ_UQ;
const GREATER_OR_EQUAL: i32 = std::arch::x86_64::_CMP_GE_OQ;
const GREATER: i32 = std::arch::x86_64::_CMP_GT_OQ;

pub(crate) fn retain_f32(arch: Arch, compare: Compare, bound: f32, block: &mut [f32]) -> usize {
    match arch {
        Arch::V4(v4) => v4.vectorize(Compress { v4, compare, bound, block }),
        arch => retain(arch, compare, bound, block),
    }
}

pub(crate) fn retain_f64(arch: Arch, compare: Compare, bound: f64, block: &mut [f64]) -> usize {
    match arch {
        Arch::V4(v4) => v4.vectorize(Compress { v4, compare, bound, block }),
        arch => retain(arch, compare, bound, block),
    }
}

struct Compress<'b, T> {
    v4: V4,
    compare: Compare,
    bound: T,
    block: &'b mut [T],
}

impl<T: Compressed> NullaryFnOnce for Compress<'_, T> {
    type Output = usize;

    #[inline(always)]
    fn call(self) -> usize {
        match self.compare {
            Compare::Less => self.by_registers::<LESS>(),
            Compare::LessOrEqual => self.by_registers::<LESS_OR_EQUAL>(),
            Compare::Equal => self.by_registers::<EQUAL>(),
            Compare::NotEqual => self.by_registers::<NOT_EQUAL>(),
            Compare::GreaterOrEqual => self.by_registers::<GREATER_OR_EQUAL>(),
            Compare::Greater => self.by_registers::<GREATER>(),
        }
    }
}

impl<T: Compressed> Compress<'_, T> {
    #[inline(always)]
    fn by_registers<const COMPARE: i32>(self) -> usize {
        let Compress { v4, compare, bound, block } = self;
        let whole = block.len() / T::LANES * T::LANES;
        let mut kept = 0;
        for at in (0..whole).step_by(T::LANES) {
            kept += T::register::<COMPARE>(v4, bound, block, at, kept);
        }
        for at in whole..block.len() {
            let x = block[at];
            block[kept] = x;
            kept += usize::from(compare.holds(x, bound));
        }
        kept
    }
}

/// Floats whose registers can be compressed.
trait Compressed: Copy + PartialOrd {
    /// How many are in a register.
    const LANES: usize;

    /// Takes the register at `from`, stores at `to` what is kept of it, and returns how many those are.
    fn register<const COMPARE: i32>(v4: V4, bound: Self, block: &mut [Self], from: usize, to: usize)
    -> usize;
}

impl Compressed for f32 {
    const LANES: usize = 16;

    #[inline(always)]
    fn register<const COMPARE: i32>(v4: V4, bound: f32, block: &mut [f32], from: usize, to: usize) -> usize {
        let mut lanes = [0.0; 16];
        lanes.copy_from_slice(&block[from..from + 16]);
        let x: __m512 = cast(lanes);
        let kept = v4.avx512f._mm512_cmp_ps_mask::<COMPARE>(x, v4.avx512f._mm512_set1_ps(bound));
        let front: [f32; 16] = cast(v4.avx512f._mm512_maskz_compress_ps(kept, x));
        block[to..to + 16].copy_from_slice(&front);
        kept.count_ones() as usize
    }
}

impl Compressed for f64 {
    const LANES: usize = 8;

    #[inline(always)]
    fn register<const COMPARE: i32>(v4: V4, bound: f64, block: &mut [f64], from: usize, to: usize) -> usize {
        let mut lanes = [0.0; 8];
        lanes.copy_from_slice(&block[from..from + 8]);
        let x: __m512d = cast(lanes);
        let kept = v4.avx512f._mm512_cmp_pd_mask::<COMPARE>(x, v4.avx512f._mm512_set1_pd(bound));
        let front: [f64; 8] = cast(v4.avx512f._mm512_maskz_compress_pd(kept, x));
        block[to..to + 8].copy_from_slice(&front);
        kept.count_ones() as usize
    }
}
