//! Which gauges there are on this machine.

use super::group::{OutOfMemory, Version, groups};
use super::machine::Machine;
use super::reading::{Gauge, Scope};
use super::stall::Stall;
use std::fs;

/// Those that have something to say now. None where there is no `/proc`: on other systems than Linux.
pub(super) fn gauges() -> Vec<Box<dyn Gauge>> {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let groups = groups(&read("/proc/self/cgroup"), &read("/proc/self/mountinfo"));
    let own = groups.iter().find(|groups| groups.version == Version::Two).and_then(|two| two.folders.first());
    let mut all: Vec<Box<dyn Gauge>> = Vec::new();
    let stalls = own.map(|folder| (Scope::Group, folder.join("memory.pressure")));
    let stalls = stalls.into_iter().chain([(Scope::Machine, "/proc/pressure/memory".into())]);
    let mut stalls = stalls.map(|(scope, file)| Stall { scope, file });
    if let Some(stall) = stalls.find_map(|mut stall| stall.read().map(|_| stall)) {
        all.push(Box::new(stall));
    }
    if let Some(folder) = own {
        all.push(Box::new(OutOfMemory::of(folder)));
    }
    all.extend(groups.iter().map(|groups| Box::new(groups.clone()) as Box<dyn Gauge>));
    all.push(Box::new(Machine));
    all.retain_mut(|gauge| gauge.read().is_some());
    all
}
