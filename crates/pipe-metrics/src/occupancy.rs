//! What the threads of a part did with their time: worked, lacked input, lacked room, or something that nobody told.
//!
//! ```text
//! one thread:   | source | parse | write | source | parse | write |
//! parse is       starved   busy   blocked  starved   busy  blocked
//! ```
//!
//! A thread that is in a part before this one makes its input: so this one is starved. A thread that is behind it consumes its output: so this
//! one is blocked. On one thread that is all there is. Where there are several they also sleep, and the executor tells what for
//! ([`SegmentReport::starved`](pipe_core::SegmentReport::starved)). A source that is not asked is blocked, a sink that gets nothing is starved, and so is a
//! serial segment unless it waits for who comes behind.
//!
//! What is left is what an executor does itself, threads that have not come yet or are gone, and a machine that lets them wait.

use pipe_core::{Part, Report, SegmentKind, SegmentReport};
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
    /// The part whose threads these are.
    pub part: Part,
    /// Threads that may be in the part at once.
    pub threads: usize,
    /// Time in which they worked.
    pub busy: Duration,
    /// Time in which they waited for input.
    pub starved: Duration,
    /// Time in which they waited for somebody to take what they had made.
    pub blocked: Duration,
    /// The rest: time that no event accounts for.
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
    /// Each stretch between async stages on a thread of its own, as where there is a reactor.
    apart: bool,
    rows: Vec<Row>,
}

struct Row {
    part: Part,
    kind: SegmentKind,
    busy: Duration,
    /// As the executor told them.
    starved: Duration,
    blocked: Duration,
    /// How many async stages are before it.
    stretch: usize,
}

impl Times {
    fn of<T>(report: &Report<T>) -> Times {
        let end = |part, busy, stretch| {
            let (starved, blocked) = (Duration::ZERO, Duration::ZERO);
            Row { part, kind: SegmentKind::Serial, busy, starved, blocked, stretch }
        };
        let (mut rows, mut stretch) = (vec![end(Part::Source, report.source_busy, 0)], 0);
        for (index, segment) in report.segments.iter().enumerate() {
            let SegmentReport { kind, starved, blocked, .. } = *segment;
            stretch += usize::from(kind == SegmentKind::Async);
            let row = |busy| Row { part: Part::Segment(index), kind, busy, starved, blocked, stretch };
            rows.extend(segment.busy.map(row));
        }
        rows.push(end(Part::Sink, report.sink_busy, stretch));
        Times { elapsed: report.elapsed, workers: report.workers.max(1), apart: stretch > 0, rows }
    }

    /// The parts that a thread of this one may be in instead, while it lacks input or room: before it, and behind it.
    fn neighbours(&self, at: usize) -> (Duration, Duration) {
        let row = &self.rows[at];
        let together = |other: &Row| other.stretch == row.stretch;
        let (before, behind) = (&self.rows[..at], &self.rows[at + 1..]);
        let sum = |rows: &[Row]| rows.iter().filter(|row| together(row)).map(|row| row.busy).sum();
        // One worker at a time runs a serial segment and those that come right behind it, which are then in its way. While a worker is
        // elsewhere, nothing is there for it.
        let is_gate = self.workers > 1 && !self.apart && row.kind == SegmentKind::Serial;
        let gate = behind.iter().position(|row| row.kind != SegmentKind::Serial).unwrap_or(behind.len());
        if is_gate { (self.elapsed, sum(&behind[..gate])) } else { (sum(before), sum(behind)) }
    }
}

fn of_times(times: &Times) -> Vec<Occupancy> {
    let row = |at: usize| {
        let Row { part, kind, busy, starved, blocked, .. } = times.rows[at];
        let shared = kind == SegmentKind::Parallel && !times.apart;
        let threads = if shared { times.workers } else { 1 };
        let whole = times.elapsed * u32::try_from(threads).unwrap_or(u32::MAX);
        // Slices end a little later than they are looked at: no more than there was.
        let busy = busy.min(whole);
        let rest = whole - busy;
        let (before, behind) = times.neighbours(at);
        let (starved, blocked) = match part {
            Part::Source => (Duration::ZERO, rest),
            Part::Sink => (rest, Duration::ZERO),
            Part::Segment(_) => {
                let blocked = (behind + blocked).min(rest);
                ((before + starved).min(rest - blocked), blocked)
            }
        };
        Occupancy { part, threads, busy, starved, blocked, other: rest - starved - blocked }
    };
    (0..times.rows.len()).map(row).collect()
}
