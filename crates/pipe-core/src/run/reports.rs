//! What the counters say: at the end, and to whoever asks before it.

use super::{RunState, SegmentState, StageState};
use crate::event::Event;
use crate::report::{Report, SegmentReport, StageReport};
use crate::settings::SegmentKind;
use std::sync::PoisonError;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

impl RunState {
    /// Leaves the last progress and report to the handles.
    pub(crate) fn leave(&self, report: &Report<()>) {
        self.control.end(self.progress(), report.clone());
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.control.clock().now().saturating_sub(self.started)
    }

    pub(crate) fn segment_reports(&self) -> Vec<SegmentReport> {
        let report = |(id, segment): (usize, &SegmentState)| {
            let stages = self.stages.iter().filter(|stage| stage.info.segment == id);
            let mut report = SegmentReport {
                kind: segment.info.kind,
                order: segment.order,
                concurrency: (segment.info.kind == SegmentKind::Async)
                    .then_some(segment.info.operations.concurrency),
                stages: stages.map(StageState::report).collect(),
                taken: segment.taken.load(Relaxed),
                emitted: segment.emitted.load(Relaxed),
                busy: (segment.info.kind != SegmentKind::Async).then(|| busy(&segment.busy)),
                starved: Duration::ZERO,
                blocked: Duration::ZERO,
                batch_bytes: self.batch_bytes(),
                had_enough: segment.enough.load(Relaxed),
            };
            segment.waits.report(&mut report);
            report
        };
        // As in `explain`. A segment without a stage takes what it emits.
        let has_stage = |id: usize| self.stages.iter().any(|stage| stage.info.segment == id);
        self.segments.iter().enumerate().filter(|(id, _)| has_stage(*id)).map(report).collect()
    }

    /// Items that the first segment took.
    pub(crate) fn first_taken(&self) -> u64 {
        let first = self.segments.iter().find(|segment| !segment.elided.load(Relaxed));
        first.map_or(self.written(), |segment| segment.taken.load(Relaxed))
    }

    pub(crate) fn report<T>(&self, value: T) -> Report<T> {
        Report {
            value,
            executor: self.profile.name,
            elapsed: self.elapsed(),
            bytes: self.bytes.load(Relaxed),
            peak_bytes: self.budget.peak(),
            bytes_in_flight: self.budget.in_use(),
            memory_limit: self.budget.limit(),
            workers: self.workers.load(Relaxed),
            segments: self.segment_reports(),
            written: self.written.load(Relaxed),
            source_busy: busy(&self.source_busy),
            sink_busy: busy(&self.sink_busy),
            drained: self.is_draining(),
            events: self.all_events(),
        }
    }

    /// What was noted so far, and what counters say. Asked at any time, any number of times.
    fn all_events(&self) -> Vec<Event> {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let times = self.budget.held_back();
        events.extend((times > 0).then_some(Event::HeldBack { times }));
        events
    }

    pub(crate) fn pulled_bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    pub(crate) fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }
}

fn busy(counter: &AtomicU64) -> Duration {
    Duration::from_nanos(counter.load(Relaxed))
}

impl StageState {
    fn report(&self) -> StageReport {
        StageReport {
            name: self.info.name.clone(),
            emits: self.info.emits,
            policy: self.policy.to_string(),
            attempts: self.info.retry.map_or(1, |retry| retry.attempts()),
            skipped: self.skipped.load(Relaxed),
            dead_lettered: self.dead_lettered.load(Relaxed),
            retried: self.retried.load(Relaxed),
            passed: self.counted.load(Relaxed).then(|| self.passed.load(Relaxed)),
        }
    }
}
