//! How long threads slept instead of working in a segment, and what for. Executors tell it, since only they know.

use crate::report::SegmentReport;
use crate::run::RunState;
use crate::settings::SegmentKind;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// What a thread sleeps for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// There is nothing to work on: it is starved.
    Input,
    /// What it has made is not taken yet: it is blocked.
    Room,
}

/// Of a segment, in nanoseconds.
#[derive(Default)]
pub(crate) struct Waits {
    starved: AtomicU64,
    blocked: AtomicU64,
}

impl Waits {
    fn add(&self, wait: Wait, span: Duration) {
        let counter = match wait {
            Wait::Input => &self.starved,
            Wait::Room => &self.blocked,
        };
        counter.fetch_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    pub(crate) fn report(&self, segment: &mut SegmentReport) {
        segment.starved = Duration::from_nanos(self.starved.load(Relaxed));
        segment.blocked = Duration::from_nanos(self.blocked.load(Relaxed));
    }
}

/// For executors: after a sleep, which costs so much that two looks at the clock do not count.
impl RunState {
    /// A thread that runs this segment, and no other that it could turn to, slept for `span`. Of the sink nothing is counted.
    pub fn count_waited(&self, segment: usize, wait: Wait, span: Duration) {
        if let Some((_, waits)) = self.waits().nth(segment) {
            waits.add(wait, span);
        }
    }

    /// A worker of all parallel segments slept for `span`: those before segment `full` are blocked, because what they have made is not taken
    /// there, and the others lack input.
    pub fn count_idle(&self, full: usize, span: Duration) {
        for (segment, (kind, waits)) in self.waits().enumerate() {
            if kind == SegmentKind::Parallel {
                waits.add(if segment < full { Wait::Room } else { Wait::Input }, span);
            }
        }
    }
}
