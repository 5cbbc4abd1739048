//! The memory of the machine.

use super::reading::{Gauge, Reading, Scope};
use std::fs;

/// `MemAvailable` of `/proc/meminfo`: what could be had without anybody waiting.
pub(super) struct Machine;

impl Gauge for Machine {
    fn read(&mut self) -> Option<Reading> {
        usage(&fs::read_to_string("/proc/meminfo").ok()?)
    }
}

fn usage(meminfo: &str) -> Option<Reading> {
    let bytes = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    };
    let (limit, available) = (bytes("MemTotal:")?, bytes("MemAvailable:")?);
    Some(Reading::Usage { scope: Scope::Machine, used: limit.saturating_sub(available), limit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_available_is_in_use() {
        let text = "MemTotal:  1000 kB\nMemFree:  1 kB\nMemAvailable:  600 kB\n";
        let expected = Reading::Usage { scope: Scope::Machine, used: 400 << 10, limit: 1000 << 10 };
        assert_eq!(usage(text), Some(expected));
        assert_eq!(usage("MemTotal: 1000 kB"), None);
    }
}
