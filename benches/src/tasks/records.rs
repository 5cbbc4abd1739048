//! `records`: each record owns a text and a vector. They are parsed, filtered, turned to upper case and scaled, and reduced.

use crate::rng::Rng;
use std::fmt::{self, Write};

/// Numbers in a record.
pub(crate) const VALUES: usize = 16;

/// What a record is made from: so that all contenders write the same one, wherever they put it.
#[derive(Clone, Copy)]
pub(crate) struct Seed {
    pub(crate) id: u64,
    sensor: u64,
    state: u64,
}

/// The seeds of `count` records.
pub(crate) fn seeds(count: u64) -> impl Iterator<Item = Seed> + Send {
    let mut rng = Rng::new(0x7265_636F_7264);
    (0..count).map(move |id| Seed { id, sensor: rng.below(5000), state: rng.below(1 << 32) })
}

impl Seed {
    /// Writes the name.
    #[inline(always)]
    pub(crate) fn write_name(&self, out: &mut impl Write) {
        let written = write!(out, "{self}");
        // What this is written to takes all of it.
        debug_assert!(written.is_ok());
    }

    /// One of the numbers: 24 bits of a hash, from 0 to 1.
    #[inline(always)]
    pub(crate) fn value(&self, index: usize) -> f32 {
        let hash = (self.state ^ index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (hash >> 40) as f32 / (1 << 24) as f32
    }
}

/// The name.
impl fmt::Display for Seed {
    #[inline(always)]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sensor-{:04}-{}", self.sensor, self.id % 97)
    }
}

/// A record that owns its parts.
#[derive(Default)]
pub(crate) struct Record {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) values: Vec<f32>,
}

impl Record {
    pub(crate) fn new(seed: Seed) -> Self {
        let mut record = Record { values: Vec::with_capacity(VALUES), ..Record::default() };
        record.fill(seed);
        record
    }

    /// Writes a new one into the memory of this one.
    #[inline(always)]
    pub(crate) fn fill(&mut self, seed: Seed) {
        self.id = seed.id;
        self.name.clear();
        seed.write_name(&mut self.name);
        self.values.clear();
        self.values.extend((0..VALUES).map(|index| seed.value(index)));
    }

    /// In place.
    #[inline(always)]
    pub(crate) fn scale(&mut self) {
        self.name.make_ascii_uppercase();
        self.values.iter_mut().for_each(|x| *x *= 2.0);
    }

    /// A new record.
    pub(crate) fn scaled(&self) -> Self {
        let values = self.values.iter().map(|x| x * 2.0).collect();
        Record { id: self.id, name: self.name.to_uppercase(), values }
    }
}

/// The filter.
#[inline(always)]
pub(crate) fn keep(name: &str) -> bool {
    !name.ends_with('7')
}

/// The features of a record: what is added up.
#[inline(always)]
pub(crate) fn features(id: u64, name: &str, values: &[f32]) -> (u64, f32) {
    (id + name.len() as u64 + u64::from(name.starts_with("SENSOR")), values.iter().map(|x| x * x).sum())
}

/// The sums.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sums {
    ids: u64,
    squares: f64,
}

impl Sums {
    #[inline(always)]
    pub(crate) fn add(&mut self, (id, squares): (u64, f32)) {
        self.ids += id;
        self.squares += f64::from(squares);
    }

    pub(crate) fn merge(&mut self, other: Sums) {
        self.ids += other.ids;
        self.squares += other.squares;
    }

    pub(crate) fn answer(&self) -> String {
        format!("{} {:.6}", self.ids, self.squares)
    }
}
