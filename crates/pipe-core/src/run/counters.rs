//! What is counted while it goes on: per slice or batch, never per item.

use super::RunState;
use crate::settings::SegmentKind;
use crate::waits::Waits;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::time::Duration;

impl RunState {
    pub(crate) fn count_skipped(&self, stage: Option<u16>, items: u64) {
        if let Some(id) = stage {
            self.stages[usize::from(id)].skipped.fetch_add(items, Release);
        }
    }

    pub(crate) fn count_passed(&self, stage: u16, items: u64) {
        let stage = &self.stages[usize::from(stage)];
        stage.counted.store(true, Relaxed);
        stage.passed.fetch_add(items, Relaxed);
    }

    pub(crate) fn count_pulled(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    /// Items that came into a segment.
    pub fn count_taken(&self, segment: usize, items: usize) {
        self.segments[segment].taken.fetch_add(items as u64, Relaxed);
    }

    /// Items that left it.
    pub fn count_emitted(&self, segment: usize, items: usize) {
        self.segments[segment].emitted.fetch_add(items as u64, Relaxed);
    }

    pub(crate) fn count_written(&self, items: u64) {
        self.written.fetch_add(items, Relaxed);
    }

    /// How long a segment, or behind the last one the sink, was busy. Per batch.
    pub(crate) fn count_busy(&self, segment: usize, span: Duration) {
        let busy = self.segments.get(segment).map_or(&self.sink_busy, |segment| &segment.busy);
        busy.fetch_add(nanoseconds(span), Relaxed);
    }

    pub(crate) fn count_source_busy(&self, span: Duration) {
        self.source_busy.fetch_add(nanoseconds(span), Relaxed);
    }

    /// Of each segment, by its index.
    pub(crate) fn waits(&self) -> impl Iterator<Item = (SegmentKind, &Waits)> {
        self.segments.iter().map(|segment| (segment.info.kind, &segment.waits))
    }

    /// A stage of this segment has had enough: items that were on their way to it are dropped.
    pub(crate) fn had_enough(&self, segment: usize) {
        self.segments[segment].enough.store(true, Relaxed);
    }
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
