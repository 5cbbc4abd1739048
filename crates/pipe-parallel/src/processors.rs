//! How many processors this process may use: those that it may run on, or fewer if a quota of its control group leaves less time than they have.
//!
//! The standard library looks at both, at the files of this machine. The quota is read here once more, from under any folder: so a test can write
//! one, and a report can say that it was a quota.

use std::fs;
use std::path::Path;
use std::thread;

/// At least one.
pub(crate) fn processors() -> usize {
    within(thread::available_parallelism().map_or(1, usize::from), quota(Path::new("/")))
}

/// With a quota of 2.5, two workers: a third one would be stopped for half of the time, in the middle of what the others wait for.
fn within(processors: usize, quota: Option<f64>) -> usize {
    quota.map_or(processors, |quota| processors.min(quota as usize)).max(1)
}

/// The processors' worth of time that this process may use, if a control group (version 2) of it or above it sets a limit. `root` is `/`.
pub(crate) fn quota(root: &Path) -> Option<f64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    // Version 2 has one hierarchy, of number zero. In a container its path may be that of the host, of which only a part is mounted: what does not
    // exist says nothing.
    let group = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let mounted = root.join("sys/fs/cgroup");
    let folder = mounted.join(group);
    let above = folder.ancestors().take_while(|folder| folder.starts_with(&mounted));
    above.filter_map(|folder| parse(&fs::read_to_string(folder.join("cpu.max")).ok()?)).reduce(f64::min)
}

/// `cpu.max`: microseconds in each period of so many, such as `150000 100000`; or `max` and the period.
fn parse(text: &str) -> Option<f64> {
    let mut words = text.split_whitespace();
    let (time, period) = (words.next()?.parse::<f64>().ok()?, words.next()?.parse::<f64>().ok()?);
    (time > 0.0 && period > 0.0).then(|| time / period)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;
    use std::process;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    /// A folder that is laid out as `/` is, and goes with this.
    struct Machine(PathBuf);

    impl Machine {
        /// This process is in `group`, and these are the limits of some groups.
        fn new(group: &str, limits: &[(&str, &str)]) -> Self {
            static NUMBER: AtomicUsize = AtomicUsize::new(0);
            let name = format!("pipe-quota-{}-{}", process::id(), NUMBER.fetch_add(1, Relaxed));
            let machine = Machine(std::env::temp_dir().join(name));
            machine.write("proc/self/cgroup", group);
            for (group, limit) in limits {
                machine.write(&format!("sys/fs/cgroup/{group}/cpu.max"), limit);
            }
            machine
        }

        fn write(&self, file: &str, text: &str) {
            let path = self.0.join(file);
            fs::create_dir_all(path.parent().expect("it is in a folder")).expect("it can be made");
            fs::write(path, text).expect("it can be written");
        }

        fn workers(&self, processors: usize) -> usize {
            within(processors, quota(&self.0))
        }
    }

    impl Drop for Machine {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_quota_leaves_fewer_workers_than_processors() {
        for (limit, workers) in [
            ("200000 100000\n", 2),
            ("250000 100000\n", 2),
            ("50000 100000\n", 1),
            ("1000 1000000\n", 1),
            ("1600000 100000\n", 8),
            ("max 100000\n", 8),
        ] {
            let machine = Machine::new("0::/service\n", &[("service", limit)]);
            assert_eq!(machine.workers(8), workers, "{limit:?}");
        }
    }

    #[test]
    fn the_tightest_group_above_counts() {
        let limits =
            [("", "400000 100000"), ("a", "300000 100000"), ("a/b", "max 100000"), ("c", "1 100000")];
        let machine = Machine::new("12:cpu:/old\n0::/a/b\n", &limits);
        assert_eq!((quota(&machine.0), machine.workers(8)), (Some(3.0), 3));
        let at_the_root = Machine::new("0::/\n", &limits);
        assert_eq!(at_the_root.workers(8), 4);
    }

    #[test]
    fn in_a_container_that_sees_the_path_of_the_host_its_own_root_counts() {
        let machine = Machine::new("0::/docker/0a1b\n", &[("", "150000 100000")]);
        assert_eq!((quota(&machine.0), machine.workers(8)), (Some(1.5), 1));
    }

    #[test]
    fn what_is_not_there_or_makes_no_sense_is_no_limit() {
        assert_eq!(quota(Path::new("/nowhere")), None);
        let groups = ["", "0::/\n", "12:cpu:/only/version/1\n", "nonsense"];
        assert!(groups.iter().all(|group| quota(&Machine::new(group, &[]).0).is_none()));
        for limit in
            ["", "max", "200000", "0 100000", "200000 0", "-1 100000", "NaN 100000", "a b", "inf nan"]
        {
            let machine = Machine::new("0::/\n", &[("", limit)]);
            assert_eq!((quota(&machine.0), machine.workers(8)), (None, 8), "{limit:?}");
        }
    }

    #[test]
    fn this_process_may_use_a_processor_and_no_more_than_the_standard_library_says() {
        let most = thread::available_parallelism().map_or(1, usize::from);
        assert!((1..=most).contains(&processors()));
    }
}
