//! Which of 64 bytes are a certain one.
//!
//! On x86-64 four comparisons of 16 bytes, which every such processor has; elsewhere a loop that the compiler turns into vector code for
//! its target.

/// As many bytes as a `u64` has bits.
pub(crate) const BLOCK: usize = 64;

/// Bit `i` says whether byte `i` is `byte`.
#[inline(always)]
pub(crate) fn equal(block: &[u8; BLOCK], byte: u8) -> u64 {
    #[cfg(target_arch = "x86_64")]
    return crate::x86::equal(block, byte);
    #[cfg(not(target_arch = "x86_64"))]
    return portable(block, byte);
}

/// Compares 64 bytes into 64 zeros and ones; a multiplication gathers eight of them into eight bits.
#[cfg(any(test, not(target_arch = "x86_64")))]
#[inline(always)]
fn portable(block: &[u8; BLOCK], byte: u8) -> u64 {
    // Two loops, so that the first one becomes vector code.
    let mut ones = [0u8; BLOCK];
    for (one, this) in ones.iter_mut().zip(block) {
        *one = u8::from(*this == byte);
    }
    let (words, _) = ones.as_chunks::<8>();
    let mut bits = 0;
    for (index, word) in words.iter().enumerate() {
        // Byte k of the word is 0 or 1; the product has it at bit 56 + k, and no two partial products meet at one bit.
        let gathered = u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        bits |= gathered << (8 * index);
    }
    bits
}

/// Bit `i` says whether byte `i` is white space: a space, or one of the five from tab to carriage return.
#[inline(always)]
pub(crate) fn spaces(block: &[u8; BLOCK]) -> u64 {
    // The five are those that are at most four above a tab. Where they are, the smaller of that distance and four is the distance.
    let mut above = [0u8; BLOCK];
    for (above, byte) in above.iter_mut().zip(block) {
        let distance = byte.wrapping_sub(b'\t');
        *above = u8::from(distance.min(4) == distance) | u8::from(*byte == b' ');
    }
    equal(&above, 1)
}

/// The block at the head of `rest`, filled up with carriage returns where there is less: nobody looks for those, and a delimiter is none.
#[inline(always)]
pub(crate) fn block(rest: &[u8]) -> [u8; BLOCK] {
    match rest.first_chunk() {
        Some(block) => *block,
        None => {
            let mut block = [b'\r'; BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            block
        }
    }
}

/// Bit `i` says whether an odd number of bits at or below `i` is set. By doubling distances (Hacker's Delight, section 5-2).
#[inline(always)]
pub(crate) fn parity(bits: u64) -> u64 {
    [1, 2, 4, 8, 16, 32].into_iter().fold(bits, |bits, by| bits ^ (bits << by))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipe_core::testing::Rng;

    #[test]
    fn every_byte_is_found_at_every_place_and_nowhere_else() {
        let mut rng = Rng::new(2);
        for byte in 0..=255 {
            let random: Vec<u8> = (0..BLOCK).map(|_| byte ^ (rng.below(3) as u8)).collect();
            let block = block(&random);
            let naive = (0..BLOCK).fold(0, |bits, at| bits | u64::from(block[at] == byte) << at);
            assert_eq!(equal(&block, byte), naive);
            assert_eq!(portable(&block, byte), naive);
        }
    }

    #[test]
    fn parity_counts_bits_up_to_each_place() {
        let mut rng = Rng::new(3);
        for _ in 0..100 {
            let bits = rng.number() & rng.number();
            let naive =
                (0..64).fold(0, |all, at| all | u64::from((bits << (63 - at)).count_ones() % 2) << at);
            assert_eq!(parity(bits), naive);
        }
    }

    #[test]
    fn a_short_block_is_filled_with_what_no_delimiter_is() {
        assert_eq!(equal(&block(b"abc"), b'\r'), !0b111);
    }
}
