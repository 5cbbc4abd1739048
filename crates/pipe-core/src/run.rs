//! What all workers of one run share: names, policies, counters, the switches that stop it.

use crate::budget::Budget;
use crate::cancel::Cancel;
use crate::clock::Clock;
use crate::control::Control;
use crate::error::RunError;
use crate::executor::Profile;
use crate::handle::Run;
use crate::kernel::Runner;
use crate::letters::DeadLetter;
use crate::observer::{Observed, Observers, Part};
use crate::opaque::opaque;
use crate::operations::Operations;
use crate::order::Order;
use crate::policy::{ErrorPolicy, Then};
use crate::position::Position;
use crate::report::{Event, Report, SegmentReport, StageReport};
use crate::retry::Retry;
use crate::settings::{Again, SegmentInfo, SegmentKind, Settings, StageInfo};
use crate::source::Want;
use crate::stage::BoxError;
use crate::waits::Waits;
use crate::weigh::Weighers;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
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

/// Whether a stage's share of failures is looked at: from so many items on.
const RATIO_FROM: u64 = 1_000;

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
        let Settings { stages, segments, weighers, stop, observers, .. } = settings;
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

/// Failures. Called by the harness of sync segments, and by the drivers of async stages.
impl RunState {
    /// The first stage of a segment: the only one of an async segment.
    pub fn first_stage(&self, segment: usize) -> Option<u16> {
        let stage = self.stages.iter().position(|stage| stage.info.segment == segment)?;
        u16::try_from(stage).ok()
    }

    /// How stage `stage` retries.
    pub fn retry(&self, stage: u16) -> Option<Retry> {
        self.stages[usize::from(stage)].info.retry
    }

    /// Whether attempt number `attempt` (from 1) of an item at `stage`, which has failed, is followed by another one.
    pub fn tries_again(&self, stage: u16, attempt: u32) -> bool {
        let state = &self.stages[usize::from(stage)];
        let taken = || self.segments[state.info.segment].taken.load(Relaxed);
        state.info.retry.is_some_and(|retry| retry.allows(attempt, state.retried.load(Relaxed), taken()))
    }

    /// Counts an attempt that failed and is followed by another one.
    pub fn count_retried(&self, stage: u16) {
        self.stages[usize::from(stage)].retried.fetch_add(1, Relaxed);
    }

    /// Applies the policy of a stage to an item that failed for good. `Ok`: the item is gone, go on.
    ///
    /// # Errors
    /// What ends the run: the stage's error itself, or that the letter could not be written.
    pub fn failed(&self, stage: u16, failure: Failure<'_>) -> Result<(), RunError> {
        let state = &self.stages[usize::from(stage)];
        // A driver has the bare number, and that may be the one of no place.
        let at = failure.at.and_then(|at| Position::known(at.raw()));
        match &state.policy.then {
            Then::Fail => {
                let stage = state.info.name.clone();
                return Err(RunError::Stage { stage, at, source: failure.error });
            }
            Then::Skip => {
                state.skipped.fetch_add(1 + failure.more, Release);
            }
            Then::DeadLetter(letters) => {
                let letter = DeadLetter {
                    stage: &state.info.name,
                    at,
                    record: failure.record,
                    error: &*failure.error,
                    attempts: failure.attempts,
                    more: failure.more,
                };
                let written = letters.write(&letter);
                written.map_err(|source| RunError::DeadLetters { stage: state.info.name.clone(), source })?;
                state.dead_lettered.fetch_add(1 + failure.more, Release);
            }
        }
        Ok(())
    }

    /// Whether too many items have failed in a stage of this segment. Asked after slices in which one has.
    ///
    /// # Errors
    /// `TooManyFailures`.
    pub fn check_ratios(&self, segment: usize) -> Result<(), RunError> {
        self.ratios_are_met(segment, RATIO_FROM)
    }

    fn ratios_are_met(&self, segment: usize, from: u64) -> Result<(), RunError> {
        for stage in self.stages.iter().filter(|stage| stage.info.segment == segment) {
            let Some(ratio) = stage.policy.abort_above else { continue };
            // In this order: items are counted before their failures, so whoever sees a failure sees its item too. The other way round
            // a worker that was interrupted in between would compare old items with new failures.
            let failed = stage.skipped.load(Acquire) + stage.dead_lettered.load(Acquire);
            let taken = self.segments[segment].taken.load(Relaxed);
            if failed as f64 > ratio * taken.max(from) as f64 {
                return Err(RunError::TooManyFailures {
                    stage: stage.info.name.clone(),
                    failed,
                    taken,
                    ratio,
                });
            }
        }
        Ok(())
    }

    /// Before the sink commits: all shares are within their bounds, all dead letters are where they should be.
    pub(crate) fn close(&self) -> Result<(), RunError> {
        (0..self.segments.len()).try_for_each(|segment| self.ratios_are_met(segment, 0))?;
        self.finish_letters()
    }

    /// Also at the end of a run that failed: then its letters are wanted most.
    pub(crate) fn finish_letters(&self) -> Result<(), RunError> {
        let finish = |stage: &StageState| match &stage.policy.then {
            Then::DeadLetter(letters) => letters
                .finish()
                .map_err(|source| RunError::DeadLetters { stage: stage.info.name.clone(), source }),
            Then::Fail | Then::Skip => Ok(()),
        };
        self.stages.iter().map(finish).fold(Ok(()), Result::and)
    }
}

/// An item that failed for good.
#[derive(Debug)]
pub struct Failure<'a> {
    /// Where it was.
    pub at: Option<Position>,
    /// Its record, if that can be read again.
    pub record: Option<&'a [u8]>,
    /// The stage's error.
    pub error: BoxError,
    /// How often it was tried.
    pub attempts: u32,
    /// How many more failures the same record had.
    pub more: u64,
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

/// Counters.
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

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
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
