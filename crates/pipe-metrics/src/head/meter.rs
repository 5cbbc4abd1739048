//! What each part of the head has cost, by the clock on the wall and by that of the processor.

use pipe_core::{Part, SegmentKind};
use rustix::time::{ClockId, clock_gettime};
use std::cell::{Cell, RefCell};
use std::fs;
use std::time::{Duration, Instant};

/// Who is at work, since when, and what each has cost so far.
pub(super) struct Meter {
    now: Cell<(Option<usize>, Duration, Duration)>,
    began: Instant,
    costs: RefCell<Vec<Cost>>,
}

impl Meter {
    pub(super) const SOURCE: Option<usize> = Some(0);

    /// Of the worker of this node.
    pub(super) fn of(node: usize) -> Option<usize> {
        Some(node + 1)
    }

    pub(super) fn new(parts: impl Iterator<Item = (Part, SegmentKind)>) -> Self {
        let (busy, computed, items) = (Duration::ZERO, Duration::ZERO, 0);
        let costs = parts.map(|(part, kind)| Cost { part, kind, busy, computed, items }).collect();
        Meter {
            now: Cell::new((None, Duration::ZERO, processor_time())),
            began: Instant::now(),
            costs: RefCell::new(costs),
        }
    }

    /// From now on this one is at work. Returns who was before.
    pub(super) fn enter(&self, who: Option<usize>) -> Option<usize> {
        let (wall, computed) = (self.began.elapsed(), processor_time());
        let (before, since, since_computed) = self.now.replace((who, wall, computed));
        if let Some(before) = before {
            let cost = &mut self.costs.borrow_mut()[before];
            cost.busy += wall.saturating_sub(since);
            cost.computed += computed.saturating_sub(since_computed);
        }
        before
    }

    pub(super) fn count(&self, who: Option<usize>, items: usize) {
        if let Some(who) = who {
            self.costs.borrow_mut()[who].items += items as u64;
        }
    }

    /// So far, while nobody is at work.
    pub(super) fn read(&self) -> Measured {
        Measured { parts: self.costs.borrow().clone(), ready: ready(), ..Measured::default() }
    }
}

/// What was measured of the head.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measured {
    /// Source, segments and sink, in order.
    pub(crate) parts: Vec<Cost>,
    /// Of the batches that the source gave.
    pub(crate) bytes: u64,
    pub(crate) elapsed: Duration,
    /// How long this thread would have run, and others did.
    pub(crate) ready: Duration,
    /// Of the time for an item, from batch to batch: its spread over its mean.
    pub(crate) variation: f64,
}

impl Measured {
    /// Of the input, one at least.
    pub(crate) fn items(&self) -> u64 {
        self.parts.get(1).map_or(0, |first| first.items).max(1)
    }

    /// What came after `earlier`.
    pub(super) fn since(&self, earlier: &Measured) -> Measured {
        let cost = |(now, then): (&Cost, &Cost)| Cost {
            busy: now.busy.saturating_sub(then.busy),
            computed: now.computed.saturating_sub(then.computed),
            items: now.items - then.items,
            ..*now
        };
        Measured {
            parts: self.parts.iter().zip(&earlier.parts).map(cost).collect(),
            bytes: self.bytes - earlier.bytes,
            elapsed: self.elapsed.saturating_sub(earlier.elapsed),
            ready: self.ready.saturating_sub(earlier.ready),
            variation: self.variation,
        }
    }
}

/// What a part has cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cost {
    pub(crate) part: Part,
    pub(crate) kind: SegmentKind,
    /// By the clock on the wall.
    pub(crate) busy: Duration,
    /// By that of the processor.
    pub(crate) computed: Duration,
    /// Items that it took.
    pub(crate) items: u64,
}

/// For how long a processor has worked for this thread.
fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

/// For how long this thread could have run, and did not because others did. Zero where the system does not tell.
fn ready() -> Duration {
    let told = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}
