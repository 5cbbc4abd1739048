//! What the threads of a part did with their time: worked, lacked input, lacked room, or something that nobody told.
//!
//! ```text
//! one thread:   | source | parse | write | source | parse | write |
//! parse is       starved   busy   blocked  starved   busy  blocked
//! ```
//!
//! A thread that is in a part before this one makes its input: so this one is starved. A thread that is behind it consumes its output: so this
//! one is blocked. On one thread that is all there is. Where there are several, a source that is not asked is blocked, and a sink that
//! gets nothing is starved; of the others the rest of their time is that of executors, who wait for batches, for room or for each other,
//! and the report does not tell which.

use pipe_core::{Part, Report, SegmentKind};
use std::time::Duration;

/// What the threads of a part did with their time. The four add up to [`Occupancy::whole`].
///
/// ```
/// use pipe_core::{FromIter, Inline, Part, Source};
/// use pipe_metrics::Occupancy;
///
/// let slow = |n: u64| (0..n).fold(n, |sum, k| sum.rotate_left(1) ^ k);
/// let report = FromIter::new(0..3_000u64).pipeline().map(slow).for_each(drop).run_on(&Inline)?;
/// let parts = Occupancy::of(&report);
/// assert_eq!(parts.len(), 3); // source, segment 0, sink
/// let [source, segment, sink] = [&parts[0], &parts[1], &parts[2]];
/// assert_eq!(segment.part, Part::Segment(0));
/// assert!(segment.busy > segment.starved + segment.blocked);
/// assert!(source.blocked > source.busy && sink.starved > sink.busy);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Occupancy {
    /// Whose it is.
    pub part: Part,
    /// Threads that may be in the part at once.
    pub threads: usize,
    /// They worked in it.
    pub busy: Duration,
    /// They lacked input.
    pub starved: Duration,
    /// What it had made was not taken yet.
    pub blocked: Duration,
    /// They did something that nobody told.
    pub other: Duration,
}

impl Occupancy {
    /// Of all parts that are measured, from the source to the sink; those of async stages are not. Where source,
    /// stages and sink ran as one loop, all its time is that of segment 0.
    pub fn of<T>(report: &Report<T>) -> Vec<Occupancy> {
        of_times(&Times::of(report))
    }

    /// The time that there was: of each thread from the beginning to the end.
    pub fn whole(&self) -> Duration {
        self.busy + self.starved + self.blocked + self.other
    }
}

/// Busy times, and who was there.
struct Times {
    elapsed: Duration,
    workers: usize,
    /// Each part on a thread of its own, as where there is a reactor.
    apart: bool,
    parts: Vec<(Part, SegmentKind, Duration)>,
}

impl Times {
    fn of<T>(report: &Report<T>) -> Times {
        let mut parts = vec![(Part::Source, SegmentKind::Serial, report.source_busy)];
        for (index, segment) in report.segments.iter().enumerate() {
            parts.extend(segment.busy.map(|busy| (Part::Segment(index), segment.kind, busy)));
        }
        parts.push((Part::Sink, SegmentKind::Serial, report.sink_busy));
        let apart = report.segments.iter().any(|segment| segment.kind == SegmentKind::Async);
        Times { elapsed: report.elapsed, workers: report.workers.max(1), apart, parts }
    }
}

fn of_times(times: &Times) -> Vec<Occupancy> {
    let all: Duration = times.parts.iter().map(|(_, _, busy)| *busy).sum();
    let mut before = Duration::ZERO;
    let mut rows = Vec::new();
    for &(part, kind, own) in &times.parts {
        let shared = kind == SegmentKind::Parallel && !times.apart;
        let threads = if shared { times.workers } else { 1 };
        let whole = times.elapsed * u32::try_from(threads).unwrap_or(u32::MAX);
        // Slices end a little later than they are looked at: no more than there was.
        let busy = own.min(whole);
        let rest = whole - busy;
        let behind = all.saturating_sub(before + own);
        let (starved, blocked) = match part {
            Part::Source => (Duration::ZERO, rest),
            Part::Sink => (rest, Duration::ZERO),
            Part::Segment(_) if shared || times.workers == 1 && !times.apart => {
                let starved = before.min(rest);
                (starved, behind.min(rest - starved))
            }
            Part::Segment(_) => (Duration::ZERO, Duration::ZERO),
        };
        rows.push(Occupancy { part, threads, busy, starved, blocked, other: rest - starved - blocked });
        before += own;
    }
    rows
}
