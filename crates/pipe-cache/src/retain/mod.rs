//! A filter over a block, in place: what is kept moves to the front.

#[cfg(not(target_arch = "x86_64"))]
mod other;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(not(target_arch = "x86_64"))]
pub(crate) use other::{retain_f32, retain_f64};
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::{retain_f32, retain_f64};

use pipe_core::kernel::Compare;
use pulp::{Arch, Simd, WithSimd};

/// Keeps what compares so with the bound, and returns how many those are. Every number is written to where the next one that is kept
/// belongs; what is not kept is written over. So there is no branch that could be guessed wrong.
pub(crate) fn retain<T: Copy + PartialOrd>(arch: Arch, compare: Compare, bound: T, block: &mut [T]) -> usize {
    arch.dispatch(Retain { compare, bound, block })
}

struct Retain<'b, T> {
    compare: Compare,
    bound: T,
    block: &'b mut [T],
}

impl<T: Copy + PartialOrd> WithSimd for Retain<'_, T> {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        let Retain { compare, bound, block } = self;
        match compare {
            Compare::Less => to_the_front(block, |x| x < bound),
            Compare::LessOrEqual => to_the_front(block, |x| x <= bound),
            Compare::Equal => to_the_front(block, |x| x == bound),
            Compare::NotEqual => to_the_front(block, |x| x != bound),
            Compare::GreaterOrEqual => to_the_front(block, |x| x >= bound),
            Compare::Greater => to_the_front(block, |x| x > bound),
        }
    }
}

#[inline(always)]
fn to_the_front<T: Copy>(block: &mut [T], holds: impl Fn(T) -> bool) -> usize {
    let mut kept = 0;
    for at in 0..block.len() {
        let x = block[at];
        block[kept] = x;
        kept += usize::from(holds(x));
    }
    kept
}
