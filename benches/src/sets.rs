//! What is measured: one file for each set of workloads, and the sizes of the modes.

pub(crate) mod asynchronous;
pub(crate) mod cache;
pub(crate) mod core;
pub(crate) mod mem;
pub(crate) mod net;
pub(crate) mod overview;
pub(crate) mod parallel;
pub(crate) mod stream;

use crate::host::Capacity;
use crate::inputs::Input;
use crate::workload::Workload;
use std::time::Duration;

/// How much is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Tiny inputs, one round: are the answers right? Says nothing about time.
    Smoke,
    Quick,
    Default,
    /// The sizes of the bars.
    Full,
}

/// The sizes of a workload, by mode.
#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) smoke: u64,
    pub(crate) quick: u64,
    pub(crate) default: u64,
    pub(crate) full: u64,
}

impl Mode {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Mode::Smoke => "smoke",
            Mode::Quick => "quick",
            Mode::Default => "default",
            Mode::Full => "full",
        }
    }

    pub(crate) fn of(self, sizes: Sizes) -> u64 {
        match self {
            Mode::Smoke => sizes.smoke,
            Mode::Quick => sizes.quick,
            Mode::Default => sizes.default,
            Mode::Full => sizes.full,
        }
    }

    /// Counted rounds, after one for warming up (none in a smoke run).
    pub(crate) fn rounds(self) -> usize {
        match self {
            Mode::Smoke => 1,
            Mode::Quick => 6,
            Mode::Default => 15,
            Mode::Full => 21,
        }
    }

    /// When a workload has had this long, it ends with the rounds that it has, if these are enough to judge.
    pub(crate) fn patience(self) -> Duration {
        match self {
            Mode::Smoke | Mode::Quick => Duration::from_secs(8),
            Mode::Default => Duration::from_secs(50),
            Mode::Full => Duration::from_secs(600),
        }
    }

    /// How long one contender may take in one round before the run gives it up.
    pub(crate) fn limit(self) -> Duration {
        match self {
            Mode::Smoke | Mode::Quick => Duration::from_secs(60),
            Mode::Default => Duration::from_secs(180),
            Mode::Full => Duration::from_secs(900),
        }
    }
}

/// The sets, in the order of the reports: what is most asked for comes first.
pub(crate) const SETS: [&str; 8] = ["overview", "async", "cache", "core", "mem", "net", "parallel", "stream"];

/// Every workload, at the sizes of `mode`, cut down to what the machine can hold.
pub(crate) fn all(mode: Mode, capacity: Capacity) -> Vec<Workload> {
    let mut workloads = overview::workloads(mode, capacity);
    workloads.extend(asynchronous::workloads(mode));
    workloads.extend(cache::workloads(mode));
    workloads.extend(core::workloads(mode));
    workloads.extend(mem::workloads(mode));
    workloads.extend(net::workloads(mode));
    workloads.extend(parallel::workloads(mode));
    workloads.extend(stream::workloads(mode, capacity));
    workloads
}

/// All sets together leave this much of the disk to others.
const FILES_MAX: u64 = 4 << 30;

/// The rows that fit: halved until the file takes at most a quarter of the free memory, so that it stays cached while the
/// contenders run, and its share of the disk. A full run takes the size as it is; there the disk is checked beforehand.
pub(crate) fn fitted(mode: Mode, input: Input, rows: u64, capacity: Capacity) -> u64 {
    let room = (capacity.memory_free / 4).min(capacity.disk_free / 8).min(FILES_MAX / 4);
    let fits = |rows: &u64| mode == Mode::Full || rows * input.bytes_per_row() <= room;
    std::iter::successors(Some(rows), |rows| (*rows > 1000).then_some(rows / 2)).find(fits).unwrap_or(1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bar::Bar;
    use crate::contender::{Program, Role, line_of};
    use crate::host;
    use std::collections::BTreeSet;

    const ROOMY: Capacity = Capacity { memory_free: 1 << 40, disk_free: 1 << 40 };

    #[test]
    fn names_are_unique_and_in_kebab_case() {
        let mut titles = BTreeSet::new();
        for workload in all(Mode::Default, ROOMY) {
            assert!(SETS.contains(&workload.set));
            assert!(titles.insert(workload.title()), "{} is there twice", workload.title());
            let mut names: BTreeSet<&str> =
                workload.contenders.iter().map(|contender| contender.name).collect();
            assert_eq!(names.len(), workload.contenders.len(), "{}", workload.title());
            names.insert(workload.name);
            let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(names.iter().all(|name| name.chars().all(kebab)), "{names:?}");
        }
    }

    #[test]
    fn who_has_a_bar_of_its_own_takes_part() {
        for workload in all(Mode::Full, ROOMY) {
            for bar in &workload.bars {
                let there = |name: &str| workload.contenders.iter().any(|contender| contender.name == name);
                assert!(
                    !matches!(bar, Bar::Of { name, .. } if !there(name)),
                    "{} has no {bar:?}",
                    workload.title()
                );
            }
        }
    }

    #[test]
    fn every_source_is_where_the_report_links_it() {
        for workload in all(Mode::Default, ROOMY) {
            for contender in &workload.contenders {
                let (file, item) = contender.source;
                let text = std::fs::read_to_string(host::root().join(file)).expect(file);
                assert!(line_of(&text, item).is_some(), "{item} is not in {file}");
            }
        }
    }

    #[test]
    fn our_programs_have_at_most_60_lines_and_baselines_at_most_40() {
        for workload in all(Mode::Default, ROOMY) {
            for contender in &workload.contenders {
                let text = std::fs::read_to_string(host::root().join(contender.source.0)).unwrap();
                match (contender.role, contender.program) {
                    (Role::Ours, _) => assert!(text.lines().count() <= 60, "{}", contender.source.0),
                    (Role::Baseline, Program::Function(_)) => assert!(body(&text, contender.source.1) <= 40),
                    _ => {}
                }
            }
        }
    }

    /// Lines from the head of a function to its closing brace.
    fn body(text: &str, item: &str) -> usize {
        let start = line_of(text, item).unwrap() - 1;
        text.lines().skip(start).position(|line| line == "}").unwrap() + 1
    }

    #[test]
    fn a_small_machine_gets_small_files_unless_the_full_size_is_asked_for() {
        let small = Capacity { memory_free: 64 << 20, disk_free: 1 << 40 };
        let rows = fitted(Mode::Default, Input::Stations, 20_000_000, small);
        assert!((500_000..1_200_000).contains(&rows), "{rows}");
        assert_eq!(fitted(Mode::Full, Input::Stations, 20_000_000, small), 20_000_000);
        assert_eq!(fitted(Mode::Default, Input::Stations, 20_000_000, ROOMY), 20_000_000);
    }
}
