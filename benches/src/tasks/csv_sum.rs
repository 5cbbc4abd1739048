//! `csv-sum`: the sum of one column of a table in CSV, some of whose fields are quoted.

use std::fmt;

/// Where the price stands in a record.
pub(crate) const PRICE: usize = 7;

/// Records, and the sum of their prices in cents.
///
/// All prices are whole quarters, so that sums of floats are exact too, in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) records: u64,
    pub(crate) cents: u64,
}

impl Sum {
    #[inline]
    pub(crate) fn add(&mut self, cents: u64) {
        self.merge(Self { records: 1, cents });
    }

    #[inline]
    pub(crate) fn merge(&mut self, other: Self) {
        self.records += other.records;
        self.cents += other.cents;
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records {}.{:02}", self.records, self.cents / 100, self.cents % 100)
    }
}

/// A price that is not `123.25`.
#[derive(Debug)]
pub(crate) struct BadPrice;

impl fmt::Display for BadPrice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a price with two decimals")
    }
}

impl std::error::Error for BadPrice {}

/// `123.25` is 12325.
#[inline]
pub(crate) fn cents(price: &[u8]) -> Result<u64, BadPrice> {
    let [whole @ .., b'.', tens, ones] = price else { return Err(BadPrice) };
    let digit = |value: u64, byte: &u8| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| value * 10 + u64::from(digit))
    };
    whole.iter().chain([tens, ones]).try_fold(0, digit).ok_or(BadPrice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_has_two_decimals() {
        assert_eq!(cents(b"0.00").unwrap() + cents(b"1234.75").unwrap(), 123_475);
        for bad in [&b""[..], b"1", b"1.5", b"a.00", b"-1.00", b"1.x0"] {
            assert!(cents(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_sum_is_written_with_cents() {
        assert_eq!(Sum { records: 2, cents: 12_305 }.to_string(), "2 records 123.05");
    }
}
