//! Observers are told what a run does: per batch and per change, never per item.

use crate::error::{Payload, RunError};
use crate::event::Event;
use crate::explain::Explain;
use crate::handle::Run;
use crate::report::Report;
use crate::run::RunState;
use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::time::Duration;

/// Is told what a run does. Named with [`Whole::observe`](crate::Whole::observe); without one, nothing is looked at and nothing is paid.
///
/// It is called by the threads that do the work, in the middle of it, often by several at once: so it is quick, takes no lock that others
/// hold for long, and never waits. It cannot harm the run: one that panics is not called again, and the report has an event that says so.
///
/// What it is told is what counters cannot tell afterwards: when each slice began and ended, and on which thread. All else is in
/// [`Run::report`], at any time; the handle comes with [`Observed::Began`].
///
/// A closure is an observer:
///
/// ```
/// use pipe_core::{FromIter, Inline, Observed, Part, Source};
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
///
/// let longest = Arc::new(AtomicU64::new(0));
/// let seen = longest.clone();
/// let sum = FromIter::new(0..100_000u64).pipeline().map(|n| n * n).edge().filter(|n| n % 2 == 0).for_each(drop);
/// sum.observe(move |what: &Observed<'_>| match what {
///     Observed::Worked(slice) if slice.part == Part::Segment(0) => {
///         seen.fetch_max(slice.busy().as_nanos() as u64, Relaxed);
///     }
///     _ => {}
/// })
/// .run_on(&Inline)?;
/// assert!(longest.load(Relaxed) > 0);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub trait Observer: Send + Sync {
    /// Is told one thing.
    fn observe(&self, what: &Observed<'_>);
}

impl<F: Fn(&Observed<'_>) + Send + Sync> Observer for F {
    fn observe(&self, what: &Observed<'_>) {
        self(what);
    }
}

/// What an [`Observer`] is told.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Observed<'a> {
    /// The run begins: before anything is pulled.
    Began {
        /// What runs it, and its segments: [`Part::Segment`] counts them from 0.
        plan: &'a Explain,
        /// Its handle, to be cloned by who wants to look at the run from outside.
        run: &'a Run,
    },
    /// This thread begins a slice of a batch. `Worked` of the same part follows, on this thread, when it is over; what comes in between is
    /// inside of it: a worker hands its outputs on in the middle of a slice, and the parts behind it then work inside its call.
    Working(Part),
    /// This thread has worked on a slice of a batch.
    Worked(Slice),
    /// A decision or a fallback; [`Report::events`] has it too.
    Noted(&'a Event),
    /// The run is over. The last thing that is told.
    Ended {
        /// All that was counted, also where the run failed.
        report: &'a Report<()>,
        /// Why it did not end well, if it did not. [`RunError::Cancelled`] if the future of an async run was dropped.
        error: Option<&'a RunError>,
    },
}

/// A part of a pipeline that works and is measured. An async stage mostly waits, and is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// Asked for batches.
    Source,
    /// The segment of this index in [`Explain::segments`] and [`Report::segments`]. A pipeline over an iterator that runs as one loop is
    /// segment 0 as a whole, its source and sink included.
    Segment(usize),
    /// Writes, and commits.
    Sink,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Source => write!(f, "source"),
            Part::Segment(index) => write!(f, "segment {index}"),
            Part::Sink => write!(f, "sink"),
        }
    }
}

/// What one thread did without a pause: a pull of the source, or a part's work on up to a batch. Times are counted from the beginning of
/// the run, by its [`Clock`](crate::Clock).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Slice {
    /// The worker.
    pub part: Part,
    /// Items that it took. 0 for the source, whose batches do not tell how many items they have.
    pub items: u64,
    /// Bytes that the source gave. 0 for others.
    pub bytes: u64,
    /// When it began.
    pub started: Duration,
    /// When it was over.
    pub ended: Duration,
    /// How much of the time in between it was not at work itself: parts behind it were, or it waited for room.
    pub away: Duration,
}

impl Slice {
    /// How long it worked.
    pub fn busy(&self) -> Duration {
        self.ended.saturating_sub(self.started).saturating_sub(self.away)
    }
}

/// The observers of a run: mostly none.
#[derive(Default)]
pub(crate) struct Observers {
    all: Vec<Watcher>,
    /// `Ended` was told.
    ended: AtomicBool,
}

struct Watcher {
    observer: Arc<dyn Observer>,
    /// It has panicked.
    broken: AtomicBool,
}

impl Observers {
    pub(crate) fn add(&mut self, observer: impl Observer + 'static) {
        self.all.push(Watcher { observer: Arc::new(observer), broken: AtomicBool::new(false) });
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

impl RunState {
    /// Tells all of them. One small function, since this is what it costs to be observed.
    pub(crate) fn tell(&self, what: &Observed<'_>) {
        for watcher in &self.observers().all {
            if !watcher.broken.load(Relaxed)
                && let Err(thrown) = catch_unwind(AssertUnwindSafe(|| watcher.observer.observe(what)))
            {
                self.leave_out(watcher, thrown);
            }
        }
    }

    /// Tells one that has panicked no more, and the others that it did.
    #[cold]
    fn leave_out(&self, watcher: &Watcher, thrown: Box<dyn Any + Send>) {
        let payload = Payload::new(thrown);
        if !watcher.broken.swap(true, SeqCst) {
            let why = format!("it panicked: {}", payload.message());
            let (wanted, got) = ("an observer".to_owned(), "no observer from here on".to_owned());
            self.note(Event::Fallback { wanted, got, why });
        }
    }

    pub(crate) fn tell_began(self: &Arc<Self>) {
        if !self.observers().is_empty() {
            let (plan, run) = (Explain::of(self), self.handle());
            self.tell(&Observed::Began { plan: &plan, run: &run });
        }
    }

    /// The run is over: leaves its last report to the handles, and tells the observers. Only the first call counts.
    pub(crate) fn end(&self, error: Option<&RunError>) {
        if self.observers().ended.swap(true, SeqCst) {
            return;
        }
        self.runner().events().into_iter().for_each(|event| self.note(event));
        if self.observers().is_empty() && !self.has_handles() {
            return;
        }
        let report = self.report(());
        self.leave(&report);
        if !self.observers().is_empty() {
            self.tell(&Observed::Ended { report: &report, error });
        }
    }
}

/// One slice, while it lasts. The clock is looked at when it begins and when it ends, for the account and for those who observe.
pub(crate) struct Watched<'r> {
    run: &'r RunState,
    /// Of whom to tell: `None` where nobody observes, for segments without a stage, and once it was told.
    part: Option<Part>,
    started: Duration,
    /// `None` while it lasts.
    ended: Option<Duration>,
}

impl<'r> Watched<'r> {
    #[inline]
    pub(crate) fn begin(run: &'r RunState, part: Option<Part>) -> Self {
        let part = if run.observers().is_empty() { None } else { part };
        if let Some(part) = part {
            run.tell(&Observed::Working(part));
        }
        Watched { run, part, started: run.clock().now(), ended: None }
    }

    /// It is over: how long it took, for the account. Those who observe are told afterwards, so they find it there.
    #[inline]
    pub(crate) fn stop(&mut self) -> Duration {
        let ended = self.run.clock().now();
        self.ended = Some(ended);
        ended.saturating_sub(self.started)
    }

    /// Tells of it, where somebody observes.
    #[inline]
    pub(crate) fn tell(mut self, items: usize, bytes: usize, away: Duration) {
        if let Some(part) = self.part.take() {
            self.worked(part, (items as u64, bytes as u64), away);
        }
    }

    #[cold]
    fn worked(&self, part: Part, (items, bytes): (u64, u64), away: Duration) {
        let since = |at: Duration| at.saturating_sub(self.run.started());
        let ended = self.ended.unwrap_or_else(|| self.run.clock().now());
        let (started, ended) = (since(self.started), since(ended));
        self.run.tell(&Observed::Worked(Slice { part, items, bytes, started, ended, away }));
    }
}

/// A slice that unwinds, because the drop of an item panicked, or of which nothing came, is over too.
impl Drop for Watched<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(part) = self.part.take() {
            self.worked(part, (0, 0), Duration::ZERO);
        }
    }
}
