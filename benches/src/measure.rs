//! What a contender reads about itself: time, processor time, peak memory; and the line of JSON that tells it.

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use std::error::Error;
use std::time::{Duration, Instant};

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// What a contender did: its work is timed from the inside, so that starting a process counts for nobody, while
/// starting threads counts for whom needs them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) items: u64,
    /// The timed part.
    pub(crate) seconds: f64,
    /// All threads, and all child processes that have been waited for, in the timed part.
    pub(crate) cpu_seconds: Option<f64>,
    /// The high-water mark of the whole process; files that it maps count.
    pub(crate) peak_rss_bytes: Option<u64>,
    /// What the workload is about, where that is no time and no memory: the contender has counted it.
    #[serde(default)]
    pub(crate) counted: Option<f64>,
    /// A checksum of the result, which depends on the order where the order matters.
    pub(crate) answer: String,
    /// How the process raised its own weight; `None` from processes that do not know.
    #[serde(default)]
    pub(crate) weight: Option<String>,
}

/// Times `work`, which handles `items` items and returns its answer.
pub(crate) fn timed<A: ToString>(
    items: u64,
    work: impl FnOnce() -> Result<A, BoxError>,
) -> Result<Outcome, BoxError> {
    let cpu = cpu_seconds();
    let start = Instant::now();
    let answer = work()?;
    let seconds = start.elapsed().as_secs_f64();
    let cpu_seconds = cpu_seconds() - cpu;
    let answer = answer.to_string();
    Ok(Outcome {
        items,
        seconds,
        cpu_seconds: Some(cpu_seconds),
        peak_rss_bytes: peak_rss_bytes(),
        counted: None,
        answer,
        weight: None,
    })
}

/// Times `work`, and counts its calls to read: for each of the chunks that it tells beside its answer.
pub(crate) fn timed_reads<A: ToString>(
    items: u64,
    work: impl FnOnce() -> Result<(A, u64), BoxError>,
) -> Result<Outcome, BoxError> {
    let mut counted = None;
    let outcome = timed(items, || {
        let (first, before) = (read_calls()?, read_calls()?);
        let (answer, chunks) = work()?;
        // Asking how many there were takes some, too.
        let reads = (read_calls()? - before).saturating_sub(before - first);
        counted = Some(reads as f64 / chunks as f64);
        Ok(answer)
    })?;
    Ok(Outcome { counted, ..outcome })
}

/// The fastest of some equal blocks of work.
pub(crate) struct Fastest {
    items: u64,
    seconds: f64,
    cpu_seconds: f64,
}

/// Blocks go on for so long, then two more are enough.
const PATIENCE: Duration = Duration::from_millis(400);

/// Times a block of work, which handles `items` items, up to `blocks` times: the fastest one counts, since all that others do to it
/// makes it slower. The first one warms up and does not count.
pub(crate) fn fastest(items: u64, blocks: usize, mut block: impl FnMut()) -> Fastest {
    fastest_of(items, blocks, &mut (), |()| {}, |()| block())
}

/// The same with what is done to the state before each block, and takes no time.
pub(crate) fn fastest_of<S>(
    items: u64,
    blocks: usize,
    state: &mut S,
    mut before: impl FnMut(&mut S),
    mut block: impl FnMut(&mut S),
) -> Fastest {
    let mut best = Fastest { items, seconds: f64::INFINITY, cpu_seconds: 0.0 };
    let begun = Instant::now();
    before(state);
    block(state);
    for done in 0..blocks {
        if done >= 2 && begun.elapsed() > PATIENCE {
            break;
        }
        before(state);
        let (cpu, start) = (cpu_seconds(), Instant::now());
        block(state);
        let seconds = start.elapsed().as_secs_f64();
        if seconds < best.seconds {
            best = Fastest { items, seconds, cpu_seconds: cpu_seconds() - cpu };
        }
    }
    best
}

impl Fastest {
    /// With what came out of the work.
    pub(crate) fn answered(self, answer: impl Into<String>) -> Outcome {
        Outcome {
            items: self.items,
            seconds: self.seconds,
            cpu_seconds: Some(self.cpu_seconds),
            peak_rss_bytes: peak_rss_bytes(),
            counted: None,
            answer: answer.into(),
            weight: None,
        }
    }
}

/// Of all threads of this process, so far (Linux).
fn read_calls() -> Result<u64, BoxError> {
    let counters = std::fs::read_to_string("/proc/self/io")?;
    let reads = counters.lines().find_map(|line| line.strip_prefix("syscr:"));
    Ok(reads.ok_or("/proc/self/io does not count reads")?.trim().parse()?)
}

/// The same for work that other programs do: the memory is then that of the largest of them.
pub(crate) fn timed_children<A: ToString>(
    items: u64,
    work: impl FnOnce() -> Result<A, BoxError>,
) -> Result<Outcome, BoxError> {
    let outcome = timed(items, work)?;
    // In KiB on Linux. It begins at what this process had when it started the program: 4 MiB.
    let peak = |usage: Usage| u64::try_from(usage.max_rss()).ok().map(|kib| kib * 1024);
    Ok(Outcome { peak_rss_bytes: children().and_then(peak), ..outcome })
}

/// User and system time of this process, and of the children that it has waited for.
fn cpu_seconds() -> f64 {
    let own = clock_gettime(ClockId::ProcessCPUTime);
    let of_children =
        |usage: Usage| (usage.user_time() + usage.system_time()).num_microseconds() as f64 * 1e-6;
    own.tv_sec as f64 + own.tv_nsec as f64 * 1e-9 + children().map_or(0.0, of_children)
}

/// Of all children that have been waited for.
fn children() -> Option<Usage> {
    getrusage(UsageWho::RUSAGE_CHILDREN).ok()
}

/// `VmHWM` belongs to the address space, so that, unlike `ru_maxrss`, it does not remember the parent's size.
fn peak_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// FNV-1a over 64 bits: short enough to be the same in every language that takes part.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv1a_matches_its_published_vectors() {
        assert_eq!(fnv1a(b""), 0xCBF2_9CE4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xAF63_DC4C_8601_EC8C);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_F739_67E8);
    }

    #[test]
    fn a_child_that_was_waited_for_counts() {
        let spin = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let outcome =
            timed(1, || Ok(std::process::Command::new("sh").args(["-c", spin]).status()?.success()));
        let outcome = outcome.unwrap();
        assert_eq!(outcome.answer, "true");
        assert!(outcome.cpu_seconds.unwrap() > 0.02, "{outcome:?}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn reads_are_counted_without_those_that_ask_for_them() {
        // Also the other tests of this process read meanwhile: so it is asked until none does.
        let ten = || {
            let (mut zeros, mut byte) = (std::fs::File::open("/dev/zero")?, [0]);
            (0..10).try_for_each(|_| std::io::Read::read_exact(&mut zeros, &mut byte))?;
            Ok(("ten", 10))
        };
        let exact = |_| (timed_reads(1, ten).unwrap().counted == Some(1.0)).then_some(());
        (0..1_000).find_map(exact).expect("ten reads are ten reads");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_memory_of_a_child_is_that_of_the_child() {
        let big = "head -c 64M /dev/zero | tail -n 1 > /dev/null";
        let run = || Ok(std::process::Command::new("sh").args(["-c", big]).status()?.success());
        let outcome = timed_children(1, run).unwrap();
        assert!(outcome.peak_rss_bytes.unwrap() > 64 << 20, "{outcome:?}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn peak_memory_sees_a_big_buffer() {
        let outcome =
            timed(1, || Ok(vec![1u8; 64 << 20].iter().map(|byte| u64::from(*byte)).sum::<u64>())).unwrap();
        assert!(outcome.peak_rss_bytes.unwrap() > 64 << 20, "{outcome:?}");
    }
}
