//! Up to eight digits in one word, the first one in its lowest byte.
//!
//! (Daniel Lemire, "Quickly parsing eight digits", 2018.)

/// Marks the highest bit of each byte that is not a digit.
#[inline]
pub(super) fn strangers(word: u64) -> u64 {
    let values = word ^ u64::from_le_bytes(*b"00000000");
    // 0x76 carries 10 and more into the highest bit. Without that bit no sum leaves its byte, so that neighbours stay what they are.
    let above_nine = (values & 0x7F7F_7F7F_7F7F_7F7F) + 0x7676_7676_7676_7676;
    (above_nine | values) & 0x8080_8080_8080_8080
}

/// What eight digits are worth. Zero bytes are taken for zeros.
#[inline]
pub(super) fn value(word: u64) -> u64 {
    // Digits to pairs, pairs to fours, fours to eight: each product adds the left half times its weight to the right half.
    let digits = word & 0x0F0F_0F0F_0F0F_0F0F;
    let pairs = digits.wrapping_mul(10 << 8 | 1) >> 8 & 0x00FF_00FF_00FF_00FF;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_FFFF_0000_FFFF;
    fours.wrapping_mul(10_000 << 32 | 1) >> 32
}

/// The last eight bytes as a word. If there are fewer, bytes of `filler`, which are all the same, come before them.
#[inline]
pub(super) fn last_eight(bytes: &[u8], filler: u64) -> u64 {
    if let Some(last) = bytes.last_chunk() {
        return u64::from_le_bytes(*last);
    }
    let Some((first, last)) = bytes.first_chunk::<4>().zip(bytes.last_chunk::<4>()) else {
        return bytes.iter().fold(filler, |word, byte| word >> 8 | u64::from(*byte) << 56);
    };
    // Where the two overlap they say the same.
    let missing = 8 - bytes.len();
    let (first, last) = (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)));
    last << 32 | first << (8 * missing) | filler >> (64 - 8 * missing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipe_core::testing::Rng;

    #[test]
    fn a_stranger_is_marked_alone_whatever_its_neighbours_are() {
        for at in 0..8 {
            for byte in 0..=255u8 {
                for neighbour in *b"059" {
                    let mut bytes = [neighbour; 8];
                    bytes[at] = byte;
                    let expected = if byte.is_ascii_digit() { 0 } else { 0x80 << (8 * at) };
                    assert_eq!(strangers(u64::from_le_bytes(bytes)), expected, "{bytes:?}");
                }
            }
        }
    }

    #[test]
    fn eight_digits_have_their_value() {
        let mut rng = Rng::new(5);
        for _ in 0..10_000 {
            let number = rng.below(100_000_000);
            let text = format!("{number:08}");
            assert_eq!(value(last_eight(text.as_bytes(), 0)), number);
            let shorter = &text.as_bytes()[rng.below(9) as usize..];
            let expected = shorter.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
            assert_eq!(value(last_eight(shorter, 0)), expected);
        }
    }

    #[test]
    fn fewer_than_eight_bytes_come_behind_the_filler() {
        let bytes: Vec<u8> = (1..=12).collect();
        for len in 0..=12 {
            let bytes = &bytes[..len];
            for filler in [0, b'0'] {
                let mut expected = vec![filler; 8];
                expected.extend(bytes);
                let expected = *expected.last_chunk().unwrap();
                assert_eq!(last_eight(bytes, u64::from_le_bytes([filler; 8])).to_le_bytes(), expected);
            }
        }
    }
}
