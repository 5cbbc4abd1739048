//! A span per slice of a batch, through the facade `tracing`.

use pipe_core::{Explain, Observed, Observer, Part};
use std::cell::RefCell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tracing::span::EnteredSpan;
use tracing::{Level, field, info, span, warn};

/// Opens a span for each slice of a batch, on the thread that works on it: what closures log while they run is inside of it. Spans and
/// events have the target `pipe`; slices are of level debug, the beginning and end of a run of level info, a failure is a warning.
///
/// | span or event | fields |
/// | --- | --- |
/// | `slice` | `pipeline`, `part`, `stages`; behind it `items`, `bytes`, `busy_ns` |
/// | `began` | `pipeline`, `executor`, `workers`, `memory_limit` |
/// | `noted` | `pipeline`, `event` |
/// | `ended` | `pipeline`, `taken`, `written`, `elapsed_ms`; of a failure `error` |
///
/// ```
/// use pipe_core::{Inline, from_iter};
/// use pipe_metrics::Spans;
///
/// from_iter(0..10u8).map(|n| n).for_each(drop).observe(Spans::of("bytes")).run_on(&Inline)?;
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub struct Spans {
    id: u64,
    pipeline: String,
    /// Of each segment.
    stages: OnceLock<Vec<String>>,
}

thread_local! {
    /// The spans that this thread is in, each with its observer.
    static OPEN: RefCell<Vec<(u64, EnteredSpan)>> = const { RefCell::new(Vec::new()) };
}

impl Spans {
    /// The observer of one run of the pipeline `name`.
    pub fn of(name: &str) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Spans { id: NEXT.fetch_add(1, Relaxed), pipeline: name.to_owned(), stages: OnceLock::new() }
    }

    fn stages(&self, part: Part) -> &str {
        let Part::Segment(index) = part else { return "" };
        self.stages.get().and_then(|stages| stages.get(index)).map_or("", |stages| stages)
    }

    fn begin(&self, plan: &Explain) {
        let names = plan.segments.iter().map(|segment| {
            let names: Vec<_> = segment.stages.iter().map(|stage| &*stage.name).collect();
            names.join(" > ")
        });
        let _ = self.stages.set(names.collect());
        let profile = &plan.profile;
        let (workers, memory_limit) = (profile.workers, profile.memory_limit);
        info!(target: "pipe", pipeline = self.pipeline, executor = profile.name, workers, memory_limit, "began");
    }
}

impl Observer for Spans {
    fn observe(&self, what: &Observed<'_>) {
        match what {
            Observed::Began { plan, .. } => self.begin(plan),
            Observed::Working(part) => {
                let slice = span!(
                    target: "pipe", Level::DEBUG, "slice",
                    pipeline = self.pipeline, %part, stages = self.stages(*part),
                    items = field::Empty, bytes = field::Empty, busy_ns = field::Empty,
                );
                OPEN.with_borrow_mut(|open| open.push((self.id, slice.entered())));
            }
            Observed::Worked(slice) => {
                let mine = OPEN.with_borrow_mut(|open| {
                    let at = open.iter().rposition(|(id, _)| *id == self.id)?;
                    Some(open.remove(at).1)
                });
                if let Some(span) = mine {
                    span.record("items", slice.items);
                    span.record("bytes", slice.bytes);
                    span.record("busy_ns", slice.busy().as_nanos() as u64);
                }
            }
            Observed::Noted(event) => {
                info!(target: "pipe", pipeline = self.pipeline, %event, "noted");
            }
            Observed::Ended { report, error } => {
                let (taken, written) = (report.taken(), report.written);
                let elapsed_ms = report.elapsed.as_millis() as u64;
                match error {
                    None => {
                        info!(target: "pipe", pipeline = self.pipeline, taken, written, elapsed_ms, "ended")
                    }
                    Some(error) => {
                        warn!(target: "pipe", pipeline = self.pipeline, taken, written, elapsed_ms, %error, "ended");
                    }
                }
            }
            _ => {}
        }
    }
}
