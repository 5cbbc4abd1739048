//! As the compiler does it.

use super::count_each;
use pulp::{Arch, Simd, WithSimd};

pub(super) fn count(arch: Arch, byte: u8, text: &[u8]) -> usize {
    arch.dispatch(Count { byte, text })
}

struct Count<'t> {
    byte: u8,
    text: &'t [u8],
}

impl WithSimd for Count<'_> {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        count_each(self.byte, self.text)
    }
}
