//! `four-stages`: lines of four numbers. One stage after the other reads a line, takes it apart, works on it for 50 ns or so, and takes
//! what comes out in order. In Rust, in C++ and in Python.

use super::costed::work;
use crate::measure::BoxError;

/// Rounds of work on each number of a line.
const ROUNDS: u64 = 16;

/// The second stage: a line without its line feed, taken apart.
#[inline]
pub(crate) fn parse(line: &[u8]) -> Result<[u64; 4], BoxError> {
    let mut numbers = [0u64; 4];
    let mut fields = line.split(|byte| *byte == b',');
    for number in &mut numbers {
        for byte in fields.next().ok_or("too few numbers")? {
            *number = number.wrapping_mul(10).wrapping_add(u64::from(byte.wrapping_sub(b'0')));
        }
    }
    Ok(numbers)
}

/// The third stage.
#[inline]
pub(crate) fn mixed(numbers: [u64; 4]) -> u64 {
    numbers.iter().fold(0, |all: u64, number| all.wrapping_mul(31).wrapping_add(work(*number, ROUNDS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_four_numbers() {
        assert_eq!(parse(b"1,22,333,4444").unwrap(), [1, 22, 333, 4444]);
        assert!(parse(b"1,22,333").is_err());
        assert_ne!(mixed([1, 2, 3, 4]), mixed([1, 2, 4, 3]));
    }
}
