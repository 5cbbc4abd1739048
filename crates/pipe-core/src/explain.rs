//! What a run will do, before it does it.

use crate::executor::Profile;
use crate::order::Order;
use crate::report::{SegmentReport, StageReport, write_segment};
use crate::settings::{SegmentKind, Settings};
use std::fmt;

/// What [`Whole::explain`](crate::Whole::explain) says: the rows of the report, before there is anything to measure.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explain {
    /// Who would run it, with how many workers, in how much memory.
    pub profile: Profile,
    /// The segments, from the source on, with all counts zero. Those without a stage are left out.
    pub segments: Vec<SegmentReport>,
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
                concurrency: (info.kind == SegmentKind::Async).then_some(info.concurrency),
                stages: stages.into_iter().map(StageReport::before).collect(),
                taken: 0,
                emitted: 0,
                had_enough: false,
            });
        }
        Explain { profile, segments }
    }
}

impl fmt::Display for Explain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Profile { name, workers, memory_limit } = &self.profile;
        writeln!(
            f,
            "on {name}, at most {workers} workers, {} MiB in flight",
            *memory_limit as f64 / f64::from(1 << 20)
        )?;
        for (index, segment) in self.segments.iter().enumerate() {
            write_segment(f, index, segment)?;
            writeln!(f)?;
        }
        Ok(())
    }
}
