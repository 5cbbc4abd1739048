//! The rows of a report, and of an `explain`: segments, and the edges between them.

use crate::order::Order;
use crate::report::SegmentReport;
use crate::settings::SegmentKind;
use std::fmt;
use std::time::Duration;

/// The time that was spent outside of the segments.
#[derive(Clone, Copy)]
pub(crate) struct Times {
    pub(crate) source_busy: Duration,
    pub(crate) sink_busy: Duration,
}

/// The rows of a report, and of an `explain`: segments, and the edges between them. With numbers where there was a run.
pub(crate) fn write_rows(
    f: &mut fmt::Formatter<'_>,
    segments: &[SegmentReport],
    times: Option<Times>,
) -> fmt::Result {
    let outside = times.map_or(Duration::ZERO, |times| times.source_busy + times.sink_busy);
    let all = outside + segments.iter().filter_map(|segment| segment.busy).sum::<Duration>();
    for (index, segment) in segments.iter().enumerate() {
        if index > 0 {
            write_edge(f, &segments[index - 1])?;
        }
        write_segment(f, index, segment)?;
        if times.is_some() {
            write_counts(f, segment)?;
            segment.busy.map_or(Ok(()), |busy| write_busy(f, ", ", busy, all))?;
        }
        writeln!(f, "{}", if segment.had_enough { ", had enough" } else { "" })?;
    }
    let Some(Times { source_busy, sink_busy }) = times.filter(|_| !outside.is_zero()) else { return Ok(()) };
    write_busy(f, "source ", source_busy, all)?;
    write_busy(f, ", sink ", sink_busy, all)?;
    writeln!(f)
}

fn write_busy(f: &mut fmt::Formatter<'_>, what: &str, busy: Duration, all: Duration) -> fmt::Result {
    let share = 100.0 * busy.as_secs_f64() / all.as_secs_f64().max(1e-9);
    write!(f, "{what}busy {:.3} s ({share:.0}%)", busy.as_secs_f64())
}

/// The edge behind a segment.
fn write_edge(f: &mut fmt::Formatter<'_>, before: &SegmentReport) -> fmt::Result {
    let order = if before.order == Order::Any { "any order" } else { "in order" };
    let bytes = before.batch_bytes;
    let (size, unit) = if bytes < 1 << 10 { (bytes, "bytes") } else { (bytes >> 10, "KiB") };
    writeln!(f, "  edge, {order}: batches of at most {size} {unit}")
}

fn write_counts(f: &mut fmt::Formatter<'_>, segment: &SegmentReport) -> fmt::Result {
    write!(f, ": {} taken, {} emitted", segment.taken, segment.emitted)?;
    for stage in &segment.stages {
        let name = &stage.name;
        stage.passed.map_or(Ok(()), |passed| write!(f, ", {passed} passed {name}"))?;
        for (count, what) in
            [(stage.skipped, "skipped"), (stage.dead_lettered, "dead-lettered"), (stage.retried, "retried")]
        {
            if count > 0 {
                write!(f, ", {name} {what} {count}")?;
            }
        }
    }
    Ok(())
}

/// What is known of a segment before and after a run: who runs it, in which order, its stages and their policies.
fn write_segment(f: &mut fmt::Formatter<'_>, index: usize, segment: &SegmentReport) -> fmt::Result {
    write!(f, "segment {index} (")?;
    match segment.kind {
        SegmentKind::Parallel => write!(f, "parallel")?,
        SegmentKind::Serial => write!(f, "serial")?,
        SegmentKind::Async => write!(f, "async, {} in flight", segment.concurrency.unwrap_or(1))?,
    }
    write!(f, "{})", if segment.order == Order::Any { ", any order" } else { "" })?;
    for (at, stage) in segment.stages.iter().enumerate() {
        write!(f, "{}{}", if at == 0 { " " } else { " > " }, stage.name)?;
        if stage.attempts > 1 {
            write!(f, " [{} attempts, then {}]", stage.attempts, stage.policy)?;
        } else if stage.policy != "fail" {
            write!(f, " [{}]", stage.policy)?;
        }
    }
    Ok(())
}
