//! `f64` and `f32`.

use super::{BadNumber, Number};

impl Number for f64 {
    #[inline]
    fn parse(bytes: &[u8]) -> Result<Self, BadNumber> {
        fast_float2::parse(bytes).map_err(|_| why(bytes))
    }
}

impl Number for f32 {
    #[inline]
    fn parse(bytes: &[u8]) -> Result<Self, BadNumber> {
        fast_float2::parse(bytes).map_err(|_| why(bytes))
    }
}

/// Where `bytes` stops being `-12.5e-3`.
#[cold]
#[inline(never)]
fn why(bytes: &[u8]) -> BadNumber {
    let is = |at: usize, set: &[u8]| bytes.get(at).is_some_and(|byte| set.contains(byte));
    let behind_digits =
        |from: usize| from + bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let start = usize::from(is(0, b"+-"));
    let mut end = behind_digits(start);
    let mut digits = end - start;
    if is(end, b".") {
        let point = end;
        end = behind_digits(point + 1);
        digits += end - point - 1;
    }
    if digits > 0 && is(end, b"eE") {
        end += 1;
        end += usize::from(is(end, b"+-"));
        end = behind_digits(end);
    }
    BadNumber::at_place(bytes, end)
}
