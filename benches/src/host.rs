//! The machine and the tree that the figures belong to.

use crate::measure::BoxError;
use crate::tasks::pieces::Pieces;
use io_uring::IoUring;
use pipe_core::{Source, Want};
use pipe_stream::{Backend, Lines, Mapping};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// What stands at the head of every report.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Host {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) kernel: String,
    pub(crate) rustc: String,
    pub(crate) commit: String,
    pub(crate) date: String,
    pub(crate) load_before: String,
    pub(crate) load_after: String,
    /// How far contenders could raise their scheduling weight.
    pub(crate) weight: String,
    pub(crate) mode: String,
    pub(crate) seed: u64,
}

impl Host {
    /// All that is known before the first contender runs.
    pub(crate) fn before(mode: &str, seed: u64) -> Self {
        Self {
            cpu: proc_field("/proc/cpuinfo", "model name")
                .unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: workers(),
            memory_bytes: memory("MemTotal"),
            kernel: read("/proc/sys/kernel/osrelease").unwrap_or_else(|| std::env::consts::OS.to_owned()),
            rustc: output("rustc", &["--version"]).unwrap_or_else(|| "unknown".to_owned()),
            commit: commit().unwrap_or_else(|| "none".to_owned()),
            date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            load_before: load(),
            load_after: String::new(),
            weight: "not asked for".to_owned(),
            mode: mode.to_owned(),
            seed,
        }
    }

    pub(crate) fn after(&mut self) {
        self.load_after = load();
    }
}

/// What inputs may take: they should stay in memory, beside the contender, and must fit the disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    pub(crate) memory_free: u64,
    pub(crate) disk_free: u64,
}

impl Capacity {
    pub(crate) fn of(folder: &Path) -> Self {
        let nearest = folder.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("/"));
        let disk = rustix::fs::statvfs(nearest).map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        Self { memory_free: memory("MemAvailable").unwrap_or(u64::MAX), disk_free: disk.unwrap_or(u64::MAX) }
    }
}

/// The workspace: one folder above this crate.
pub(crate) fn root() -> PathBuf {
    let benches = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    benches.parent().map(PathBuf::from).unwrap_or(benches)
}

/// Where all that the runner makes goes.
pub(crate) fn output_folder() -> PathBuf {
    target().join("bench")
}

fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The environment for Python that `cargo xtask peers` makes.
fn environment() -> PathBuf {
    target().join("peers").join("venv")
}

/// That of the environment, or else the system's: enough for what needs no package.
pub(crate) fn python() -> PathBuf {
    let ours = environment().join("bin").join("python");
    if ours.exists() { ours } else { PathBuf::from("python3") }
}

/// Where `cargo xtask peers` puts a program that it has compiled.
pub(crate) fn native(program: &str) -> PathBuf {
    target().join("peers").join("bin").join(program)
}

/// Whether the environment has a package that is imported by this name.
pub(crate) fn has_module(name: &str) -> bool {
    let versions = std::fs::read_dir(environment().join("lib")).into_iter().flatten().flatten();
    versions.into_iter().any(|version| version.path().join("site-packages").join(name).exists())
}

/// Whether the search path has a program of this name.
pub(crate) fn has_command(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

/// Why files where the inputs are cannot be mapped under a lease, if they cannot: it lies in the file system.
pub(crate) fn why_no_leases() -> Option<String> {
    let (folder, mapped) = (output_folder(), Backend::Mapped(Mapping::leased().strict()));
    let path = folder.join(format!("leased-{}", std::process::id()));
    let tried = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, "a line\n"));
    let tried =
        tried.map_err(BoxError::from).and_then(|()| Lines::open(&path)?.backend(mapped).pull(Want::MOST));
    // It may not have been made.
    let _ = std::fs::remove_file(&path);
    tried.err().map(|error| format!("no leases here: {error}"))
}

/// Why there is no io_uring, if there is none: it lies in the kernel, and in what it permits this process.
pub(crate) fn why_no_ring() -> Option<String> {
    IoUring::new(1).err().map(|error| format!("no io_uring here: {error}"))
}

/// Why files where the inputs are cannot be read past the system's cache, if they cannot: it lies in the file system.
pub(crate) fn why_no_direct_reads() -> Option<String> {
    let tried = Pieces::write().and_then(|pieces| Ok(pieces.open_direct()?));
    tried.err().map(|error| format!("no reads past the cache here: {error}"))
}

/// Threads of a contender: all that this process may use, cgroup quota included.
pub(crate) fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Whether a program can be started, by the first line that it prints about its version.
pub(crate) fn version(program: &str) -> Option<String> {
    output(program, &["--version"])
}

fn output(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).current_dir(root()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(text)
}

fn commit() -> Option<String> {
    let commit = output("git", &["rev-parse", "--short=12", "HEAD"])?;
    let changed = output("git", &["status", "--porcelain"]).is_none_or(|status| !status.is_empty());
    Some(if changed { format!("{commit}, with changes") } else { commit })
}

fn load() -> String {
    let text = read("/proc/loadavg").unwrap_or_else(|| "unknown".to_owned());
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn memory(field: &str) -> Option<u64> {
    let value = proc_field("/proc/meminfo", field)?;
    Some(value.strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
}

fn proc_field(path: &str, field: &str) -> Option<String> {
    let text = read(path)?;
    let line = text.lines().find(|line| line.starts_with(field))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_machine_is_described() {
        let host = Host::before("default", 1);
        assert!(host.cores >= 1 && host.memory_bytes > Some(1 << 20));
        assert!(host.rustc.starts_with("rustc") && host.date.ends_with('Z'), "{host:?}");
        let capacity = Capacity::of(&root().join("not").join("there"));
        assert!(capacity.disk_free > 0 && capacity.disk_free < u64::MAX);
        assert!(has_command("sh") && !has_command("no-such-program") && !has_module("no-such-module"));
    }
}
