//! Lowest, mean and highest value of each station, from lines such as `Hamburg;-12.3`.

use foldhash::fast::RandomState;
use pipe_core::{BlockingExecutor, Report, Run, rows};
use pipe_stream::Lines;
use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::io::Read;

/// Runs the lines through the pipeline, on any executor. `run` is its handle.
///
/// # Errors
/// The first malformed line, with its position; [`Crowded`]; what the source or the executor could not do.
pub fn totals<'p, R: Read + Send + 'p>(
    lines: Lines<R>,
    executor: &impl BlockingExecutor<'p>,
    run: &Run,
) -> Result<Report<Stations>, Box<dyn Error>> {
    let totals = lines.pipeline().parse(reading).named("reading").fold(
        Stations::default,
        Stations::add,
        Stations::merge,
    );
    let report = totals.handled_by(run).run_on(executor)?;
    if report.value.crowded { Err(Crowded.into()) } else { Ok(report) }
}

/// One line, borrowed.
#[derive(Debug, PartialEq, Eq)]
pub struct Reading<'a> {
    /// The station, 1 to 100 bytes. Whether it is UTF-8 is not looked at: that would be done for each line, not for each name, and cost
    /// more than all the rest (33 ns beside 28 where most names have an umlaut).
    pub name: &'a [u8],
    /// The value in tenths: whole numbers add up without an error.
    pub tenths: i32,
}

rows!(Reading);

/// Why a line is not a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// It does not end like `;-12.3`: one digit behind the point, one to eight before it.
    Value,
    /// The name is empty or longer than 100 bytes.
    Length,
}

/// Reads a line from its end: the value is there, and whatever is before its semicolon is the name.
///
/// # Errors
/// It is not a reading.
pub fn reading(line: &[u8]) -> Result<Reading<'_>, Malformed> {
    let [before @ .., b'.', tenth @ b'0'..=b'9'] = line else { return Err(Malformed::Value) };
    let mut rest = before;
    let mut tenths = i32::from(tenth - b'0');
    let mut place = 10;
    // Eight digits and a tenth are below 2^30.
    while let [before @ .., digit @ b'0'..=b'9'] = rest
        && place < 1_000_000_000
    {
        tenths += place * i32::from(digit - b'0');
        place *= 10;
        rest = before;
    }
    let (name, tenths) = match rest {
        [name @ .., b';', b'-'] => (name, -tenths),
        [name @ .., b';'] => (name, tenths),
        _ => return Err(Malformed::Value),
    };
    match name.len() {
        _ if place == 10 => Err(Malformed::Value),
        1..=100 => Ok(Reading { name, tenths }),
        _ => Err(Malformed::Length),
    }
}

/// All stations, by name.
#[derive(Debug, Default)]
pub struct Stations {
    by_name: HashMap<Vec<u8>, Station, RandomState>,
    /// There was one too many. No more are kept: the memory of a fold is bounded too.
    crowded: bool,
}

/// The most stations that are kept apart.
pub const STATIONS_MOST: usize = 10_000;

/// What is known of one station, in tenths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Station {
    lowest: i32,
    highest: i32,
    sum: i64,
    count: i64,
}

impl Stations {
    fn add(&mut self, reading: Reading<'_>) {
        let Reading { name, tenths } = reading;
        let one = Station { lowest: tenths, highest: tenths, sum: i64::from(tenths), count: 1 };
        self.add_all(name, one);
    }

    fn merge(&mut self, other: Stations) {
        self.crowded |= other.crowded;
        for (name, station) in other.by_name {
            self.add_all(&name, station);
        }
    }

    #[inline]
    fn add_all(&mut self, name: &[u8], more: Station) {
        // Looked up by slice first: a name is copied once, not once a line.
        if let Some(station) = self.by_name.get_mut(name) {
            station.lowest = station.lowest.min(more.lowest);
            station.highest = station.highest.max(more.highest);
            station.sum += more.sum;
            station.count += more.count;
        } else if self.by_name.len() < STATIONS_MOST {
            self.by_name.insert(name.to_vec(), more);
        } else {
            self.crowded = true;
        }
    }
}

impl Station {
    /// Rounded to the nearest tenth, halves towards positive infinity.
    fn mean(&self) -> i64 {
        let (sum, count) = (i128::from(self.sum), i128::from(self.count));
        (2 * sum + count).div_euclid(2 * count) as i64
    }
}

/// `{Abha=-23.0/18.0/59.2, Hamburg=...}`: lowest, mean, highest; names in the order of their bytes.
impl fmt::Display for Stations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted: Vec<_> = self.by_name.iter().collect();
        sorted.sort_unstable_by_key(|(name, _)| *name);
        write!(f, "{{")?;
        for (index, (name, station)) in sorted.into_iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            let (lowest, highest) = (Tenths(station.lowest.into()), Tenths(station.highest.into()));
            let name = String::from_utf8_lossy(name);
            write!(f, "{separator}{name}={lowest}/{}/{highest}", Tenths(station.mean()))?;
        }
        write!(f, "}}")
    }
}

/// A whole number of tenths, with a point. Zero has no sign.
struct Tenths(i64);

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let size = self.0.unsigned_abs();
        write!(f, "{sign}{}.{}", size / 10, size % 10)
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Malformed::Value => "the line does not end in a value such as ;-12.3",
            Malformed::Length => "the name has not 1 to 100 bytes",
        })
    }
}

impl Error for Malformed {}

/// More than [`STATIONS_MOST`] stations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowded;

impl fmt::Display for Crowded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there are more than {STATIONS_MOST} stations")
    }
}

impl Error for Crowded {}
