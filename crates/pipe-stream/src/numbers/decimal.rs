//! Decimals with a fixed scale, as integers.

use super::digits::{last_eight, strangers, value};
use super::{BadNumber, BadNumberKind};

/// Reads a decimal as a whole number of its smallest unit: `decimal::<1>(b"-12.3")` is -123 tenths.
///
/// Whole numbers add up without an error and in any order, which floats do not. All of `bytes` is read: a sign or none, digits, and, if
/// there is a point, one to `SCALE` more digits. What is not written is zero: with a scale of 2, `7`, `7.0` and `7.00` are 700. A scale
/// above 18 does not compile.
///
/// ```
/// use pipe_stream::{BadNumberKind, decimal};
///
/// assert_eq!(decimal::<2>(b"1234567.89")?, 123_456_789);
/// assert_eq!(decimal::<2>(b"-0.5")?, -50);
/// assert_eq!(decimal::<2>(b"0.125").unwrap_err().kind(), BadNumberKind::Decimals);
/// # Ok::<(), pipe_stream::BadNumber>(())
/// ```
///
/// # Errors
/// The bytes are not such a decimal, or it does not fit into an `i64`.
#[inline(always)]
pub fn decimal<const SCALE: usize>(bytes: &[u8]) -> Result<i64, BadNumber> {
    match at_end::<SCALE>(bytes) {
        Some((len, value)) if len == bytes.len() => Ok(value),
        _ => of_any_length(bytes, SCALE),
    }
}

#[cold]
#[inline(never)]
fn of_any_length(bytes: &[u8], scale: usize) -> Result<i64, BadNumber> {
    match any_length(bytes, scale) {
        Ok((b"", value)) => Ok(value),
        _ => Err(why(bytes, scale)),
    }
}

/// Reads the [`decimal`] at the end of a record, and gives what is before it: a field and the separator, say.
///
/// The decimal is the longest run of digits and points at the end of `bytes`, and the sign before it. Nobody has to look for the separator
/// first, and up to six digits and the sign are taken from the last eight bytes without a loop or a branch: for lines such as
/// `Hamburg;-12.3` this costs 6.3 ns, a search for the semicolon and a loop over the digits 22 ns (Sapphire Rapids).
///
/// ```
/// use pipe_stream::{BadNumber, decimal_at_end};
///
/// let (before, tenths) = decimal_at_end::<1>(b"Hamburg;-12.3")?;
/// assert_eq!((before.strip_suffix(b";"), tenths), (Some(&b"Hamburg"[..]), -123));
/// # Ok::<(), BadNumber>(())
/// ```
///
/// # Errors
/// There is no decimal at the end, or it does not fit into an `i64`.
#[inline]
pub fn decimal_at_end<const SCALE: usize>(bytes: &[u8]) -> Result<(&[u8], i64), BadNumber> {
    match at_end::<SCALE>(bytes) {
        Some((len, value)) => Ok((&bytes[..bytes.len() - len], value)),
        None => any_length(bytes, SCALE),
    }
}

/// Length and value of a short decimal at the end.
#[inline]
fn at_end<const SCALE: usize>(bytes: &[u8]) -> Option<(usize, i64)> {
    const { assert!(SCALE <= 18, "10^19 does not fit into an i64") };
    // One digit of the whole and the point are among the eight bytes.
    if let 1..=5 = SCALE { short::<SCALE>(last_eight(bytes, 0)) } else { None }
}

/// Length and value of a decimal at the end of eight bytes, with all of its decimals and at most six digits.
#[inline]
fn short<const SCALE: usize>(word: u64) -> Option<(usize, i64)> {
    let point = 8 * (7 - SCALE as u32);
    let decimals = u64::MAX << point << 8;
    // The digits before the point move up by one byte; behind the last of them is a zero byte, which is a stranger.
    let digits = word & decimals | word << 8 & !decimals;
    let count = strangers(digits).leading_zeros() / 8;
    if (word >> point) as u8 != b'.' || count <= SCALE as u32 || count > 6 {
        return None;
    }
    let before = (word >> (8 * (6 - count))) as u8;
    if matches!(before, b'.' | b'+') {
        return None;
    }
    let size = value(digits & !(u64::MAX >> (8 * count))) as i64;
    let negative = i64::from(before == b'-');
    // -x is !x + 1.
    Some((count as usize + 1 + negative as usize, (size ^ -negative) + negative))
}

/// Any decimal, byte by byte.
#[cold]
#[inline(never)]
fn any_length(bytes: &[u8], scale: usize) -> Result<(&[u8], i64), BadNumber> {
    let run = bytes.iter().rev().take_while(|byte| is_digit_or_point(byte)).count();
    let start = bytes.len() - run;
    let (before, sign) = match &bytes[..start] {
        [before @ .., b'-'] => (before, -1),
        [before @ .., b'+'] => (before, 1),
        before => (before, 1),
    };
    let place = |at| BadNumber::at_place(bytes, at);
    let point = bytes[start..].iter().position(|byte| *byte == b'.').map(|at| start + at);
    let decimals = point.map_or(&[][..], |point| &bytes[point + 1..]);
    match point {
        _ if run == 0 || point == Some(start) => return Err(place(start)),
        Some(point) if decimals.is_empty() => return Err(place(point + 1)),
        Some(point) => {
            if let Some(second) = decimals.iter().position(|byte| *byte == b'.') {
                return Err(place(point + 1 + second));
            }
            if decimals.len() > scale {
                return Err(BadNumber::new(BadNumberKind::Decimals, point + 1 + scale));
            }
        }
        None => {}
    }
    let mut value = 0i64;
    let written = (start..bytes.len()).filter(|at| Some(*at) != point).map(|at| (at, bytes[at] - b'0'));
    let not_written = (decimals.len()..scale).map(|_| (bytes.len() - 1, 0));
    for (at, digit) in written.chain(not_written) {
        let next = value.checked_mul(10).and_then(|value| value.checked_add(sign * i64::from(digit)));
        value = next.ok_or(BadNumber::new(BadNumberKind::OutOfRange, at))?;
    }
    Ok((before, value))
}

/// The first byte with which `bytes` is not a decimal.
#[cold]
#[inline(never)]
fn why(bytes: &[u8], scale: usize) -> BadNumber {
    let sign = usize::from(matches!(bytes, [b'+' | b'-', ..]));
    let end = sign + bytes[sign..].iter().take_while(|byte| is_digit_or_point(byte)).count();
    match any_length(&bytes[..end], scale) {
        Err(error) if error.kind() != BadNumberKind::NoDigit => error,
        _ => BadNumber::at_place(bytes, end),
    }
}

fn is_digit_or_point(byte: &u8) -> bool {
    byte.is_ascii_digit() || *byte == b'.'
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipe_core::testing::Rng;

    /// `short` and the loop agree on whatever is at the end, and say how much of it is the decimal.
    fn agree<const SCALE: usize>(bytes: &[u8]) {
        let slow = any_length(bytes, SCALE);
        assert_eq!(
            decimal_at_end::<SCALE>(bytes),
            slow,
            "{:?} with {SCALE}",
            bytes.escape_ascii().to_string()
        );
    }

    #[test]
    fn the_word_and_the_loop_agree_on_all_bytes() {
        let mut rng = Rng::new(7);
        for alphabet in
            [&b"0123456789"[..], b"0123456789.", b"059.-+;e", b"19.\xB9\xFF\x00", b"9.-/:\xAE\x2F"]
        {
            for len in 0..14 {
                for _ in 0..150 {
                    let letter = |_| alphabet[rng.below(alphabet.len() as u64) as usize];
                    let mut bytes: Vec<u8> = (0..len).map(letter).collect();
                    for point in 0..len.min(7) {
                        let at = len - 1 - point;
                        let was = std::mem::replace(&mut bytes[at], b'.');
                        agree::<1>(&bytes);
                        agree::<2>(&bytes);
                        agree::<3>(&bytes);
                        agree::<5>(&bytes);
                        agree::<6>(&bytes);
                        bytes[at] = was;
                    }
                    agree::<0>(&bytes);
                    agree::<1>(&bytes);
                }
            }
        }
    }
}
