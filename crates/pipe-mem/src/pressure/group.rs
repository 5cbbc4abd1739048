//! The memory of the control group of this process, version 2 or 1, and of those above it.

use super::reading::{Gauge, Reading, Scope};
use std::fs;
use std::path::{Path, PathBuf};

/// The folders of a process's control group and of those above it, this one first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Groups {
    pub(super) version: Version,
    pub(super) folders: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

/// The group with the largest share of its limit in use.
impl Gauge for Groups {
    fn read(&mut self) -> Option<Reading> {
        let usages = self.folders.iter().filter_map(|folder| usage(self.version, folder));
        let worst =
            usages.max_by_key(|(used, limit)| u128::from(*used) * 1_000_000 / u128::from(*limit).max(1));
        worst.map(|(used, limit)| Reading::Usage { scope: Scope::Group, used, limit })
    }
}

/// `oom` of `memory.events`: how often an allocation failed since the last look. (`max` and `high` also grow when the system drops files
/// that were read, which is no pressure.)
pub(super) struct OutOfMemory {
    file: PathBuf,
    before: Option<u64>,
}

impl OutOfMemory {
    pub(super) fn of(folder: &Path) -> Self {
        OutOfMemory { file: folder.join("memory.events"), before: None }
    }
}

impl Gauge for OutOfMemory {
    fn read(&mut self) -> Option<Reading> {
        let now = field(&fs::read_to_string(&self.file).ok()?, "oom")?;
        let before = self.before.replace(now).unwrap_or(now);
        Some(Reading::OutOfMemory { times: now.saturating_sub(before) })
    }
}

/// What is in use, and the limit. `None`: there is no limit.
fn usage(version: Version, folder: &Path) -> Option<(u64, u64)> {
    let text = |file: &str| fs::read_to_string(folder.join(file)).ok();
    let number = |file: &str| text(file)?.trim().parse::<u64>().ok();
    let (limit, used, inactive) = match version {
        Version::Two => {
            // At `high` allocations are slowed down, at `max` they fail. "max" means none.
            let limit = [number("memory.max"), number("memory.high")].into_iter().flatten().min()?;
            (limit, number("memory.current")?, "inactive_file")
        }
        Version::One => {
            let limit = number("memory.limit_in_bytes").filter(|bytes| *bytes < NO_LIMIT)?;
            (limit, number("memory.usage_in_bytes")?, "total_inactive_file")
        }
    };
    // As Kubernetes counts its "working set": files that were read once are dropped first, and a reader of large files has many.
    let idle = text("memory.stat").and_then(|stat| field(&stat, inactive)).unwrap_or(0);
    Some((used.saturating_sub(idle), limit))
}

/// Version 1 says "no limit" with a number that no machine has.
const NO_LIMIT: u64 = 1 << 60;

/// The number behind a name, one to a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(' '));
    pairs.find(|(key, _)| *key == name)?.1.trim().parse().ok()
}

/// The groups of this process in `/proc/self/cgroup`, with their places in `/proc/self/mountinfo`.
pub(super) fn groups(cgroup: &str, mountinfo: &str) -> Vec<Groups> {
    let found = cgroup.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ':');
        let (id, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
        let version = match (id, controllers) {
            ("0", "") => Version::Two,
            _ if controllers.split(',').any(|name| name == "memory") => Version::One,
            _ => return None,
        };
        let (root, mount) = mountinfo.lines().find_map(|line| mount(version, line))?;
        Some(Groups { version, folders: folders(root, mount, path) })
    });
    found.collect()
}

/// Root and mount point of one line, such as `36 31 0:33 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory`, if it is the right one.
fn mount(version: Version, line: &str) -> Option<(&str, &str)> {
    let (place, kind) = line.split_once(" - ")?;
    let mut kind = kind.split(' ');
    let (name, options) = (kind.next()?, kind.nth(1)?);
    let right = match version {
        Version::Two => name == "cgroup2",
        Version::One => name == "cgroup" && options.split(',').any(|option| option == "memory"),
    };
    let mut place = place.split(' ').skip(3);
    right.then_some((place.next()?, place.next()?))
}

/// From the group up to the mount point. What lies outside of the mounted root (a container sees only its part) is the mount point alone.
fn folders(root: &str, mount: &str, path: &str) -> Vec<PathBuf> {
    let mount = Path::new(mount);
    let inside = Path::new(path).strip_prefix(root).ok().filter(|_| !path.contains(".."));
    // Piece by piece: joined with nothing, a path would end in a slash.
    let own: PathBuf = mount.iter().chain(inside.into_iter().flatten()).collect();
    own.ancestors().take_while(|folder| folder.starts_with(mount)).map(Path::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(groups: &Groups) -> Vec<&str> {
        groups.folders.iter().map(|folder| folder.to_str().unwrap()).collect()
    }

    #[test]
    fn the_group_is_found_where_it_is_mounted_with_those_above_it() {
        let mounts = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
        let found = groups("0::/user.slice/run.scope\n", mounts);
        assert_eq!(found.len(), 1);
        let expected = ["/sys/fs/cgroup/user.slice/run.scope", "/sys/fs/cgroup/user.slice", "/sys/fs/cgroup"];
        assert_eq!(paths(&found[0]), expected);
        assert_eq!(groups("0::/", ""), []);
    }

    #[test]
    fn on_a_hybrid_machine_both_versions_are_found() {
        let mounts = "36 31 0:33 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
                      32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
                      41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
        let found = groups("5:cpu:/x\n4:memory:/x/y\n0::/\n", mounts);
        let versions: Vec<_> = found.iter().map(|groups| groups.version).collect();
        assert_eq!(versions, [Version::One, Version::Two]);
        assert_eq!(paths(&found[0])[0], "/sys/fs/cgroup/memory/x/y");
        assert_eq!(paths(&found[1]), ["/sys/fs/cgroup/unified"]);
    }

    #[test]
    fn inside_a_container_paths_begin_at_the_mounted_root() {
        let mounts = "9 1 0:1 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        let inside = groups("4:memory:/docker/abc/inner\n", mounts);
        assert_eq!(paths(&inside[0]), ["/sys/fs/cgroup/memory/inner", "/sys/fs/cgroup/memory"]);
        for outside in ["4:memory:/elsewhere\n", "4:memory:/../../up\n"] {
            assert_eq!(paths(&groups(outside, mounts)[0]), ["/sys/fs/cgroup/memory"], "{outside}");
        }
    }

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        let stat = "total_inactive_file 7\ninactive_file 5\noom_kill 3\noom 2\n";
        assert_eq!(
            [field(stat, "inactive_file"), field(stat, "oom"), field(stat, "no")],
            [Some(5), Some(2), None]
        );
    }
}
