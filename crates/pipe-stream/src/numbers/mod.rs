//! Numbers from bytes: no text in between, no allocation, exact.

mod bad_number;
mod decimal;
mod digits;
mod float;
mod integer;

pub use bad_number::{BadNumber, BadNumberKind};
pub use decimal::{decimal, decimal_at_end};

/// A number that can be read from ASCII bytes: all integers up to 64 bits, `f32`, `f64`. Implement it for a type of yours to read it
/// with [`number`].
pub trait Number: Sized {
    /// Reads all of `bytes`; what is left over is an error.
    ///
    /// # Errors
    /// The bytes are not such a number.
    fn parse(bytes: &[u8]) -> Result<Self, BadNumber>;
}

/// Reads a number; all of `bytes` is one, without space around it.
///
/// It takes what `str::parse` takes, and gives what that gives, bit for bit: integers with a sign or without, floats also with
/// an exponent, `inf` and `nan`. A float that is too large is infinite, as there; an integer that is too large is an error. O(length of
/// `bytes`), no allocation.
///
/// Floats are read by fast-float2, a port of `fast_float` (Daniel Lemire, "Number parsing at a gigabyte per second", 2021), integers by a
/// loop. Nanoseconds per number, beside `str::from_utf8` and `str::parse`, atoi_simd and lexical-core:
///
/// | | `number` | std | atoi_simd | lexical |
/// | --- | ---: | ---: | ---: | ---: |
/// | `i64`, 3 digits | 3.1 | 9.0 | 2.9 | 3.8 |
/// | `i64`, 1 to 8 digits, half of them with a sign | 17.2 | 23.9 | 19.5 | 17.4 |
/// | `i64`, 10 digits | 7.1 | 15.2 | 8.0 | 8.1 |
/// | `i64`, 18 digits, half of them with a sign | 17.2 | 23.1 | 17.2 | 17.0 |
/// | `f64`, `-12.3` | 16.7 | 23.1 | | 14.8 |
/// | `f64`, `1234567.89` | 12.4 | 23.8 | | 13.9 |
/// | `f64`, 17 digits | 18.8 | 26.9 | | 18.7 |
/// | `f64`, with an exponent | 37.9 | 43.1 | | 36.0 |
///
/// (Sapphire Rapids, one thread, the best of many, random numbers. Most of the time goes into lengths and signs that are not
/// foreseen.) For decimals with a fixed number of places see [`decimal`].
///
/// ```
/// use pipe_stream::{BadNumberKind, number};
///
/// assert_eq!(number::<u8>(b"255")?, 255);
/// assert_eq!(number::<f64>(b"-1.5e3")?, -1_500.0);
///
/// let error = number::<i64>(b"12 apples").unwrap_err();
/// assert_eq!((error.kind(), error.at()), (BadNumberKind::Byte(b' '), 2));
/// assert_eq!(number::<u8>(b"256").unwrap_err().kind(), BadNumberKind::OutOfRange);
/// # Ok::<(), pipe_stream::BadNumber>(())
/// ```
///
/// # Errors
/// The bytes are not a number of this type.
#[inline]
pub fn number<T: Number>(bytes: &[u8]) -> Result<T, BadNumber> {
    T::parse(bytes)
}
