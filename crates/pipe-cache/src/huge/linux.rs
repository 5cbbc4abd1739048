//! What Linux is asked, and what it tells.

#![expect(unsafe_code, reason = "`madvise` takes addresses")]

use super::HugePages;
use crate::plain::CacheLine;
use std::fs;
use std::mem::MaybeUninit;
use std::sync::OnceLock;

/// A page of which the address given to `madvise` is a multiple. On systems with larger pages it answers `EINVAL`.
const PAGE: usize = 4096;

pub(super) fn advise(memory: &mut [MaybeUninit<CacheLine>]) -> HugePages {
    static NEVER: OnceLock<bool> = OnceLock::new();
    if *NEVER.get_or_init(never) {
        return HugePages::Unavailable("`transparent_hugepage/enabled` says never");
    }
    let bytes = size_of_val(memory);
    let start: *mut MaybeUninit<CacheLine> = memory.as_mut_ptr();
    let skipped = start.addr().next_multiple_of(PAGE) - start.addr();
    let whole = bytes.saturating_sub(skipped) / PAGE * PAGE;
    debug_assert!(skipped + whole <= bytes, "`huge::advise` asks for whole huge pages only");
    // SAFETY: the caller asks for 2 MiB at least, so the whole pages from `skipped` on lie inside `memory`, which is borrowed for us alone: the addition stays inside one
    // allocation. MADV_HUGEPAGE changes neither what is in the pages nor who may use them, only their size.
    let refused = unsafe { libc::madvise(start.byte_add(skipped).cast(), whole, libc::MADV_HUGEPAGE) };
    if refused == 0 { HugePages::Advised } else { HugePages::Unavailable("the kernel was built without") }
}

fn never() -> bool {
    let policy = fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled");
    policy.is_ok_and(|policy| policy.contains("[never]"))
}

pub(super) fn resident(start: usize, bytes: usize) -> Option<usize> {
    Some(count(&fs::read_to_string("/proc/self/smaps").ok()?, start, start + bytes))
}

/// Adds up `AnonHugePages` of the mappings between two addresses; of one that reaches beyond, no more than the part inside.
fn count(smaps: &str, start: usize, end: usize) -> usize {
    let (mut inside, mut huge) = (0, 0);
    for line in smaps.lines() {
        if let Some((from, to)) = mapping(line) {
            inside = to.min(end).saturating_sub(from.max(start));
        } else if let Some(kibibytes) = line.strip_prefix("AnonHugePages:") {
            let kibibytes = kibibytes.trim().trim_end_matches(" kB").parse::<usize>().unwrap_or(0);
            huge += inside.min(kibibytes << 10);
        }
    }
    huge
}

/// The addresses in the head of a mapping: `7f0000000000-7f0000200000 rw-p ..`.
fn mapping(line: &str) -> Option<(usize, usize)> {
    let (from, to) = line.split_whitespace().next()?.split_once('-')?;
    Some((usize::from_str_radix(from, 16).ok()?, usize::from_str_radix(to, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn of_a_mapping_only_what_lies_inside_counts() {
        let smaps = "1000-2000 rw-p 00000000 00:00 0\nAnonHugePages:  8 kB\n\
                     200000-800000 rw-p 00000000 00:00 0 [heap]\nSize: 6144 kB\nAnonHugePages:   4096 kB\n";
        assert_eq!(count(smaps, 0x200000, 0x800000), 4096 << 10);
        assert_eq!(count(smaps, 0x300000, 0x400000), 1 << 20);
        assert_eq!(count(smaps, 0x800000, 0x900000), 0);
    }
}
