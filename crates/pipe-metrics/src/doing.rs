//! What a thread does at a moment, by the system call that it sleeps in.

use rustix::thread::Pid;
use std::fmt;
use std::fs;

/// What a thread does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Doing {
    /// It computes, or waits for its turn on a processor.
    Computing,
    /// It waits for another thread: a lock, a channel, a condition.
    Lock,
    /// It waits for a file, or for a page of one that is mapped.
    Disk,
    /// It waits for a socket.
    Network,
    /// It waits for another process: at a pipe, or for its end.
    Process,
    /// It sleeps until some time.
    Timer,
    /// It waits for something else.
    Other,
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Doing::Computing => "computes",
            Doing::Lock => "waits for another thread, as for a lock",
            Doing::Disk => "waits for a disk",
            Doing::Network => "waits for the network",
            Doing::Process => "waits for another process",
            Doing::Timer => "sleeps until some time",
            Doing::Other => "waits for something that is not known",
        })
    }
}

/// What a thread of this process does now. `None` where the system does not tell.
pub(crate) fn doing(thread: Pid) -> Option<Doing> {
    let line = fs::read_to_string(format!("/proc/self/task/{thread}/syscall")).ok()?;
    Some(of_line(&line, |descriptor| {
        fs::read_link(format!("/proc/self/fd/{descriptor}")).ok()?.into_os_string().into_string().ok()
    }))
}

/// Of a line such as `202 0x7f00 0x80 ..`: the number of the call, and its arguments. `target` tells what a descriptor stands for.
fn of_line(line: &str, target: impl Fn(u64) -> Option<String>) -> Doing {
    let mut words = line.split_whitespace();
    let number = match words.next() {
        Some("running") => return Doing::Computing,
        // It sleeps in no call: a page is on its way.
        Some("-1") => return Doing::Disk,
        Some(number) => number.parse().unwrap_or(u32::MAX),
        None => return Doing::Other,
    };
    let first = words.next().and_then(|word| u64::from_str_radix(word.trim_start_matches("0x"), 16).ok());
    match call(number) {
        Call::Waits(doing) => doing,
        Call::Descriptor => match first.and_then(target) {
            Some(name) if name.starts_with("socket:") => Doing::Network,
            Some(name) if name.starts_with("pipe:") => Doing::Process,
            Some(name) if name.starts_with("/dev/pts") || name.starts_with("/dev/tty") => Doing::Process,
            Some(name) if name.starts_with('/') => Doing::Disk,
            _ => Doing::Other,
        },
    }
}

/// What a system call waits for.
enum Call {
    Waits(Doing),
    /// That depends on the descriptor in its first argument.
    Descriptor,
}

#[cfg(target_arch = "x86_64")]
fn call(number: u32) -> Call {
    match number {
        // read, write, pread64, pwrite64, readv, writev, sendfile, splice, preadv, pwritev, preadv2, pwritev2
        0 | 1 | 17..=20 | 40 | 275 | 295 | 296 | 327 | 328 => Call::Descriptor,
        // poll, select, connect, accept, sendto, recvfrom, sendmsg, recvmsg, epoll_wait, pselect6, ppoll, epoll_pwait, accept4, recvmmsg,
        // sendmmsg
        7 | 23 | 42..=47 | 232 | 270 | 271 | 281 | 288 | 299 | 307 => Call::Waits(Doing::Network),
        // futex, flock, fcntl, futex_waitv
        202 | 72 | 73 | 449 => Call::Waits(Doing::Lock),
        // open, stat, msync, fsync, fdatasync, getdents, rename, unlink, openat, newfstatat, unlinkat, fallocate, statx
        2 | 4 | 26 | 74 | 75 | 78 | 82 | 87 | 217 | 257 | 262 | 263 | 285 | 332 => Call::Waits(Doing::Disk),
        // nanosleep, clock_nanosleep
        35 | 230 => Call::Waits(Doing::Timer),
        // wait4, waitid
        61 | 247 => Call::Waits(Doing::Process),
        _ => Call::Waits(Doing::Other),
    }
}

#[cfg(target_arch = "aarch64")]
fn call(number: u32) -> Call {
    match number {
        // read, write, readv, writev, pread64, pwrite64, preadv, pwritev, sendfile, splice, preadv2, pwritev2
        63..=71 | 76 | 286 | 287 => Call::Descriptor,
        // epoll_pwait, pselect6, ppoll, accept, connect, sendto, recvfrom, sendmsg, recvmsg, accept4, recvmmsg, sendmmsg
        22 | 72 | 73 | 202 | 203 | 206 | 207 | 211 | 212 | 242 | 243 | 269 => Call::Waits(Doing::Network),
        // futex, flock, fcntl, futex_waitv
        98 | 32 | 25 | 449 => Call::Waits(Doing::Lock),
        // unlinkat, fallocate, openat, getdents64, newfstatat, fsync, fdatasync, msync, renameat2, statx
        35 | 47 | 56 | 61 | 79 | 82 | 83 | 227 | 276 | 291 => Call::Waits(Doing::Disk),
        // nanosleep, clock_nanosleep
        101 | 115 => Call::Waits(Doing::Timer),
        // waitid, wait4
        95 | 260 => Call::Waits(Doing::Process),
        _ => Call::Waits(Doing::Other),
    }
}

/// The numbers of calls differ from processor to processor.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn call(_: u32) -> Call {
    Call::Waits(Doing::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_runs_computes_and_one_that_waits_for_a_page_waits_for_a_disk() {
        let nothing = |_| None;
        assert_eq!(of_line("running\n", nothing), Doing::Computing);
        assert_eq!(of_line("-1 0x7ffd 0x7f00", nothing), Doing::Disk);
        assert_eq!(of_line("", nothing), Doing::Other);
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn a_call_is_known_by_its_number_or_by_what_its_descriptor_stands_for() {
        let named = |name: &'static str| move |descriptor| (descriptor == 0x1f).then(|| name.to_owned());
        assert_eq!(of_line("202 0x7f00 0x80 0x2", named("")), Doing::Lock);
        assert_eq!(of_line("230 0x0 0x0", named("")), Doing::Timer);
        let read = "0 0x1f 0x7f00 0x2000";
        for (name, expected) in [
            ("socket:[4711]", Doing::Network),
            ("pipe:[12]", Doing::Process),
            ("/data/numbers.csv", Doing::Disk),
            ("anon_inode:[eventfd]", Doing::Other),
        ] {
            assert_eq!(of_line(read, named(name)), expected, "{name}");
        }
        assert_eq!(of_line("0 0x3 0x7f00", named("/data")), Doing::Other);
    }
}
