//! `stations`: minimum, mean and maximum of the temperatures of each weather station, from lines of `name;value`.

use crate::measure::fnv1a;
use pipe_core::rows;
use std::fmt;

/// One line, borrowed. The value is in tenths of a degree, so that sums are exact in any order.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) tenths: i64,
}
rows!(Reading);

/// A line that is no reading.
#[derive(Debug)]
pub(crate) struct BadReading;

impl fmt::Display for BadReading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not `name;value` with one decimal")
    }
}

impl std::error::Error for BadReading {}

/// Takes one line apart.
#[inline]
pub(crate) fn reading(line: &[u8]) -> Result<Reading<'_>, BadReading> {
    let semicolon = memchr::memchr(b';', line).ok_or(BadReading)?;
    Ok(Reading { name: &line[..semicolon], tenths: tenths(&line[semicolon + 1..]).ok_or(BadReading)? })
}

/// `-12.3` is -123. One decimal, any number of digits before it.
#[inline]
fn tenths(value: &[u8]) -> Option<i64> {
    let (negative, value) = match value {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    let [whole @ .., b'.', last] = value else { return None };
    let digit = |value: i64, byte: &u8| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| value * 10 + i64::from(digit))
    };
    let size = whole.iter().chain([last]).try_fold(0, digit)?;
    Some(if negative { -size } else { size })
}

/// What is known of one station, in tenths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stats {
    min: i64,
    max: i64,
    sum: i64,
    count: i64,
}

impl Stats {
    #[inline]
    pub(crate) fn of(tenths: i64) -> Self {
        Self { min: tenths, max: tenths, sum: tenths, count: 1 }
    }

    #[inline]
    pub(crate) fn add(&mut self, tenths: i64) {
        self.merge(&Self::of(tenths));
    }

    #[inline]
    pub(crate) fn merge(&mut self, other: &Self) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
        self.count += other.count;
    }
}

impl Default for Stats {
    /// Of no reading.
    fn default() -> Self {
        Self { min: i64::MAX, max: i64::MIN, sum: 0, count: 0 }
    }
}

impl fmt::Display for Stats {
    /// `min/mean/max`; the mean is rounded half up, towards plus infinity.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mean = (2 * self.sum + self.count).div_euclid(2 * self.count);
        let [min, mean, max] = [self.min, mean, self.max].map(Degrees);
        write!(f, "{min}/{mean}/{max}")
    }
}

/// Tenths as degrees. An integer has no negative zero, so `-0.0` cannot appear.
struct Degrees(i64);

impl fmt::Display for Degrees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{}", self.0.abs() / 10, self.0.abs() % 10)
    }
}

/// The output of the program, `{Abha=-23.0/18.0/59.2, ...}` sorted by name, as its checksum and its number of stations.
pub(crate) fn answer<N: AsRef<[u8]> + Ord>(stations: impl IntoIterator<Item = (N, Stats)>) -> String {
    let mut stations: Vec<_> = stations.into_iter().collect();
    stations.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
    let entry = |(name, stats): &(N, Stats)| format!("{}={stats}", String::from_utf8_lossy(name.as_ref()));
    let output = format!("{{{}}}", stations.iter().map(entry).collect::<Vec<_>>().join(", "));
    format!("{} stations {:016x}", stations.len(), fnv1a(output.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_one_decimal() {
        let good: [(&[u8], i64); 6] =
            [(b"0.0", 0), (b"-0.0", 0), (b"12.3", 123), (b"-99.9", -999), (b"-1.5", -15), (b"5.7", 57)];
        for (text, value) in good {
            assert_eq!(tenths(text), Some(value), "{text:?}");
        }
        for text in [&b""[..], b"-", b"1", b".", b"1.", b"a.0", b"1.x", b"1-2.0"] {
            assert_eq!(tenths(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_mean_is_rounded_half_up_and_has_no_negative_zero() {
        let of = |values: &[i64]| {
            let mut stats = Stats::of(values[0]);
            values[1..].iter().for_each(|value| stats.add(*value));
            stats.to_string()
        };
        assert_eq!(of(&[1, 2]), "0.1/0.2/0.2");
        assert_eq!(of(&[-1, -2]), "-0.2/-0.1/-0.1");
        assert_eq!(of(&[-1, 0]), "-0.1/0.0/0.0");
        assert_eq!(of(&[-230, 592]), "-23.0/18.1/59.2");
    }

    #[test]
    fn the_answer_is_that_of_the_sorted_output() {
        let stations = [("b", Stats::of(15)), ("Ab", Stats::of(-3))];
        let output = "{Ab=-0.3/-0.3/-0.3, b=1.5/1.5/1.5}";
        assert_eq!(answer(stations), format!("2 stations {:016x}", fnv1a(output.as_bytes())));
    }
}
