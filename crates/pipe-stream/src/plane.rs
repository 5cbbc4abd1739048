//! Which bytes of 4 KiB are a certain one, by the widest comparisons that the processor has.
//!
//! The choice costs a look at a flag, and what is chosen cannot be inlined; for 64 blocks at once neither counts.

use crate::mask::{BLOCK, block, equal};

/// One bit for each byte of [`STRIDE`] bytes.
pub(crate) type Plane = [u64; BLOCK];

/// How many bytes a plane is about.
pub(crate) const STRIDE: usize = BLOCK * BLOCK;

/// Sets bit `i` of the plane where byte `i` is `byte`. There may be fewer bytes than fit, not more; behind the last no bit of its block
/// is set.
pub(crate) fn fill(bytes: &[u8], byte: u8, plane: &mut Plane) {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    compare(blocks, byte, &mut plane[..blocks.len()]);
    if !rest.is_empty() {
        plane[blocks.len()] = equal(&block(rest), byte) & !(u64::MAX << rest.len());
    }
}

#[cfg(target_arch = "x86_64")]
use crate::x86::compare;

#[cfg(not(target_arch = "x86_64"))]
fn compare(blocks: &[[u8; BLOCK]], byte: u8, bits: &mut [u64]) {
    for (block, bits) in blocks.iter().zip(bits) {
        *bits = equal(block, byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipe_core::testing::Rng;

    #[test]
    fn a_plane_has_a_bit_for_each_byte_of_any_number_of_them() {
        let mut rng = Rng::new(6);
        for len in [0, 1, 63, 64, 65, 200, 4_000, STRIDE - 1, STRIDE] {
            let bytes: Vec<u8> = (0..len).map(|_| b"ab\"\0"[rng.below(4) as usize]).collect();
            let mut plane = [0; BLOCK];
            fill(&bytes, b'"', &mut plane);
            for (at, byte) in bytes.iter().enumerate() {
                assert_eq!(plane[at / 64] >> (at % 64) & 1 == 1, *byte == b'"', "byte {at} of {len}");
            }
        }
    }
}
