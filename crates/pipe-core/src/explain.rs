//! What a run will do, before it does it.

use crate::error::RunError;
use crate::executor::Profile;
use crate::order::Order;
use crate::report::{Report, SegmentReport, StageReport};
use crate::report_rows::{Times, write_rows};
use crate::run::RunState;
use crate::run::batch_bytes;
use crate::settings::{SegmentKind, Settings};
use std::fmt;
use std::time::Duration;

/// What [`Whole::explain`](crate::Whole::explain) says: the rows of the report, before there is anything to measure.
///
/// With the report of an earlier run the rows have that one's numbers, which are what to expect of the next one:
///
/// ```
/// use pipe_core::{Inline, RunError, from_iter};
///
/// let even = |n| from_iter(0..n).filter(|n| n % 2 == 0).collect();
/// let sample = even(1_000).run_on(&Inline)?;
/// let whole = even(1_000_000);
/// let expected = whole.explain(&Inline)?.from_report(&sample)?;
/// assert_eq!(expected.segments[0].emitted, 500);
/// println!("{expected}");
/// # Ok::<(), RunError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explain {
    /// The executor that would run it, with its workers and its memory limit.
    pub profile: Profile,
    /// The segments, from the source on. Those without a stage are left out. All counts are zero, or those of the earlier run.
    pub segments: Vec<SegmentReport>,
    /// The run whose numbers these are.
    pub earlier: Option<Earlier>,
}

/// The run from which [`Explain::from_report`] predicts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Earlier {
    /// The name of its executor.
    pub executor: &'static str,
    /// Workers that ran.
    pub workers: usize,
    /// From its start to its end.
    pub elapsed: Duration,
    /// [`Report::source_busy`].
    pub source_busy: Duration,
    /// [`Report::sink_busy`].
    pub sink_busy: Duration,
}

impl Explain {
    pub(crate) fn new(settings: &Settings, profile: Profile) -> Self {
        let mut order = Order::Preserve;
        let mut segments = Vec::new();
        for (id, info) in settings.segments.iter().enumerate() {
            if info.order == Order::Any {
                order = Order::Any;
            }
            let stages: Vec<_> = settings.stages.iter().filter(|stage| stage.segment == id).collect();
            if stages.is_empty() {
                continue;
            }
            segments.push(SegmentReport {
                kind: info.kind,
                order,
                concurrency: (info.kind == SegmentKind::Async).then_some(info.operations.concurrency),
                stages: stages.into_iter().map(StageReport::before).collect(),
                taken: 0,
                emitted: 0,
                busy: None,
                starved: Duration::ZERO,
                blocked: Duration::ZERO,
                batch_bytes: batch_bytes(profile.memory_limit, settings.segments.len()),
                had_enough: false,
            });
        }
        Explain { profile, segments, earlier: None }
    }

    /// Of a run that begins.
    pub(crate) fn of(run: &RunState) -> Self {
        let mut segments = run.segment_reports();
        segments.iter_mut().for_each(|segment| segment.busy = None);
        Explain { profile: run.profile().clone(), segments, earlier: None }
    }

    /// Fills the rows with the numbers of an earlier run of the same pipeline, on whatever executor and input: items, time, and the share
    /// of the time, which is what stays the same where the input is longer.
    ///
    /// # Errors
    /// `Config`, if that run had other segments or stages (by kind and name).
    pub fn from_report<T>(mut self, earlier: &Report<T>) -> Result<Self, RunError> {
        let same = |a: &SegmentReport, b: &SegmentReport| {
            a.kind == b.kind && a.stages.iter().map(|stage| &stage.name).eq(b.stages.iter().map(|b| &b.name))
        };
        let pairs = self.segments.iter().zip(&earlier.segments);
        if self.segments.len() != earlier.segments.len() || pairs.clone().any(|(a, b)| !same(a, b)) {
            let (field, why) =
                ("from_report", "the report is of another pipeline: its segments and stages differ");
            let at = pairs.take_while(|(a, b)| same(a, b)).count();
            return Err(RunError::Config { field, value: format!("segment {at}"), why });
        }
        for (row, measured) in self.segments.iter_mut().zip(&earlier.segments) {
            (row.taken, row.emitted, row.busy) = (measured.taken, measured.emitted, measured.busy);
            (row.starved, row.blocked) = (measured.starved, measured.blocked);
            for (stage, measured) in row.stages.iter_mut().zip(&measured.stages) {
                (stage.skipped, stage.dead_lettered) = (measured.skipped, measured.dead_lettered);
                (stage.retried, stage.passed) = (measured.retried, measured.passed);
            }
        }
        self.earlier = Some(Earlier {
            executor: earlier.executor,
            workers: earlier.workers,
            elapsed: earlier.elapsed,
            source_busy: earlier.source_busy,
            sink_busy: earlier.sink_busy,
        });
        Ok(self)
    }
}

impl fmt::Display for Explain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Profile { name, workers, memory_limit, .. } = &self.profile;
        let plural = if *workers == 1 { "" } else { "s" };
        let limit = *memory_limit as f64 / f64::from(1 << 20);
        writeln!(f, "on {name}, at most {workers} worker{plural}, {limit} MiB in flight")?;
        let times = self.earlier.as_ref().map(|earlier| {
            let Earlier { source_busy, sink_busy, .. } = *earlier;
            Times { source_busy, sink_busy }
        });
        if let Some(Earlier { executor, workers, elapsed, .. }) = &self.earlier {
            let (plural, seconds) = (if *workers == 1 { "" } else { "s" }, elapsed.as_secs_f64());
            writeln!(f, "expected, from {seconds:.3} s on {executor}, {workers} worker{plural}:")?;
        }
        write_rows(f, &self.segments, times)
    }
}
