//! How much memory a run may use unless it is told.

use std::fs;
use std::sync::OnceLock;

/// The default memory limit of a run, in bytes: the smaller of 256 MiB and a quarter of what this process may use.
///
/// What it may use is the limit of its control group (Linux, version 2 or 1) or else the memory of the machine. Where the system does not
/// say, it is 256 MiB. Determined once per process.
///
/// Beside this, pipe-core reads no files.
pub fn default_memory_limit() -> usize {
    static LIMIT: OnceLock<usize> = OnceLock::new();
    *LIMIT.get_or_init(|| {
        let known = [group_limit(), machine_memory()].into_iter().flatten().min();
        known.map_or(MOST, |bytes| usize::try_from(bytes / 4).unwrap_or(MOST).clamp(1, MOST))
    })
}

const MOST: usize = 256 << 20;

/// `MemTotal` of `/proc/meminfo`.
fn machine_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    kibibytes(&text)
}

fn kibibytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The lowest limit of the process's control group and of those above it.
fn group_limit() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let files = groups.lines().filter_map(group_files).flatten();
    files.filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok()).min()
}

/// The files that may hold the limit of one line of `/proc/self/cgroup`, such as `0::/user.slice/run.scope`.
fn group_files(line: &str) -> Option<Vec<String>> {
    let mut parts = line.splitn(3, ':');
    let (root, file) = match (parts.next()?, parts.next()?) {
        ("0", "") => ("/sys/fs/cgroup", "memory.max"),
        (_, controllers) if controllers.split(',').any(|name| name == "memory") => {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        }
        _ => return None,
    };
    let mut path = parts.next()?.trim_end_matches('/');
    let mut files = vec![format!("{root}/{file}")];
    while !path.is_empty() {
        files.push(format!("{root}{path}/{file}"));
        path = &path[..path.rfind('/').unwrap_or(0)];
    }
    Some(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_all_groups_above_are_looked_at() {
        let second = group_files("0::/a/b").unwrap();
        assert_eq!(
            second,
            ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/a/b/memory.max", "/sys/fs/cgroup/a/memory.max"]
        );
        let first = group_files("7:cpu,memory:/x").unwrap();
        assert_eq!(first[1], "/sys/fs/cgroup/memory/x/memory.limit_in_bytes");
        assert_eq!(group_files("3:cpu:/x"), None);
        assert_eq!(group_files("0::/").unwrap(), ["/sys/fs/cgroup/memory.max"]);
    }

    #[test]
    fn the_default_is_finite_and_at_most_256_mebibytes() {
        assert!((1..=256 << 20).contains(&default_memory_limit()));
        assert_eq!(kibibytes("MemTotal:       1024 kB\nMemFree: 1 kB"), Some(1 << 20));
        assert_eq!(kibibytes("nothing"), None);
    }
}
