//! What a finished run returns: its result, and the numbers that close its accounts.

use std::fmt;
use std::time::Duration;

/// The result of a run and what happened on the way.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Report<T> {
    /// What the sink or fold left behind.
    pub value: T,
    /// From the start of the run to its end.
    pub elapsed: Duration,
    /// Bytes of all items that the source gave, without what they own elsewhere.
    pub bytes: u64,
    /// The most bytes that were in flight between source and sink at once; 0 where the executor keeps one batch alive.
    pub peak_bytes: usize,
    /// Workers that ran, the calling thread included.
    pub workers: usize,
    /// The fused segments, from the source on.
    pub segments: Vec<SegmentReport>,
    /// Decisions and fallbacks.
    pub events: Vec<Event>,
}

/// One fused segment. Items emitted are items taken by the next segment, or written to the sink.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentReport {
    /// Its stages, in order.
    pub stages: Vec<StageReport>,
    /// Items that came in.
    pub taken: u64,
    /// Items that went out.
    pub emitted: u64,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct StageReport {
    /// Its name: given by `.named(..)`, else the adapter's and its index.
    pub name: String,
    /// Items that failed here and were skipped.
    pub skipped: u64,
}

/// A decision of the executor, or a fallback.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A parallel executor kept the run on the calling thread.
    StayedInline {
        /// Nanoseconds of parallel work per item that were measured.
        ns_per_item: f64,
        /// Why that is not worth other threads.
        why: &'static str,
    },
    /// The system refused threads; the run went on with those it had.
    FewerWorkers {
        /// How many were asked for.
        wanted: usize,
        /// How many there were.
        got: usize,
        /// What the system said.
        why: String,
    },
}

impl<T> Report<T> {
    /// Items that failed and were skipped, in all stages.
    pub fn skipped(&self) -> u64 {
        self.segments.iter().map(SegmentReport::skipped).sum()
    }

    /// Items that the source gave.
    pub fn taken(&self) -> u64 {
        self.segments.first().map_or(0, |segment| segment.taken)
    }

    /// The same run with another result.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Report<U> {
        Report {
            value: f(self.value),
            elapsed: self.elapsed,
            bytes: self.bytes,
            peak_bytes: self.peak_bytes,
            workers: self.workers,
            segments: self.segments,
            events: self.events,
        }
    }
}

impl SegmentReport {
    /// Items that failed and were skipped, in all its stages.
    pub fn skipped(&self) -> u64 {
        self.stages.iter().map(|stage| stage.skipped).sum()
    }
}

impl<T> fmt::Display for Report<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.elapsed.as_secs_f64().max(1e-9);
        let rate = self.taken() as f64 / seconds;
        writeln!(
            f,
            "{} items in {seconds:.3} s ({rate:.0} items/s), {} workers",
            self.taken(),
            self.workers
        )?;
        let mebibytes = |bytes: f64| bytes / f64::from(1 << 20);
        write!(f, "{:.1} MiB read", mebibytes(self.bytes as f64))?;
        writeln!(
            f,
            " ({:.1} MiB/s), {:.1} MiB in flight at most",
            mebibytes(self.bytes as f64) / seconds,
            mebibytes(self.peak_bytes as f64)
        )?;
        for (index, segment) in self.segments.iter().enumerate() {
            let names: Vec<&str> = segment.stages.iter().map(|stage| &*stage.name).collect();
            write!(
                f,
                "segment {index}: {} taken, {} emitted: {}",
                segment.taken,
                segment.emitted,
                names.join(" > ")
            )?;
            for stage in segment.stages.iter().filter(|stage| stage.skipped > 0) {
                write!(f, ", {} skipped {}", stage.name, stage.skipped)?;
            }
            writeln!(f)?;
        }
        for event in &self.events {
            writeln!(f, "{event}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::StayedInline { ns_per_item, why } => {
                write!(f, "stayed on the calling thread: {ns_per_item:.1} ns per item, {why}")
            }
            Event::FewerWorkers { wanted, got, why } => write!(f, "{got} workers instead of {wanted}: {why}"),
        }
    }
}
