//! What the page is told, twice a second: all that it shows, as one line of JSON. So a viewer that comes late has all of it at once, and
//! one that missed some of it misses nothing.

use super::watched::{Past, TICK, Watched, per_second, rates};
use crate::json::Json;
use crate::occupancy::Occupancy;
use pipe_core::{Order, Part, Report, SegmentKind, SegmentReport, StageReport};
use std::sync::Arc;

/// All runs of the page, the newest first.
pub(super) fn state(title: &str, runs: &[Arc<Watched>], left_out: u64) -> String {
    let mut json = Json::default();
    json.object(|json| {
        json.name("title").text(title);
        json.name("resident").count(resident().unwrap_or(0));
        json.name("left_out").count(left_out);
        json.name("runs").list(runs.iter().rev(), |json, watched| write_run(json, watched));
    });
    json.into_text()
}

fn write_run(json: &mut Json, watched: &Watched) {
    let past = watched.past();
    let newest = past.newest();
    let is_drained = newest.as_ref().is_some_and(|(report, _)| report.drained);
    json.object(|json| {
        json.name("id").count(watched.id);
        let state = match (watched.ending(), is_drained) {
            (Some(Some(_)), _) => "failed",
            (Some(None), true) => "drained",
            (Some(None), false) => "ended",
            (None, true) => "draining",
            (None, false) => "running",
        };
        json.name("state").text(state);
        json.name("why").text(watched.ending().flatten().unwrap_or(""));
        if let Some((report, recent)) = &newest {
            write_totals(json, report);
            write_rates(json, recent);
            write_parts(json, watched, report, recent);
            write_past(json, &past, report);
        }
    });
}

fn write_totals(json: &mut Json, report: &Report<()>) {
    json.name("executor").text(report.executor);
    json.name("workers").count(report.workers as u64);
    json.name("elapsed").number(report.elapsed.as_secs_f64());
    json.name("taken").count(report.taken());
    json.name("written").count(report.written);
    json.name("bytes").count(report.bytes);
    json.name("skipped").count(report.skipped());
    json.name("dead_lettered").count(report.dead_lettered());
    json.name("memory").object(|json| {
        json.name("now").count(report.bytes_in_flight as u64);
        json.name("peak").count(report.peak_bytes as u64);
        json.name("limit").count(report.memory_limit as u64);
    });
}

fn write_rates(json: &mut Json, recent: &Report<()>) {
    let (items, bytes) = rates(recent);
    json.name("items_rate").number(items);
    json.name("bytes_rate").number(bytes);
    if let Some(found) = recent.bottleneck() {
        json.name("bottleneck").object(|json| {
            json.name("part").text(&found.part.to_string());
            json.name("text").text(&found.to_string());
        });
    }
}

/// The source, the segments and the sink, each with what goes into it.
fn write_parts(json: &mut Json, watched: &Watched, report: &Report<()>, recent: &Report<()>) {
    let occupied = Occupancy::of(recent);
    let mut emitted_before = None;
    json.name("parts").list(parts(report), |json, part| {
        json.object(|json| {
            json.name("part").text(&part.to_string());
            if let Some((taken, newly)) = taken(report, part).zip(taken(recent, part)) {
                json.name("taken").count(taken);
                json.name("rate").number(per_second(newly, recent.elapsed));
                // What was emitted and has not been taken. One that had enough drops the rest.
                let waiting = emitted_before.map_or(0, |emitted: u64| emitted.saturating_sub(taken));
                json.name("waiting").count(waiting);
            }
            if let Part::Segment(index) = part {
                let segment = &report.segments[index];
                emitted_before = Some(segment.emitted);
                write_segment(json, segment);
            }
            write_times(json, watched, part, occupied.iter().find(|occupied| occupied.part == part));
        });
    });
}

fn parts(report: &Report<()>) -> impl Iterator<Item = Part> {
    let segments = (0..report.segments.len()).map(Part::Segment);
    [Part::Source].into_iter().chain(segments).chain([Part::Sink])
}

/// Items that a part took; nobody counts what goes into a source.
fn taken(report: &Report<()>, part: Part) -> Option<u64> {
    match part {
        Part::Source => None,
        Part::Segment(index) => Some(report.segments[index].taken),
        Part::Sink => Some(report.written),
    }
}

fn write_segment(json: &mut Json, segment: &SegmentReport) {
    json.name("emitted").count(segment.emitted);
    let kind = match segment.kind {
        SegmentKind::Parallel => "any worker".to_owned(),
        SegmentKind::Serial => "one at a time".to_owned(),
        SegmentKind::Async => format!("async, {} in flight", segment.concurrency.unwrap_or(1)),
    };
    json.name("kind").text(&kind);
    json.name("order").text(if segment.order == Order::Any { "any order" } else { "in order" });
    json.name("batch_bytes").count(segment.batch_bytes as u64);
    json.name("stages").list(&segment.stages, write_stage);
}

fn write_stage(json: &mut Json, stage: &StageReport) {
    json.object(|json| {
        json.name("name").text(&stage.name);
        json.name("policy").text(&stage.policy);
        for (name, count) in
            [("skipped", stage.skipped), ("dead_lettered", stage.dead_lettered), ("retried", stage.retried)]
        {
            json.name(name).count(count);
        }
    });
}

/// Shares of the time, and how long slices took. Nothing for a part that tells no slices: an async stage, or the ends of a loop.
fn write_times(json: &mut Json, watched: &Watched, part: Part, occupied: Option<&Occupancy>) {
    let Some(slices) = watched.slices(part).filter(|slices| slices.count() > 0) else { return };
    if let Some(occupied) = occupied {
        let whole = occupied.whole().as_secs_f64().max(1e-9);
        let spans = [occupied.busy, occupied.starved, occupied.blocked, occupied.other];
        json.name("times").list(spans, |json, span| json.number(span.as_secs_f64() / whole));
        json.name("threads").count(occupied.threads as u64);
    }
    json.name("slices").count(slices.count());
    json.name("quantiles")
        .list([0.5, 0.9, 0.99, 1.0], |json, share| json.number(slices.quantile(share).as_secs_f64()));
}

fn write_past(json: &mut Json, past: &Past, report: &Report<()>) {
    json.name("events").list(&past.events, |json, (at, event)| {
        json.object(|json| {
            json.name("at").number(at.as_secs_f64());
            json.name("text").text(&event.to_string());
        });
    });
    json.name("more_events").count(report.events.len().saturating_sub(past.events.len()) as u64);
    json.name("history").object(|json| {
        json.name("tick").number(TICK.as_secs_f64());
        json.name("at").list(&past.points, |json, point| json.number(point.at.as_secs_f64()));
        json.name("items").list(&past.points, |json, point| json.number(point.items.round()));
        json.name("bytes").list(&past.points, |json, point| json.number(point.bytes.round()));
        json.name("in_flight").list(&past.points, |json, point| json.count(point.in_flight as u64));
        json.name("failed").list(&past.points, |json, point| json.count(point.failed));
    });
}

/// Bytes of this process that are in memory, where the system tells.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}
