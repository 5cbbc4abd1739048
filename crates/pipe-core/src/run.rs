//! What all workers of one run share: names, policies, counters, the switches that stop it.

mod counters;
mod failures;
mod reports;

pub use failures::Failure;

use crate::budget::Budget;
use crate::cancel::Cancel;
use crate::clock::Clock;
use crate::control::Control;
use crate::error::RunError;
use crate::event::Event;
use crate::executor::Profile;
use crate::handle::Run;
use crate::kernel::Runner;
use crate::observer::{Observed, Observers, Part};
use crate::opaque::opaque;
use crate::operations::Operations;
use crate::order::Order;
use crate::policy::{ErrorPolicy, Then};
use crate::settings::{Again, SegmentInfo, Settings, StageInfo};
use crate::source::Want;
use crate::waits::Waits;
use crate::weigh::Weighers;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// One run. Executors get it with the plan; counters are touched per slice or batch, never per item.
pub struct RunState {
    stages: Vec<StageState>,
    segments: Vec<SegmentState>,
    weighers: Weighers,
    control: Arc<Control>,
    profile: Profile,
    runner: Arc<dyn Runner>,
    /// The source is at its end before the first item.
    reads_nothing: bool,
    /// The executor's clock.
    own: Arc<dyn Clock>,
    budget: Budget,
    started: Duration,
    bytes: AtomicU64,
    written: AtomicU64,
    /// In nanoseconds.
    source_busy: AtomicU64,
    sink_busy: AtomicU64,
    workers: AtomicUsize,
    events: Mutex<Vec<Event>>,
    observers: Observers,
}

opaque!([] RunState[]);

struct StageState {
    info: StageInfo,
    policy: ErrorPolicy,
    skipped: AtomicU64,
    dead_lettered: AtomicU64,
    retried: AtomicU64,
    passed: AtomicU64,
    counted: AtomicBool,
}

struct SegmentState {
    info: SegmentInfo,
    /// Whether outputs may come in any order, because this segment or one before it said so.
    order: Order,
    /// It has no stage and became no node.
    elided: AtomicBool,
    taken: AtomicU64,
    emitted: AtomicU64,
    /// In nanoseconds.
    busy: AtomicU64,
    waits: Waits,
    /// A stage had enough: what was still to come was dropped.
    enough: AtomicBool,
}

/// [`RunState::batch_bytes`].
pub(crate) fn batch_bytes(limit: usize, segments: usize) -> usize {
    (limit / (segments + 1)).clamp(1, Want::MOST.bytes)
}

/// A run's own budget: below the one that it shares, if it does.
fn budget_of(profile: &Profile) -> Budget {
    match &profile.budget {
        Some(shared) => shared.child(profile.name, profile.memory_limit),
        None => Budget::new(profile.memory_limit).named(profile.name),
    }
}

impl RunState {
    pub(crate) fn new(
        settings: Settings,
        profile: Profile,
        runner: Arc<dyn Runner>,
        own: Arc<dyn Clock>,
    ) -> Arc<Self> {
        let Settings { stages, segments, weighers, stop, reads_nothing, observers, .. } = settings;
        let stage = |info: StageInfo| StageState {
            policy: info.policy.clone().unwrap_or_default(),
            info,
            skipped: AtomicU64::new(0),
            dead_lettered: AtomicU64::new(0),
            retried: AtomicU64::new(0),
            passed: AtomicU64::new(0),
            counted: AtomicBool::new(false),
        };
        let mut order = Order::Preserve;
        let segment = |info: SegmentInfo| {
            if info.order == Order::Any {
                order = Order::Any;
            }
            SegmentState {
                info,
                order,
                elided: AtomicBool::new(false),
                taken: AtomicU64::new(0),
                emitted: AtomicU64::new(0),
                busy: AtomicU64::new(0),
                waits: Waits::default(),
                enough: AtomicBool::new(false),
            }
        };
        let control = stop.start(&own);
        let run = Arc::new(RunState {
            stages: stages.into_iter().map(stage).collect(),
            segments: segments.into_iter().map(segment).collect(),
            weighers,
            started: control.clock().now(),
            control,
            budget: budget_of(&profile),
            profile,
            runner,
            reads_nothing,
            own,
            bytes: AtomicU64::new(0),
            written: AtomicU64::new(0),
            source_busy: AtomicU64::new(0),
            sink_busy: AtomicU64::new(0),
            workers: AtomicUsize::new(1),
            events: Mutex::default(),
            observers,
        });
        run.control.begin(&run);
        run.tell_began();
        run
    }

    /// Whether the run goes on. Executors ask between slices and before they pull, never per item: with a deadline it reads the clock.
    ///
    /// # Errors
    /// `Cancelled` or `TimedOut`, from the first time on always.
    pub fn check(&self) -> Result<(), RunError> {
        self.control.check()
    }

    /// Whether it was stopped from outside: cancelled, or its deadline has passed.
    pub fn is_cancelled(&self) -> bool {
        self.control.cancel().is_cancelled()
    }

    /// Whether it has to end by some time. Then no slice may be unlimited.
    pub fn has_deadline(&self) -> bool {
        self.control.has_deadline()
    }

    /// How long it may still go on, if it has to end by some time: for a wait that must not outlast it.
    pub fn time_left(&self) -> Option<Duration> {
        self.control.time_left()
    }

    /// Whether sources are to act as if they were at their end. Those of a plan do so by themselves.
    pub fn is_draining(&self) -> bool {
        self.control.cancel().is_drained()
    }

    /// Whether the source is not asked any more, or was not to be asked at all.
    pub(crate) fn reads_no_more(&self) -> bool {
        self.reads_nothing || self.is_draining()
    }

    /// Lets each loop over a batch pause once, after its present item: then its outlet is asked whether some of the rest is to be given
    /// away ([`Outlet::share`](crate::plan::Outlet::share)). For executors with a worker that has nothing to do.
    pub fn pause(&self) {
        self.control.cancel().pause();
    }

    /// The switch that stops this run alone: for waits that must end with it.
    pub fn cancel(&self) -> &Cancel {
        self.control.cancel()
    }

    /// Ends the waits of the source: nobody wants more of it, though the run goes on. For executors that pull it on a thread of its own, when
    /// what is behind it has failed or has had enough.
    pub fn stop_source(&self) {
        self.control.source().cancel();
    }

    pub(crate) fn source_stop(&self) -> &Cancel {
        self.control.source()
    }

    /// The run's time.
    pub fn clock(&self) -> &dyn Clock {
        self.control.clock()
    }

    /// What sizes of batches are measured by: the executor's own clock, whatever that of the run is. A test that lets time stand still, or
    /// leap, does not want batches of one item, or of all.
    pub fn measure(&self) -> Duration {
        self.own.now()
    }

    /// Waits for `span`, until the run is stopped, or until its deadline.
    pub fn wait(&self, span: Duration) {
        self.control.wait(span);
    }

    /// The bytes that may be in flight; its limit is that of the executor's profile.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// The bytes that one batch may have, so that one on each edge fits into the memory limit; at most what sources are asked for.
    pub fn batch_bytes(&self) -> usize {
        batch_bytes(self.budget.limit(), self.segments.len())
    }

    /// What the executor said of itself.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The order in which the outputs of `segment` must come: any, if it or one before it may.
    pub fn order(&self, segment: usize) -> Order {
        self.segments[segment].order
    }

    /// How the operations of an async `segment` are to be run. No number in it is zero.
    pub fn operations(&self, segment: usize) -> &Operations {
        &self.segments[segment].info.operations
    }

    /// How long a stage of this segment keeps an item at most, while others do not come; `None`: no matter how long.
    /// Such a segment wants to be looked at while there is no batch for it ([`Worker::due`](crate::plan::Worker::due)),
    /// so it should not wait on the thread of a source.
    pub fn age(&self, segment: usize) -> Option<Duration> {
        self.segments.get(segment)?.info.age
    }

    pub(crate) fn has_age(&self) -> bool {
        self.segments.iter().any(|segment| segment.info.age.is_some())
    }

    /// Who is told what it does.
    pub(crate) fn observers(&self) -> &Observers {
        &self.observers
    }

    /// When it began, by its clock.
    pub(crate) fn started(&self) -> Duration {
        self.started
    }

    pub(crate) fn handle(&self) -> Run {
        Run::of(&self.control)
    }

    pub(crate) fn has_handles(&self) -> bool {
        Arc::strong_count(&self.control) > 1
    }

    /// The part whose node has this `segment`: `None` if it has no stage, and so no row in the report.
    pub(crate) fn part(&self, segment: usize) -> Option<Part> {
        if segment >= self.segments.len() {
            return Some(Part::Sink);
        }
        let mut before: Vec<usize> = self.stages.iter().map(|stage| stage.info.segment).collect();
        before.dedup();
        before.iter().position(|&id| id == segment).map(Part::Segment)
    }

    /// Tells the report how many workers ran, the caller's thread included.
    pub fn note_workers(&self, workers: usize) {
        self.workers.store(workers, Relaxed);
    }

    /// Tells the report about a decision or a fallback.
    pub fn note(&self, event: Event) {
        let told = (!self.observers.is_empty()).then(|| event.clone());
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        told.inspect(|event| self.tell(&Observed::Noted(event)));
    }
}

/// A run whose future was dropped ends without a word to its executor.
impl Drop for RunState {
    fn drop(&mut self) {
        self.end(Some(&RunError::Cancelled));
    }
}

/// Names and types.
impl RunState {
    pub(crate) fn policy(&self, stage: Option<u16>) -> &Then {
        stage.map_or(&Then::Fail, |id| &self.stages[usize::from(id)].policy.then)
    }

    /// The name of a stage.
    pub fn name(&self, stage: Option<u16>) -> String {
        stage.map_or_else(|| "?".to_owned(), |id| self.stages[usize::from(id)].info.name.clone())
    }

    /// The names of a segment's stages.
    pub fn segment_name(&self, segment: usize) -> String {
        let stages = self.stages.iter().filter(|stage| stage.info.segment == segment);
        stages.map(|stage| &*stage.info.name).collect::<Vec<_>>().join(" > ")
    }

    pub(crate) fn runner(&self) -> &dyn Runner {
        &*self.runner
    }

    /// How to learn what an item of this type owns elsewhere, in bytes; `None` if it counts as its size alone.
    pub fn weigher<T: 'static>(&self) -> Option<fn(&T) -> usize> {
        self.weighers.get()
    }

    /// Where a stage of this segment retries: how to get the next item of a batch `B` again.
    pub fn again<B: 'static>(&self, segment: usize) -> Option<fn(&B) -> Option<B>> {
        self.segments[segment].info.again.as_ref()?.downcast_ref::<Again<B>>().copied()
    }

    pub(crate) fn elide(&self, segment: usize) {
        self.segments[segment].elided.store(true, Relaxed);
    }
}
