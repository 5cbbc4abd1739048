//! `name;value` lines: 413 stations, some with names beyond ASCII, values from -99.9 to 99.9.

use super::{Generator, push_decimal};
use crate::rng::{Rng, mix};
use crate::tasks::stations::{Stats, answer};

const COUNT: usize = 413;

/// Names are every first part with every second one: 3 to 14 bytes long.
const FIRST: [&str; 21] = [
    "Al", "Bel", "Cór", "Dor", "Es", "Fal", "Gran", "Hel", "Is", "Jor", "Kar", "Lin", "Mar", "Nor", "Ost",
    "Pal", "Quin", "Ros", "São ", "Tor", "Ül",
];
const SECOND: [&str; 20] = [
    "a", "berg", "by", "dal", "eira", "field", "gård", "haven", "ia", "kirk", "mouth", "ñola", "ona", "port",
    "ra", "stad", "ton", "ville", "wick", "市",
];

/// A station's name, and the middle of its temperatures in tenths.
struct Station {
    name: String,
    middle: i64,
}

pub(crate) struct Stations(Vec<Station>);

impl Stations {
    pub(crate) fn new() -> Self {
        let names =
            SECOND.iter().flat_map(|second| FIRST.iter().map(move |first| format!("{first}{second}")));
        let station = |(at, name)| Station { name, middle: (mix(at as u64) % 400) as i64 - 100 };
        Self(names.take(COUNT).enumerate().map(station).collect())
    }
}

impl Generator for Stations {
    /// In the order of the stations; none before the first value.
    type Known = Vec<Option<Stats>>;

    fn block(&self, rng: &mut Rng, rows: u64, text: &mut Vec<u8>) -> Self::Known {
        let mut known = vec![None; self.0.len()];
        for _ in 0..rows {
            let chance = rng.next();
            let at = (((chance >> 32) * self.0.len() as u64) >> 32) as usize;
            let Station { name, middle } = &self.0[at];
            let tenths = temperature(*middle, chance as u32);
            text.extend_from_slice(name.as_bytes());
            text.push(b';');
            push_tenths(text, tenths);
            text.push(b'\n');
            add(&mut known[at], Stats::of(tenths));
        }
        known
    }

    fn merge(&self, all: &mut Self::Known, block: Self::Known) {
        all.resize(self.0.len(), None);
        for (all, stats) in all.iter_mut().zip(block) {
            if let Some(stats) = stats {
                add(all, stats);
            }
        }
    }

    fn answer(&self, known: &Self::Known) -> String {
        let stations = self.0.iter().zip(known);
        answer(stations.filter_map(|(station, stats)| stats.map(|stats| (station.name.as_bytes(), stats))))
    }
}

fn add(known: &mut Option<Stats>, stats: Stats) {
    match known {
        Some(known) => known.merge(&stats),
        None => *known = Some(stats),
    }
}

/// Mostly a bell around the middle, as the sum of four even numbers; one in 16 anywhere in the whole range.
fn temperature(middle: i64, chance: u32) -> i64 {
    if chance & 15 == 0 {
        return i64::from(chance >> 4) % 1999 - 999;
    }
    let bell: u32 = (0..4).map(|part| (chance >> (4 + 7 * part)) & 127).sum();
    (middle + i64::from(bell) - 254).clamp(-999, 999)
}

/// Also writes `-0.0`, as weather files do.
fn push_tenths(text: &mut Vec<u8>, tenths: i64) {
    let size = tenths.unsigned_abs();
    if tenths < 0 || (size == 0 && text.len() % 2 == 1) {
        text.push(b'-');
    }
    push_decimal(text, size / 10);
    text.extend_from_slice(&[b'.', b'0' + (size % 10) as u8]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn there_are_413_different_names_and_some_are_not_ascii() {
        let stations = Stations::new().0;
        let names: BTreeSet<&str> = stations.iter().map(|station| station.name.as_str()).collect();
        assert_eq!(names.len(), COUNT);
        assert!(names.iter().any(|name| !name.is_ascii()) && names.iter().any(|name| name.is_ascii()));
        assert!(names.iter().all(|name| !name.contains([';', '\n'])));
    }

    #[test]
    fn values_stay_in_range_and_reach_its_ends() {
        let mut rng = Rng::new(4);
        let values: Vec<i64> = (0..200_000).map(|_| temperature(0, rng.next() as u32)).collect();
        assert_eq!(values.iter().min(), Some(&-999));
        assert_eq!(values.iter().max(), Some(&999));
    }
}
