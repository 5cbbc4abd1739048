//! What a finished run returns: its result, and the numbers that close its accounts.

use crate::event::Event;
use crate::order::Order;
use crate::report_rows::{Times, write_rows};
use crate::settings::{Emits, SegmentKind, StageInfo};
use std::fmt;
use std::time::Duration;

/// The result of a run and what happened on the way.
///
/// Its fields move out of it: `report.value` where the rest is not wanted, a pattern where it is.
///
/// ```
/// use pipe_core::{Inline, Report, from_iter};
///
/// let names = || from_iter(["a", "b"]).map(str::to_owned).collect();
/// let owned: Vec<String> = names().run_on(&Inline)?.value;
/// let Report { value, segments, .. } = names().run_on(&Inline)?;
/// assert_eq!((value, segments.len()), (owned, 1));
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Report<T> {
    /// What the sink or fold left behind.
    pub value: T,
    /// The name of the executor that ran it.
    pub executor: &'static str,
    /// From the start of the run to its end.
    pub elapsed: Duration,
    /// Bytes of all items that the source gave, without what they own elsewhere.
    pub bytes: u64,
    /// The most bytes that were in flight between source and sink at once, with the accumulators; 0 where the executor keeps one batch
    /// alive.
    pub peak_bytes: usize,
    /// How many of them are in flight now, of a run that goes on. 0 where the executor keeps one batch alive.
    pub bytes_in_flight: usize,
    /// How many there might have been.
    pub memory_limit: usize,
    /// Workers that ran, the calling thread included.
    pub workers: usize,
    /// The segments that have stages, from the source on.
    pub segments: Vec<SegmentReport>,
    /// Items that the sink took.
    pub written: u64,
    /// How long the source was asked for batches, its waits for input included. Zero where it ran in one loop with its segment.
    pub source_busy: Duration,
    /// How long the sink wrote, and committed. Zero where it ran in one loop with the last segment.
    pub sink_busy: Duration,
    /// Whether it was drained: then it has not read its source to the end.
    pub drained: bool,
    /// Decisions and fallbacks.
    pub events: Vec<Event>,
}

/// One segment.
///
/// What it emitted the next one has taken, or the sink has written; unless that one had enough before the end, and dropped the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentReport {
    /// How it runs: on any worker, on one after the other, or in flight.
    pub kind: SegmentKind,
    /// The order of its outputs.
    pub order: Order,
    /// Operations in flight, of an async segment.
    pub concurrency: Option<usize>,
    /// Its stages, in order.
    pub stages: Vec<StageReport>,
    /// Items that came in.
    pub taken: u64,
    /// Items that went out.
    pub emitted: u64,
    /// How long its workers worked, added up; with waits between attempts, and without those for room on the edge behind. `None` where
    /// nobody measured: before the run, and of an async segment, which mostly waits.
    ///
    /// A pipeline over an iterator that has one segment may run as one loop on one thread: then this is source, stages and sink.
    pub busy: Option<Duration>,
    /// How long threads that run it slept because there was nothing to work on, added up, as far as the executor told. Workers that all
    /// parallel segments share sleep for each of them. Of an async segment: how long it had fewer operations in flight than it may, and lacked
    /// items to start with.
    pub starved: Duration,
    /// The same where what they had made was not taken yet. Of an async segment: it held outputs back.
    pub blocked: Duration,
    /// Bytes of a batch on the edge behind it, at most, unless a single item has more. How many batches may wait there is the executor's
    /// business; all edges share the memory limit.
    pub batch_bytes: usize,
    /// Whether it stopped before its input ended: a stage, or who came behind, had enough.
    pub had_enough: bool,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageReport {
    /// Its name: given by `.named(..)`, else the adapter's and its index.
    pub name: String,
    /// How many items it makes of one.
    pub emits: Emits,
    /// What a failed item does, in words.
    pub policy: String,
    /// How often a record is tried.
    pub attempts: u32,
    /// Items that failed here and were skipped.
    pub skipped: u64,
    /// Items that failed here and were written down.
    pub dead_lettered: u64,
    /// Attempts that failed and were followed by another one.
    pub retried: u64,
    /// Items that passed, where that was asked for with [`Pipeline::counted`](crate::Pipeline::counted).
    pub passed: Option<u64>,
}

impl<T> Report<T> {
    /// Items that failed and were skipped, in all stages.
    pub fn skipped(&self) -> u64 {
        self.segments.iter().map(SegmentReport::skipped).sum()
    }

    /// Items that failed and were written down, in all stages.
    pub fn dead_lettered(&self) -> u64 {
        self.segments.iter().map(SegmentReport::dead_lettered).sum()
    }

    /// Items that the source gave.
    pub fn taken(&self) -> u64 {
        self.segments.first().map_or(self.written, |segment| segment.taken)
    }

    /// The share of their time for which its threads were at work in a part, 0 to 1: what is left is for waits, and for what the executor does
    /// itself. On an executor with a reactor the threads are those of the parts before, between and behind the async stages.
    pub fn utilisation(&self) -> f64 {
        let segments = self.segments.iter().filter_map(|segment| segment.busy).sum::<Duration>();
        let there = self.elapsed.as_secs_f64() * self.workers.max(1) as f64;
        let busy = (self.source_busy + self.sink_busy + segments).as_secs_f64();
        // A run of no time, on a clock that stood still, has done nothing.
        if there > 0.0 { (busy / there).min(1.0) } else { 0.0 }
    }

    /// The same run with another result.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Report<U> {
        Report {
            value: f(self.value),
            executor: self.executor,
            elapsed: self.elapsed,
            bytes: self.bytes,
            peak_bytes: self.peak_bytes,
            bytes_in_flight: self.bytes_in_flight,
            memory_limit: self.memory_limit,
            workers: self.workers,
            segments: self.segments,
            written: self.written,
            source_busy: self.source_busy,
            sink_busy: self.sink_busy,
            drained: self.drained,
            events: self.events,
        }
    }
}

impl SegmentReport {
    /// Items that failed and were skipped, in all its stages.
    pub fn skipped(&self) -> u64 {
        self.stages.iter().map(|stage| stage.skipped).sum()
    }

    /// Items that failed and were written down, in all its stages.
    pub fn dead_lettered(&self) -> u64 {
        self.stages.iter().map(|stage| stage.dead_lettered).sum()
    }

    /// Items that its stages dropped without a failure: those that were taken and neither emitted nor failed. `None` where a stage may
    /// make several items of one, so that the numbers do not tell.
    pub fn filtered(&self) -> Option<u64> {
        let many = self.stages.iter().any(|stage| stage.emits == Emits::Many);
        let passed = self.emitted + self.skipped() + self.dead_lettered();
        if many { None } else { self.taken.checked_sub(passed) }
    }
}

impl StageReport {
    /// As it is before the run.
    pub(crate) fn before(info: &StageInfo) -> Self {
        StageReport {
            name: info.name.clone(),
            emits: info.emits,
            policy: info.policy.clone().unwrap_or_default().to_string(),
            attempts: info.retry.map_or(1, |retry| retry.attempts()),
            skipped: 0,
            dead_lettered: 0,
            retried: 0,
            passed: None,
        }
    }
}

impl<T> fmt::Display for Report<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.elapsed.as_secs_f64().max(1e-9);
        let mebibytes = |bytes: f64| bytes / f64::from(1 << 20);
        let (taken, limit) = (self.taken(), mebibytes(self.memory_limit as f64));
        let Report { executor, workers, .. } = self;
        let plural = if *workers == 1 { "" } else { "s" };
        writeln!(
            f,
            "on {executor}, {workers} worker{plural}, {:.1} of {limit} MiB in flight at most",
            mebibytes(self.peak_bytes as f64)
        )?;
        write!(f, "{taken} items in {seconds:.3} s ({:.0} items/s), ", taken as f64 / seconds)?;
        let read = mebibytes(self.bytes as f64);
        writeln!(f, "{read:.1} MiB read ({:.1} MiB/s), {} written", read / seconds, self.written)?;
        let times = Times { source_busy: self.source_busy, sink_busy: self.sink_busy };
        write_rows(f, &self.segments, Some(times))?;
        self.bottleneck().map_or(Ok(()), |found| writeln!(f, "{found}"))?;
        if self.drained {
            writeln!(f, "drained before the end of its source")?;
        }
        self.events.iter().try_for_each(|event| writeln!(f, "{event}"))
    }
}
