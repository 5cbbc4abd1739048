//! Which part keeps a run from going on, when nothing has moved for too long.
//!
//! A run moves when any part is done with a slice. A slow consumer is no stall: its slices are long, and they end. So the patience is to be
//! longer than the slowest slice, which may be a single item.

use pipe_core::{Clock, Explain, Observed, Observer, Part, SegmentKind, SystemClock};
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Watches a run, and says on demand whether it has stalled. Clones watch the same one.
///
/// ```
/// use pipe_core::{Inline, from_iter};
/// use pipe_metrics::StallDetector;
/// use std::time::Duration;
///
/// let stalls = StallDetector::new(Duration::from_secs(10));
/// let run = from_iter(0..1_000u32).map(|n| n).for_each(drop).observe(stalls.clone());
/// run.run_on(&Inline)?;
/// if let Some(stall) = stalls.check() {
///     eprintln!("{stall}"); // segment 0 (parse) has not moved for 12.0 s: it is inside of its closures
/// }
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Clone)]
pub struct StallDetector {
    shared: Arc<Shared>,
}

struct Shared {
    patience: Duration,
    clock: Arc<dyn Clock>,
    begun: OnceLock<Begun>,
    /// When something moved last, in nanoseconds of the clock.
    moved: AtomicU64,
    /// `OVER` once the run has ended.
    over: AtomicU64,
}

struct Begun {
    /// Source, segments, sink.
    parts: Vec<Watched>,
    /// An async segment, which tells nothing of itself.
    waits: Option<Part>,
}

struct Watched {
    part: Part,
    stages: String,
    /// Slices that were begun, and those that are over.
    begun: AtomicU64,
    over: AtomicU64,
}

/// A run that does not move.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stall {
    /// The part that does not come to an end; of several the one furthest down the chain, since the others wait for it. `None` where nobody works: then the
    /// executor waits, for room within the memory limit or for a thread.
    pub part: Option<Part>,
    /// The names of its stages. Empty for source and sink.
    pub stages: String,
    /// How long nothing has moved.
    pub since: Duration,
    /// What it waits for.
    pub waiting_for: WaitingFor,
}

/// What a run that does not move waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitingFor {
    /// The source was asked for a batch.
    Input,
    /// A closure was called and has not returned.
    Closure,
    /// Operations of an async stage are in flight.
    Operations,
    /// The sink was given a batch.
    Output,
    /// Nobody works, and nobody waits for operations.
    Executor,
}

impl StallDetector {
    /// For one run, which may stand still for as long as `patience`.
    pub fn new(patience: Duration) -> Self {
        Self::clocked_by(patience, SystemClock::new())
    }

    /// Takes time from `clock`: for tests.
    pub fn clocked_by(patience: Duration, clock: impl Clock + 'static) -> Self {
        let (begun, moved, over) = (OnceLock::new(), AtomicU64::new(0), AtomicU64::new(0));
        StallDetector { shared: Arc::new(Shared { patience, clock: Arc::new(clock), begun, moved, over }) }
    }

    /// Whether the run stands still. `None` before it begins and after its end.
    pub fn check(&self) -> Option<Stall> {
        let Shared { patience, begun, moved, over, .. } = &*self.shared;
        let begun = begun.get()?;
        let since = Duration::from_nanos(self.shared.now().saturating_sub(moved.load(Relaxed)));
        if since < *patience || over.load(SeqCst) > 0 {
            return None;
        }
        // In this order: one that is over has begun.
        let inside = |watched: &&Watched| watched.over.load(SeqCst) < watched.begun.load(SeqCst);
        let stuck = begun.parts.iter().rev().find(inside);
        let part = stuck.map(|watched| watched.part).or(begun.waits);
        let stages = begun.parts.iter().find(|watched| Some(watched.part) == part);
        let stages = stages.map_or(String::new(), |watched| watched.stages.clone());
        let waiting_for = match stuck.map(|watched| watched.part) {
            Some(Part::Source) => WaitingFor::Input,
            Some(Part::Segment(_)) => WaitingFor::Closure,
            Some(Part::Sink) => WaitingFor::Output,
            None if begun.waits.is_some() => WaitingFor::Operations,
            None => WaitingFor::Executor,
        };
        Some(Stall { part, stages, since, waiting_for })
    }
}

impl Shared {
    fn now(&self) -> u64 {
        u64::try_from(self.clock.now().as_nanos()).unwrap_or(u64::MAX)
    }

    fn watched(&self, part: Part) -> Option<&Watched> {
        let parts = &self.begun.get()?.parts;
        match part {
            Part::Source => parts.first(),
            Part::Segment(index) => parts.get(index + 1),
            Part::Sink => parts.last(),
        }
    }

    fn begin(&self, plan: &Explain) {
        let watched = |part, stages| {
            let (begun, over) = (AtomicU64::new(0), AtomicU64::new(0));
            Watched { part, stages, begun, over }
        };
        let mut parts = vec![watched(Part::Source, String::new())];
        for (index, segment) in plan.segments.iter().enumerate() {
            let names: Vec<_> = segment.stages.iter().map(|stage| &*stage.name).collect();
            parts.push(watched(Part::Segment(index), names.join(" > ")));
        }
        parts.push(watched(Part::Sink, String::new()));
        let waits = plan.segments.iter().rposition(|segment| segment.kind == SegmentKind::Async);
        self.moved.store(self.now(), Relaxed);
        let _ = self.begun.set(Begun { parts, waits: waits.map(Part::Segment) });
    }
}

impl Observer for StallDetector {
    fn observe(&self, what: &Observed<'_>) {
        let shared = &*self.shared;
        match what {
            Observed::Began { plan, .. } => shared.begin(plan),
            Observed::Working(part) => {
                shared.watched(*part).inspect(|watched| {
                    watched.begun.fetch_add(1, SeqCst);
                });
            }
            Observed::Worked(slice) => {
                shared.moved.fetch_max(shared.now(), Relaxed);
                shared.watched(slice.part).inspect(|watched| {
                    watched.over.fetch_add(1, SeqCst);
                });
            }
            Observed::Ended { .. } => shared.over.store(1, SeqCst),
            _ => {}
        }
    }
}

impl fmt::Display for Stall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            Some(part @ Part::Segment(_)) => write!(f, "{part} ({})", self.stages)?,
            Some(part) => write!(f, "the {part}")?,
            None => write!(f, "the run")?,
        }
        let why = match self.waiting_for {
            WaitingFor::Input => "it waits for input",
            WaitingFor::Closure => "it is inside of its closures",
            WaitingFor::Operations => "it waits for its operations",
            WaitingFor::Output => "it is inside of a write",
            WaitingFor::Executor => "its executor waits for room or for a thread",
        };
        write!(f, " has not moved for {:.1} s: {why}", self.since.as_secs_f64())
    }
}
