//! Numbers from bytes beside `str::parse`.

use pipe_core::testing::Rng;
use pipe_stream::{BadNumberKind, Number, decimal, decimal_at_end, number};
use std::fmt::Debug;
use std::str::FromStr;

/// The number that `str::parse` gives, or none.
fn naive<T: FromStr>(bytes: &[u8]) -> Option<T> {
    str::from_utf8(bytes).ok()?.parse().ok()
}

fn same_integer<T: Number + FromStr + PartialEq + Debug>(bytes: &[u8]) {
    let (ours, std) = (number::<T>(bytes), naive::<T>(bytes));
    assert_eq!(ours.ok(), std, "{}", bytes.escape_ascii());
    if let Err(error) = number::<T>(bytes) {
        assert!(error.at() <= bytes.len());
        match error.kind() {
            BadNumberKind::Byte(byte) => assert_eq!(bytes[error.at()], byte),
            BadNumberKind::NoDigit => assert_eq!(error.at(), bytes.len()),
            kind => assert_eq!(kind, BadNumberKind::OutOfRange),
        }
    }
}

fn same_integers(bytes: &[u8]) {
    same_integer::<u8>(bytes);
    same_integer::<u16>(bytes);
    same_integer::<u32>(bytes);
    same_integer::<u64>(bytes);
    same_integer::<usize>(bytes);
    same_integer::<i8>(bytes);
    same_integer::<i16>(bytes);
    same_integer::<i32>(bytes);
    same_integer::<i64>(bytes);
    same_integer::<isize>(bytes);
}

fn same_floats(bytes: &[u8]) {
    // Bit for bit: so that -0 is not 0. Which NaN it is, nobody promises.
    let bits = |value: f64| if value.is_nan() { u64::MAX } else { value.to_bits() };
    assert_eq!(number(bytes).ok().map(bits), naive(bytes).map(bits), "{}", bytes.escape_ascii());
    let bits = |value: f32| if value.is_nan() { u32::MAX } else { value.to_bits() };
    assert_eq!(number(bytes).ok().map(bits), naive(bytes).map(bits), "{}", bytes.escape_ascii());
    if let Err(error) = number::<f64>(bytes) {
        assert!(error.at() <= bytes.len());
        assert!(matches!(error.kind(), BadNumberKind::Byte(_) | BadNumberKind::NoDigit));
    }
}

fn random(rng: &mut Rng, alphabet: &[u8], most: u64) -> Vec<u8> {
    (0..rng.below(most + 1)).map(|_| alphabet[rng.below(alphabet.len() as u64) as usize]).collect()
}

#[test]
fn integers_are_those_of_the_standard_library_for_any_bytes() {
    let mut rng = Rng::new(1);
    let all: Vec<u8> = (0..=255).collect();
    for _ in 0..5_000 {
        same_integers(&random(&mut rng, b"0123456789", 24));
        same_integers(&random(&mut rng, b"0123456789-+", 6));
        same_integers(&random(&mut rng, b"09/:.\xb0 ", 12));
        same_integers(&random(&mut rng, &all, 4));
        let value = rng.number() >> rng.below(64);
        same_integers(value.to_string().as_bytes());
        same_integers((value as i64).to_string().as_bytes());
        same_integers(format!("{value:030}").as_bytes());
    }
}

#[test]
fn integers_end_exactly_where_their_type_does() {
    let ends = [8, 16, 32, 64, 63, 31, 15, 7].map(|bits| 1i128 << bits);
    for end in ends {
        for value in end - 2..end + 2 {
            same_integers(value.to_string().as_bytes());
            same_integers((-value).to_string().as_bytes());
        }
    }
    assert_eq!(number::<i64>(b"-9223372036854775808"), Ok(i64::MIN));
    let error = number::<u64>(b"18446744073709551616").unwrap_err();
    assert_eq!((error.kind(), error.at()), (BadNumberKind::OutOfRange, 19));
    let error = number::<u8>(b"-1").unwrap_err();
    assert_eq!((error.kind(), error.at()), (BadNumberKind::Byte(b'-'), 0));
}

#[test]
fn floats_are_those_of_the_standard_library_bit_for_bit() {
    let mut rng = Rng::new(2);
    for _ in 0..5_000 {
        let float = f64::from_bits(rng.number());
        same_floats(float.to_string().as_bytes());
        same_floats(format!("{float:e}").as_bytes());
        same_floats(f32::from_bits(rng.number() as u32).to_string().as_bytes());
        same_floats(
            format!("{}.{}", rng.number() >> rng.below(64), rng.number() >> rng.below(64)).as_bytes(),
        );
        same_floats(format!("{}e{}", rng.number(), rng.below(700) as i64 - 350).as_bytes());
        // In the middle between two floats, and a little beside it.
        let middle = (1u64 << 53) + 2 * rng.below(1 << 52) + 1;
        same_floats(middle.to_string().as_bytes());
        same_floats(format!("{middle}.{}1", "0".repeat(rng.below(40) as usize)).as_bytes());
    }
}

#[test]
fn floats_that_are_hard_to_round_are_rounded_as_by_the_standard_library() {
    for text in [
        "2.2250738585072011e-308",
        "2.2250738585072014e-308",
        "4.9406564584124654e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "1e309",
        "-1e400",
        "1e-400",
        "9007199254740993",
        "9007199254740992.999999999999999999999999999999",
        "8.5e-318",
        "6.8e23",
        "1090544144181609348835077142190",
        "0.500000000000000166533453693773481063544750213623046875",
        "3.4028235677973366e38",
        "7.006492321624085e-46",
        "0e999999999999999999999",
        "1e99999999999999999999",
        "1e-99999999999999999999",
        "-0",
        "+0.0",
    ] {
        same_floats(text.as_bytes());
    }
    same_floats(format!("0.{}1e1000", "0".repeat(999)).as_bytes());
    same_floats("9".repeat(800).as_bytes());
    same_floats(format!("1{}e-800", "0".repeat(800)).as_bytes());
}

#[test]
fn what_is_a_float_is_what_the_standard_library_takes() {
    let mut rng = Rng::new(3);
    for _ in 0..20_000 {
        same_floats(&random(&mut rng, b"0123456789.-+eE", 8));
        same_floats(&random(&mut rng, b"1.e- \xff", 6));
        same_floats(&random(&mut rng, b"naifNIty-+", 5));
    }
    for text in [
        "inf",
        "-inf",
        "+infinity",
        "INF",
        "nan",
        "-NaN",
        "nann",
        "infin",
        "1.",
        ".5",
        ".",
        "1e",
        "1e+",
        "e5",
        "0x1p3",
        "1_0",
    ] {
        same_floats(text.as_bytes());
    }
}

/// The definition, with `i128`: sign, digits, and if there is a point one to `scale` digits more.
fn naive_decimal(text: &str, scale: usize) -> Option<i64> {
    let (sign, size) = match text.strip_prefix('-') {
        Some(size) => (-1, size),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, decimals) = size.split_once('.').map_or((size, ""), |(whole, decimals)| (whole, decimals));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let has_point = size.contains('.');
    if whole.is_empty()
        || has_point && decimals.is_empty()
        || decimals.len() > scale
        || !are_digits(whole)
        || !are_digits(decimals)
    {
        return None;
    }
    let digits = format!("{whole}{decimals:0<scale$}");
    i64::try_from(sign * digits.parse::<i128>().ok()?).ok()
}

fn same_decimal<const SCALE: usize>(text: &str) {
    let ours = decimal::<SCALE>(text.as_bytes());
    assert_eq!(ours.ok(), naive_decimal(text, SCALE), "{text:?} with {SCALE} decimals");
    let Ok(value) = ours else { return };
    for before in ["", "x", "Hamburg;", "12e", "a,b,", "\u{e9}"] {
        let record = format!("{before}{text}");
        assert_eq!(decimal_at_end::<SCALE>(record.as_bytes()), Ok((before.as_bytes(), value)), "{record:?}");
    }
}

#[test]
fn decimals_are_those_of_their_definition() {
    let mut rng = Rng::new(4);
    let check = |text: &str| {
        same_decimal::<0>(text);
        same_decimal::<1>(text);
        same_decimal::<2>(text);
        same_decimal::<5>(text);
        same_decimal::<6>(text);
        same_decimal::<18>(text);
    };
    for _ in 0..5_000 {
        check(str::from_utf8(&random(&mut rng, b"0123456789.-", 7)).unwrap());
        check(str::from_utf8(&random(&mut rng, b"09.-+;e", 5)).unwrap());
        let (whole, decimals) = (rng.number() >> rng.below(64), rng.number() >> rng.below(64));
        check(&format!("{whole}.{decimals}"));
        check(&format!("-{}.{}", whole % 1_000, decimals % 10));
        check(&format!("{}.{:02}", whole % 10_000_000, decimals % 100));
    }
    for text in
        ["922337203685477580.7", "922337203685477580.8", "-922337203685477580.8", "-922337203685477580.9"]
    {
        check(text);
    }
    assert_eq!(decimal::<1>(b"-922337203685477580.8"), Ok(i64::MIN));
}

#[test]
fn the_first_wrong_byte_of_a_decimal_is_named() {
    use BadNumberKind::{Byte, Decimals, NoDigit, OutOfRange};
    for (text, kind, at) in [
        ("", NoDigit, 0),
        ("-", NoDigit, 1),
        ("12.", NoDigit, 3),
        (".5", Byte(b'.'), 0),
        ("-.5", Byte(b'.'), 1),
        ("1.2.3", Byte(b'.'), 3),
        ("1.23", Decimals, 3),
        ("x1.5", Byte(b'x'), 0),
        ("--1.5", Byte(b'-'), 1),
        ("1-1.5", Byte(b'-'), 1),
        ("1x1.5", Byte(b'x'), 1),
        ("1.5 ", Byte(b' '), 3),
        ("9223372036854775807", OutOfRange, 18),
        ("99999999999999999999.0", OutOfRange, 18),
    ] {
        let error = decimal::<1>(text.as_bytes()).unwrap_err();
        assert_eq!((error.kind(), error.at()), (kind, at), "{text:?}");
    }
    for text in ["", "abc", "abc;", "abc;.", "abc;1.", "abc;1.2.3", "abc;1.23"] {
        assert!(decimal_at_end::<1>(text.as_bytes()).is_err(), "{text:?}");
    }
}
