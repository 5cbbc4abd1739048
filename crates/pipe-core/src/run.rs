//! What all workers of one run share: names, policies, counters, the switches that stop it.

use crate::cancel::Cancel;
use crate::order::Order;
use crate::policy::ErrorPolicy;
use crate::report::{Event, Report, SegmentReport, StageReport};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// One run. Executors get it with the plan; counters are touched per slice or batch, never per item.
pub struct RunState {
    stages: Vec<StageState>,
    segments: Vec<SegmentState>,
    cancel: Cancel,
    started: Instant,
    bytes: AtomicU64,
    workers: AtomicUsize,
    peak_bytes: AtomicUsize,
    events: Mutex<Vec<Event>>,
}

struct StageState {
    name: String,
    policy: ErrorPolicy,
    segment: usize,
    skipped: AtomicU64,
}

#[derive(Default)]
struct SegmentState {
    order: Order,
    taken: AtomicU64,
    emitted: AtomicU64,
}

/// A stage as the builder describes it.
#[derive(Clone)]
pub(crate) struct StageInfo {
    pub name: String,
    /// `None`: no setter named one yet.
    pub policy: Option<ErrorPolicy>,
    pub segment: usize,
}

impl RunState {
    pub(crate) fn new(stages: Vec<StageInfo>, orders: Vec<Order>, cancel: Cancel) -> Self {
        let stage = |info: StageInfo| StageState {
            name: info.name,
            policy: info.policy.unwrap_or_default(),
            segment: info.segment,
            skipped: AtomicU64::new(0),
        };
        RunState {
            stages: stages.into_iter().map(stage).collect(),
            segments: orders.into_iter().map(|order| SegmentState { order, ..Default::default() }).collect(),
            cancel,
            started: Instant::now(),
            bytes: AtomicU64::new(0),
            workers: AtomicUsize::new(1),
            peak_bytes: AtomicUsize::new(0),
            events: Mutex::default(),
        }
    }

    /// Whether it was cancelled from outside.
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled()
    }

    pub(crate) fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// The order that segment `segment` was asked to keep.
    pub fn order(&self, segment: usize) -> Order {
        self.segments[segment].order
    }

    /// Tells the report how many workers ran, the caller's thread included.
    pub fn note_workers(&self, workers: usize) {
        self.workers.store(workers, Relaxed);
    }

    /// Tells the report the most bytes that were in flight at once.
    pub fn note_peak_bytes(&self, bytes: usize) {
        self.peak_bytes.fetch_max(bytes, Relaxed);
    }

    /// Tells the report about a decision or a fallback.
    pub fn note(&self, event: Event) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    pub(crate) fn policy(&self, stage: Option<u16>) -> ErrorPolicy {
        stage.map_or(ErrorPolicy::Fail, |id| self.stages[usize::from(id)].policy)
    }

    pub(crate) fn name(&self, stage: Option<u16>) -> String {
        stage.map_or_else(|| "?".to_owned(), |id| self.stages[usize::from(id)].name.clone())
    }

    /// The names of a segment's stages.
    pub(crate) fn segment_name(&self, segment: usize) -> String {
        let names = self.stages.iter().filter(|stage| stage.segment == segment).map(|stage| &*stage.name);
        names.collect::<Vec<_>>().join(" > ")
    }

    pub(crate) fn count_skipped(&self, stage: Option<u16>) {
        if let Some(id) = stage {
            self.stages[usize::from(id)].skipped.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn count_pulled(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) fn count_taken(&self, segment: usize, items: usize) {
        self.segments[segment].taken.fetch_add(items as u64, Relaxed);
    }

    pub(crate) fn count_emitted(&self, segment: usize, items: usize) {
        self.segments[segment].emitted.fetch_add(items as u64, Relaxed);
    }

    pub(crate) fn report<T>(&self, value: T) -> Report<T> {
        let segment = |(id, segment): (usize, &SegmentState)| {
            let stages = self.stages.iter().filter(|stage| stage.segment == id);
            let stage = |stage: &StageState| StageReport {
                name: stage.name.clone(),
                skipped: stage.skipped.load(Relaxed),
            };
            SegmentReport {
                stages: stages.map(stage).collect(),
                taken: segment.taken.load(Relaxed),
                emitted: segment.emitted.load(Relaxed),
            }
        };
        Report {
            value,
            elapsed: self.started.elapsed(),
            bytes: self.bytes.load(Relaxed),
            peak_bytes: self.peak_bytes.load(Relaxed),
            workers: self.workers.load(Relaxed),
            segments: self.segments.iter().enumerate().map(segment).collect(),
            events: self.events.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
