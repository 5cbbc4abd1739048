//! The machine itself: processor, memory, kernel, device.

use super::Row;
use crate::said::said;
use crate::workspace::{COLD_RUN, free_disk};
use std::fs;
use std::process::Command;

pub(super) fn rows() -> Vec<Row> {
    vec![
        cores(),
        simd(),
        memory(),
        memory_limit(),
        huge_pages(),
        disk(),
        open_files(),
        kernel(),
        io_uring(),
        device(),
    ]
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// A number of KiB, as people write it.
fn size(kibibytes: u64) -> String {
    match kibibytes {
        0..1_024 => format!("{kibibytes} KiB"),
        1_024..1_048_576 => format!("{} MiB", kibibytes >> 10),
        _ => format!("{:.1} GiB", kibibytes as f64 / f64::from(1 << 20)),
    }
}

fn cores() -> Row {
    match std::thread::available_parallelism() {
        Ok(cores) => Row::there("cores", format!("{cores} that this process may use")),
        Err(why) => Row::there("cores", format!("the system does not tell: {why}")),
    }
}

/// The level that pipe-cache takes.
fn simd() -> Row {
    let level = if cfg!(target_arch = "aarch64") { "NEON" } else { x86_level() };
    match level {
        "" => Row::missing(
            "SIMD",
            "scalar code only",
            "another processor: none of AVX2, AVX-512 and NEON is there",
        ),
        level => Row::there("SIMD", level),
    }
}

#[cfg(target_arch = "x86_64")]
fn x86_level() -> &'static str {
    let has_v4 = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512cd")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    match is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        true if has_v4 => "AVX-512 (x86-64-v4)",
        true => "AVX2 (x86-64-v3)",
        false => "",
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn x86_level() -> &'static str {
    ""
}

fn memory() -> Row {
    let table = read("/proc/meminfo").unwrap_or_default();
    match (kibibytes(&table, "MemTotal:"), kibibytes(&table, "MemAvailable:")) {
        (Some(all), Some(free)) => Row::there("memory", format!("{}, {} of it free", size(all), size(free))),
        _ => Row::there("memory", "the system does not tell"),
    }
}

/// Of a line such as `MemTotal:  16384 kB`.
fn kibibytes(table: &str, name: &str) -> Option<u64> {
    let line = table.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn memory_limit() -> Row {
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    let limit = limit_files(&groups).iter().filter_map(|file| read(file)?.parse::<u64>().ok()).min();
    // Version 1 writes a number near the largest there is.
    match limit.filter(|bytes| *bytes < 1 << 60) {
        Some(bytes) => Row::there("memory limit", format!("{} for this control group", size(bytes >> 10))),
        None => Row::there("memory limit", "none: this control group may use all"),
    }
}

/// Where the limits of this process may stand: in its groups, and in those above.
fn limit_files(groups: &str) -> Vec<String> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            names if names.split(',').any(|name| name == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let mut folder = path.trim_end_matches('/');
        loop {
            files.push(format!("{root}{folder}/{file}"));
            let Some((above, _)) = folder.rsplit_once('/') else { break };
            folder = above;
        }
    }
    files
}

fn huge_pages() -> Row {
    let modes = read("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    let chosen = modes.split(['[', ']']).nth(1).unwrap_or_default();
    match chosen {
        "always" | "madvise" => Row::there("huge pages", chosen),
        _ => Row::missing(
            "huge pages",
            "large tables of pipe-cache are slower",
            "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
        ),
    }
}

fn disk() -> Row {
    match free_disk() {
        // The tests as developers build them, with lines in backtraces, and the benchmarks with their inputs.
        Some(free) if free < 20 << 20 => Row::missing(
            "disk",
            format!("{} free for what is built; a whole CI run takes {}", size(free), size(COLD_RUN)),
            "cargo clean, or a CARGO_TARGET_DIR elsewhere",
        ),
        Some(free) => Row::there("disk", format!("{} free for what is built", size(free))),
        None => Row::there("disk", "the system does not tell"),
    }
}

fn open_files() -> Row {
    let limits = read("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next()).unwrap_or("the system does not tell");
    match soft.parse::<u64>() {
        Ok(files) if files < 4_096 => Row::missing(
            "open files",
            format!("{files}: fewer than many connections take"),
            "ulimit -n 65536",
        ),
        _ => Row::there("open files", soft),
    }
}

fn kernel() -> Row {
    Row::there(
        "kernel",
        read("/proc/sys/kernel/osrelease").unwrap_or_else(|| std::env::consts::OS.to_owned()),
    )
}

/// What can be known without a call of it: a container may have a filter that refuses it.
fn io_uring() -> Row {
    let (means, add) = ("`Async::monoio()` uses epoll instead", "sysctl -w kernel.io_uring_disabled=0");
    match read("/proc/sys/kernel/io_uring_disabled").as_deref() {
        Some("0") if is_filtered() => Row::there(
            "io_uring",
            "the kernel permits it; calls of this process are filtered, which may refuse it",
        ),
        Some("0") => Row::there("io_uring", "permitted"),
        Some(_) => Row::missing("io_uring", means, add),
        None if cfg!(target_os = "linux") => {
            Row::there("io_uring", "not known: a kernel before 6.6 has no switch for it")
        }
        None => Row::missing("io_uring", means, "Linux"),
    }
}

fn is_filtered() -> bool {
    read("/proc/self/status").is_some_and(|status| status.lines().any(|line| line == "Seccomp:\t2"))
}

fn device() -> Row {
    let query = ["--query-gpu=name,driver_version", "--format=csv,noheader"];
    match said(Command::new("nvidia-smi").args(query)).filter(|told| !told.is_empty()) {
        Some(devices) => Row::there("CUDA device", devices.replace('\n', "; ")),
        None => Row::missing(
            "CUDA device",
            "`Gpu` computes on the processor",
            "a device, and its driver: apt-get install nvidia-driver",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_may_stand_in_the_own_group_and_in_all_above() {
        let expected =
            ["/sys/fs/cgroup/a/b/memory.max", "/sys/fs/cgroup/a/memory.max", "/sys/fs/cgroup/memory.max"];
        assert_eq!(limit_files("0::/a/b\n"), expected);
        let one = limit_files("4:cpu,memory:/\n2:freezer:/x\n");
        assert_eq!(one, ["/sys/fs/cgroup/memory/memory.limit_in_bytes"]);
        assert!(limit_files("nonsense").is_empty());
    }

    #[test]
    fn sizes_are_read_and_written() {
        let table = "MemTotal:       16384256 kB\nMemFree: 1 kB\n";
        assert_eq!(kibibytes(table, "MemTotal:"), Some(16_384_256));
        assert_eq!(kibibytes(table, "MemAvailable:"), None);
        assert_eq!([12, 5 << 10, 3 << 19].map(size), ["12 KiB", "5 MiB", "1.5 GiB"]);
    }
}
