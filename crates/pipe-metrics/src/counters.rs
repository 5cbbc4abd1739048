//! What the pipelines of a process did, over all their runs, as numbers to export.
//!
//! ```text
//! run --per slice--> histograms                           read: totals of ended runs + reports of those under way + histograms
//!     --at the end--> its report is added to the totals
//! ```
//!
//! Nothing is counted twice: a run counts its items, bytes and times anyway, and its handle gives the report so far. Only how long each
//! slice took is written down here.

use crate::contract::{
    BLOCKED, BUSY, BYTES, DEAD_LETTERED, DROPPED, EMITTED, EVENTS, MEMORY_LIMIT, MEMORY_PEAK, Metric,
    RETRIES, RUNS, RUNS_UNDER_WAY, SKIPPED, SLICES, STARVED, TAKEN, WORKERS, WRITTEN,
};
use crate::histogram::{Distribution, Histogram};
use crate::series::{Sample, Series, Value};
use crate::under_way::UnderWay;
use pipe_core::{Event, Explain, Observed, Observer, Part, Report, Run};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

/// What the pipelines of a process did, over all their runs. Clones count together.
///
/// ```
/// use pipe_core::{Inline, from_iter};
/// use pipe_metrics::Counters;
///
/// let counters = Counters::new();
/// for _ in 0..3 {
///     let even = from_iter(0..1_000u64).filter(|n| n % 2 == 0).named("even").for_each(drop);
///     even.observe(counters.of("numbers")).run_on(&Inline)?;
/// }
/// assert_eq!(counters.count("pipe_items_taken_total", &["numbers", "segment 0", "even"]), Some(3_000));
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Clone, Default)]
pub struct Counters {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    pipelines: BTreeMap<String, Pipeline>,
    /// Of runs that have ended.
    totals: Series,
    next_run: u64,
}

#[derive(Default)]
struct Pipeline {
    under_way: BTreeMap<u64, UnderWay>,
    slices: BTreeMap<Part, Arc<Histogram>>,
}

/// Names of pipelines that are told apart; those that come later are counted together as `other`.
const PIPELINES: usize = 64;

/// Segments of a pipeline whose slices have a histogram of their own.
const SEGMENTS: usize = 64;

/// How often numbers are read again because a run was about to end.
const ATTEMPTS: u32 = 1_000;

impl Counters {
    /// None so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// The observer of one run of the pipeline `name`, which becomes a label: a word that stays the same from run to run. 64 names are told
    /// apart, later ones are counted together as `other`.
    pub fn of(&self, name: &str) -> RunCounters {
        RunCounters { counters: self.clone(), name: name.to_owned(), begun: OnceLock::new() }
    }

    /// All values as they are now, by name and labels.
    pub fn read(&self) -> Vec<Sample> {
        let (mut series, runs, histograms) = self.copy();
        // Before what is only for this reading: a counter never falls.
        let dropped = series.dropped();
        for (name, runs) in &runs {
            let labels = || vec![name.clone()];
            series.set(&RUNS_UNDER_WAY, labels(), runs.len() as u64);
            for gauge in [&MEMORY_LIMIT, &MEMORY_PEAK, &WORKERS] {
                series.set(gauge, labels(), 0);
            }
            for report in runs {
                add_report(&mut series, name, report);
                series.add(&MEMORY_LIMIT, labels(), report.memory_limit as u64);
                series.add(&MEMORY_PEAK, labels(), report.peak_bytes as u64);
                series.add(&WORKERS, labels(), report.workers as u64);
            }
        }
        series.set(&DROPPED, Vec::new(), dropped);
        let mut samples = series.into_samples();
        let slices = |(name, part, seen): (String, Part, Distribution)| Sample {
            metric: &SLICES,
            labels: vec![name, part.to_string()],
            value: Value::Distribution(seen),
        };
        samples.extend(histograms.into_iter().map(slices));
        samples.sort_by(|a, b| (a.metric.name, &a.labels).cmp(&(b.metric.name, &b.labels)));
        samples
    }

    /// One number: of the metric `name` with these values of its labels. `None`: there is none, or it is a histogram.
    pub fn count(&self, name: &str, labels: &[&str]) -> Option<u64> {
        let samples = self.read();
        let found = samples.iter().find(|sample| sample.metric.name == name && sample.labels == labels)?;
        match found.value {
            Value::Count(count) => Some(count),
            Value::Distribution(_) => None,
        }
    }

    /// How long the slices of a part took, over all runs of a pipeline.
    pub fn slices(&self, pipeline: &str, part: Part) -> Option<Distribution> {
        let shared = self.lock();
        Some(shared.pipelines.get(pipeline)?.slices.get(&part)?.read())
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All numbers of one moment. The lock is not held while runs are asked: the last handle of a run may be the one that ends it, and
    /// that takes the lock.
    fn copy(&self) -> (Series, Vec<(String, Vec<Report<()>>)>, Vec<(String, Part, Distribution)>) {
        for attempt in 1.. {
            let shared = self.lock();
            let (mut runs, mut histograms) = (Vec::new(), Vec::new());
            for (name, pipeline) in &shared.pipelines {
                runs.push((name.clone(), pipeline.under_way.values().cloned().collect::<Vec<_>>()));
                let slices = pipeline.slices.iter();
                histograms.extend(slices.map(|(part, slices)| (name.clone(), *part, slices.read())));
            }
            let totals = shared.totals.clone();
            drop(shared);
            let asked: Vec<_> = runs.iter().flat_map(|(_, runs)| runs).map(UnderWay::report).collect();
            // A run without a report is just about to end: its numbers are not to be missing for that moment.
            if attempt < ATTEMPTS && asked.iter().any(Option::is_none) {
                thread::yield_now();
                continue;
            }
            let mut asked = asked.into_iter();
            let reports = |(name, runs): (String, Vec<UnderWay>)| {
                (name, asked.by_ref().take(runs.len()).flatten().collect())
            };
            return (totals, runs.into_iter().map(reports).collect(), histograms);
        }
        unreachable!("the last attempt returns")
    }
}

/// Counts one run: made by [`Counters::of`].
pub struct RunCounters {
    counters: Counters,
    name: String,
    begun: OnceLock<Begun>,
}

struct Begun {
    id: u64,
    /// As it is counted: `other`, if there are too many.
    name: String,
    source: Arc<Histogram>,
    segments: Vec<Arc<Histogram>>,
    sink: Arc<Histogram>,
}

impl Observer for RunCounters {
    fn observe(&self, what: &Observed<'_>) {
        match what {
            Observed::Began { plan, run } => self.begin(plan, run),
            Observed::Worked(slice) => {
                let Some(begun) = self.begun.get() else { return };
                let histogram = match slice.part {
                    Part::Source => Some(&begun.source),
                    Part::Segment(index) => begun.segments.get(index),
                    Part::Sink => Some(&begun.sink),
                };
                histogram.inspect(|histogram| histogram.record(slice.busy()));
            }
            Observed::Ended { report, error } => {
                let Some(begun) = self.begun.get() else { return };
                let mut shared = self.counters.lock();
                if let Some(pipeline) = shared.pipelines.get_mut(&begun.name) {
                    pipeline.under_way.remove(&begun.id);
                }
                add_report(&mut shared.totals, &begun.name, report);
                add_ending(&mut shared.totals, &begun.name, report, error.is_none());
            }
            _ => {}
        }
    }
}

impl RunCounters {
    fn begin(&self, plan: &Explain, run: &Run) {
        let mut shared = self.counters.lock();
        let known = shared.pipelines.contains_key(&self.name) || shared.pipelines.len() < PIPELINES;
        let name = if known { self.name.clone() } else { "other".to_owned() };
        let id = shared.next_run;
        shared.next_run += 1;
        let pipeline = shared.pipelines.entry(name.clone()).or_default();
        pipeline.under_way.insert(id, UnderWay::new(plan, run));
        let mut slices = |part| {
            let histogram = pipeline.slices.entry(part).or_insert_with(|| Arc::new(Histogram::new()));
            histogram.clone()
        };
        let (source, sink) = (slices(Part::Source), slices(Part::Sink));
        let segments = (0..plan.segments.len().min(SEGMENTS)).map(|index| slices(Part::Segment(index)));
        let begun = Begun { id, name, source, segments: segments.collect(), sink };
        let _ = self.begun.set(begun);
    }
}

/// What a run counted, at its end or so far.
fn add_report(series: &mut Series, name: &str, report: &Report<()>) {
    let mut add = |metric: &'static Metric, labels: &[&str], count: u64| {
        let labels = [name].into_iter().chain(labels.iter().copied()).map(str::to_owned);
        series.add(metric, labels.collect(), count);
    };
    add(&BYTES, &[], report.bytes);
    add(&WRITTEN, &[], report.written);
    add(&BUSY, &["source", ""], nanoseconds(report.source_busy));
    add(&BUSY, &["sink", ""], nanoseconds(report.sink_busy));
    for (index, segment) in report.segments.iter().enumerate() {
        let part = Part::Segment(index).to_string();
        let stages: Vec<_> = segment.stages.iter().map(|stage| &*stage.name).collect();
        let labels = [&*part, &stages.join(" > ")];
        add(&TAKEN, &labels, segment.taken);
        add(&EMITTED, &labels, segment.emitted);
        segment.busy.inspect(|busy| add(&BUSY, &labels, nanoseconds(*busy)));
        add(&STARVED, &labels, nanoseconds(segment.starved));
        add(&BLOCKED, &labels, nanoseconds(segment.blocked));
        for stage in &segment.stages {
            let labels = [&*part, &*stage.name];
            add(&SKIPPED, &labels, stage.skipped);
            add(&DEAD_LETTERED, &labels, stage.dead_lettered);
            add(&RETRIES, &labels, stage.retried);
        }
    }
}

fn add_ending(series: &mut Series, name: &str, report: &Report<()>, well: bool) {
    for (result, count) in [("ok", well), ("failed", !well)] {
        series.add(&RUNS, vec![name.to_owned(), result.to_owned()], u64::from(count));
    }
    for event in &report.events {
        let kind = match event {
            Event::StayedInline { .. } => "stayed_inline",
            Event::Tuned { .. } => "tuned",
            Event::Fallback { .. } => "fallback",
            Event::FewerWorkers { .. } => "fewer_workers",
            Event::Spilled { .. } => "spilled",
            Event::HeldBack { .. } => "held_back",
            Event::Kernels { .. } => "kernels",
            Event::Remark { .. } => "remark",
            Event::MemoryPressure { .. } => "memory_pressure",
            _ => "other",
        };
        series.add(&EVENTS, vec![name.to_owned(), kind.to_owned()], 1);
    }
}

fn nanoseconds(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
