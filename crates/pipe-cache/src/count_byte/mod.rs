//! How often a byte occurs.

#[cfg(not(target_arch = "x86_64"))]
mod other;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(not(target_arch = "x86_64"))]
use other as machine;
#[cfg(target_arch = "x86_64")]
use x86_64 as machine;

use crate::simd::Simd;

impl Simd {
    /// How often the byte occurs: a comparison of a whole register, whose bits are counted.
    ///
    /// ```
    /// let text = b"one\ntwo\nthree\n";
    /// assert_eq!(pipe_cache::Simd::best().count_byte(b'\n', text), 3);
    /// ```
    pub fn count_byte(&self, byte: u8, text: &[u8]) -> usize {
        machine::count(self.arch(), byte, text)
    }
}

/// One by one.
#[inline(always)]
fn count_each(byte: u8, text: &[u8]) -> usize {
    text.iter().filter(|x| **x == byte).count()
}
