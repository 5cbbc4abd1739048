//! One run as the page shows it: its handle, the times of its slices, and how it went in the last minutes.

use crate::histogram::{Distribution, Histogram};
use crate::under_way::UnderWay;
use pipe_core::{Event, Explain, Part, Report, Run, RunError, Slice};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

/// Between two looks at a run.
pub(super) const TICK: Duration = Duration::from_millis(500);

/// How many of them are remembered: two minutes.
const POINTS: usize = 240;

/// Rates, shares of the time and the bottleneck are those of this many ticks: of one alone they would jump.
const WINDOW: usize = 10;

/// Events that are shown with their time.
const EVENTS: usize = 50;

/// Segments whose slices have a histogram of their own.
const SEGMENTS: usize = 64;

/// A run, and what is known of it.
pub(super) struct Watched {
    /// Which one it is, of all that this page has seen.
    pub(super) id: u64,
    under_way: UnderWay,
    source: Histogram,
    segments: Vec<Histogram>,
    sink: Histogram,
    /// Why it failed, if it did.
    ended: OnceLock<Option<String>>,
    past: Mutex<Past>,
}

/// How it went.
#[derive(Default)]
pub(super) struct Past {
    /// The last few reports, the newest behind.
    reports: VecDeque<Report<()>>,
    pub(super) points: VecDeque<Point>,
    pub(super) events: Vec<(Duration, Event)>,
    /// The last report is in it.
    complete: bool,
}

/// One look at a run.
#[derive(Clone, Copy)]
pub(super) struct Point {
    pub(super) at: Duration,
    /// Per second, since the look before.
    pub(super) items: f64,
    pub(super) bytes: f64,
    pub(super) in_flight: usize,
    /// All that failed until then.
    pub(super) failed: u64,
}

impl Watched {
    pub(super) fn new(id: u64, plan: &Explain, run: &Run) -> Self {
        let segments = (0..plan.segments.len().min(SEGMENTS)).map(|_| Histogram::new()).collect();
        let (source, sink) = (Histogram::new(), Histogram::new());
        let (ended, past) = (OnceLock::new(), Mutex::default());
        let under_way = UnderWay::new(plan, run);
        Watched { id, under_way, source, segments, sink, ended, past }
    }

    pub(super) fn run(&self) -> &Run {
        &self.under_way.run
    }

    /// In the middle of the run's work: no lock.
    pub(super) fn worked(&self, slice: &Slice) {
        let histogram = match slice.part {
            Part::Source => Some(&self.source),
            Part::Segment(index) => self.segments.get(index),
            Part::Sink => Some(&self.sink),
        };
        histogram.inspect(|histogram| histogram.record(slice.busy()));
    }

    pub(super) fn end(&self, error: Option<&RunError>) {
        let _ = self.ended.set(error.map(ToString::to_string));
    }

    /// How it ended, if it has: why it failed, or nothing.
    pub(super) fn ending(&self) -> Option<Option<&str>> {
        self.ended.get().map(Option::as_deref)
    }

    /// Whether there is nothing more to see.
    pub(super) fn is_complete(&self) -> bool {
        self.past().complete
    }

    pub(super) fn slices(&self, part: Part) -> Option<Distribution> {
        match part {
            Part::Source => Some(self.source.read()),
            Part::Segment(index) => self.segments.get(index).map(Histogram::read),
            Part::Sink => Some(self.sink.read()),
        }
    }

    pub(super) fn past(&self) -> MutexGuard<'_, Past> {
        self.past.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the run, and remembers what it sees.
    pub(super) fn look(&self) {
        // In this order: an end that is seen here has left its report.
        let has_ended = self.ended.get().is_some();
        let report = if has_ended { self.under_way.run.report() } else { self.under_way.report() };
        let Some(report) = report else { return };
        let mut past = self.past();
        if past.complete {
            return;
        }
        past.complete = has_ended;
        past.add(report);
    }
}

impl Past {
    fn add(&mut self, report: Report<()>) {
        let (items, bytes) = self.reports.back().map_or((0.0, 0.0), |last| rates(&between(last, &report)));
        let failed = report.skipped() + report.dead_lettered();
        let (at, in_flight) = (report.elapsed, report.bytes_in_flight);
        if self.points.len() == POINTS {
            self.points.pop_front();
        }
        self.points.push_back(Point { at, items, bytes, in_flight, failed });
        for event in &report.events {
            self.note(at, event);
        }
        if self.reports.len() > WINDOW {
            self.reports.pop_front();
        }
        self.reports.push_back(report);
    }

    /// The report has all events each time; one that counts is there with its last number.
    fn note(&mut self, at: Duration, event: &Event) {
        let is_same = |known: &Event| match event {
            Event::HeldBack { .. } => matches!(known, Event::HeldBack { .. }),
            _ => known == event,
        };
        let has_room = self.events.len() < EVENTS;
        match self.events.iter_mut().find(|(_, known)| is_same(known)) {
            Some((_, known)) => known.clone_from(event),
            None if has_room => self.events.push((at, event.clone())),
            None => {}
        }
    }

    /// The report so far, and that of the last seconds; behind the end, of the whole run.
    pub(super) fn newest(&self) -> Option<(&Report<()>, Report<()>)> {
        let newest = self.reports.back()?;
        let oldest = self.reports.front().filter(|oldest| !self.complete && oldest.elapsed < newest.elapsed);
        Some((newest, oldest.map_or_else(|| newest.clone(), |oldest| between(oldest, newest))))
    }
}

/// What was counted from one report of a run to a later one.
fn between(earlier: &Report<()>, later: &Report<()>) -> Report<()> {
    let mut report = later.clone();
    report.elapsed = later.elapsed.saturating_sub(earlier.elapsed);
    report.source_busy = later.source_busy.saturating_sub(earlier.source_busy);
    report.sink_busy = later.sink_busy.saturating_sub(earlier.sink_busy);
    report.bytes = later.bytes.saturating_sub(earlier.bytes);
    report.written = later.written.saturating_sub(earlier.written);
    for (segment, before) in report.segments.iter_mut().zip(&earlier.segments) {
        segment.taken = segment.taken.saturating_sub(before.taken);
        segment.emitted = segment.emitted.saturating_sub(before.emitted);
        segment.busy = segment.busy.zip(before.busy).map(|(now, before)| now.saturating_sub(before));
        segment.starved = segment.starved.saturating_sub(before.starved);
        segment.blocked = segment.blocked.saturating_sub(before.blocked);
    }
    report
}

/// Items and bytes that the source gave, per second.
pub(super) fn rates(report: &Report<()>) -> (f64, f64) {
    (per_second(report.taken(), report.elapsed), per_second(report.bytes, report.elapsed))
}

pub(super) fn per_second(count: u64, span: Duration) -> f64 {
    count as f64 / span.as_secs_f64().max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipe_core::{Inline, from_iter};

    #[test]
    fn what_is_remembered_of_a_run_has_a_limit() {
        let whole = from_iter(0..10u8).map(|n| n).for_each(drop);
        let mut report = whole.run_on(&Inline).expect("nothing fails");
        let mut past = Past::default();
        for n in 0..1_000u32 {
            report.elapsed = TICK * n;
            report.events.push(Event::Remark { stage: "check".to_owned(), what: format!("remark {n}") });
            past.add(report.clone());
        }
        assert_eq!((past.points.len(), past.events.len(), past.reports.len()), (POINTS, EVENTS, WINDOW + 1));
        let (newest, recent) = past.newest().expect("there is one");
        assert_eq!((newest.elapsed, recent.elapsed), (TICK * 999, TICK * WINDOW as u32));
        assert_eq!(past.points.back().map(|point| point.at), Some(newest.elapsed));
    }

    #[test]
    fn rates_are_those_of_the_last_seconds_and_behind_the_end_those_of_the_run() {
        let whole = from_iter(0..100u8).map(|n| n).for_each(drop);
        let mut report = whole.run_on(&Inline).expect("nothing fails");
        let mut past = Past::default();
        for second in 1..=20u32 {
            report.elapsed = Duration::from_secs(second.into());
            report.segments[0].taken = u64::from(second * second);
            past.add(report.clone());
        }
        // Of (100, 400) items in ten seconds; of 400 in twenty.
        let items = |past: &Past| rates(&past.newest().expect("there is one").1).0;
        assert_eq!(items(&past), 30.0);
        past.complete = true;
        assert_eq!(items(&past), 20.0);
    }
}
