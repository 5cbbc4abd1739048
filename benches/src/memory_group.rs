//! A memory control group for a contender: to a program what a container with little memory is.
//!
//! It lies below the group that the process is in, so that whoever counts or limits that one goes on doing so.

use std::fs;
use std::io::{self, Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::process;

/// A group with a limit. Dropped, it is removed, and who is in it goes back to the group above.
pub(crate) struct MemoryGroup {
    path: PathBuf,
}

/// What the folders of all groups begin with.
const NAME: &str = "pipe-bench-";

impl MemoryGroup {
    /// Moves this process into a new group that may have so many bytes.
    pub(crate) fn enter(bytes: u64) -> io::Result<Self> {
        let group = Self::new(bytes)?;
        group.take(&group.path)?;
        Ok(group)
    }

    fn new(bytes: u64) -> io::Result<Self> {
        let (above, limit) = own()?;
        remove_old(&above);
        let path = above.join(format!("{NAME}{}", process::id()));
        fs::create_dir(&path)?;
        let group = Self { path };
        fs::write(group.path.join(limit), bytes.to_string())?;
        Ok(group)
    }

    /// Moves this process into one of the groups.
    fn take(&self, group: &Path) -> io::Result<()> {
        fs::write(group.join("cgroup.procs"), process::id().to_string())
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // What is still there is removed by the next one.
        let _ = self.path.parent().map(|above| self.take(above));
        let _ = fs::remove_dir(&self.path);
    }
}

/// Why no group can be made, if none can.
pub(crate) fn why_none() -> Option<String> {
    let tried = MemoryGroup::new(1 << 30);
    tried.err().map(|error| format!("no memory control group can be made: {error}"))
}

/// The group of this process, and the file in which the limit of one stands: version 1, else version 2.
fn own() -> io::Result<(PathBuf, &'static str)> {
    let groups = fs::read_to_string("/proc/self/cgroup")?;
    let find = |wanted: fn(&str) -> bool| {
        groups.lines().find_map(|line| {
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            wanted(controllers).then_some(path.trim_start_matches('/'))
        })
    };
    if let Some(path) = find(|controllers| controllers.split(',').any(|name| name == "memory")) {
        return Ok((Path::new("/sys/fs/cgroup/memory").join(path), "memory.limit_in_bytes"));
    }
    let path =
        find(str::is_empty).ok_or_else(|| Error::new(ErrorKind::NotFound, "this process is in none"))?;
    Ok((Path::new("/sys/fs/cgroup").join(path), "memory.max"))
}

/// Those of processes that were killed. The system keeps those in which somebody is.
fn remove_old(above: &Path) {
    for old in fs::read_dir(above).into_iter().flatten().flatten() {
        if old.file_name().to_string_lossy().starts_with(NAME) {
            let _ = fs::remove_dir(old.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_gone_when_it_is_dropped_or_says_why_there_is_none() {
        match MemoryGroup::new(1 << 30) {
            Ok(group) => {
                let path = group.path.clone();
                assert!(path.is_dir());
                drop(group);
                assert!(!path.exists());
                assert_eq!(why_none(), None);
            }
            Err(_) => assert!(why_none().unwrap().starts_with("no memory control group can be made: ")),
        }
    }
}
