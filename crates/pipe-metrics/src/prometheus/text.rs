//! The text format.

use crate::contract::{Kind, Metric};
use crate::counters::Counters;
use crate::histogram::Distribution;
use crate::series::Value;
use std::fmt::{self, Write as _};

/// The counters as a page in the text format of Prometheus, version 0.0.4.
///
/// ```
/// use pipe_core::{Inline, from_iter};
/// use pipe_metrics::{Counters, text};
///
/// let counters = Counters::new();
/// from_iter(0..10u8).map(|n| n).for_each(drop).observe(counters.of("bytes")).run_on(&Inline)?;
/// let page = text(&counters);
/// assert!(page.contains("\npipe_items_written_total{pipeline=\"bytes\"} 10\n"));
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub fn text(counters: &Counters) -> String {
    let mut page = String::new();
    let mut last = None;
    for sample in counters.read() {
        if last != Some(sample.metric.name) {
            write_head(&mut page, sample.metric).expect("a string takes all");
            last = Some(sample.metric.name);
        }
        let labels = labels(sample.metric, &sample.labels);
        let written = match &sample.value {
            Value::Count(count) => writeln!(page, "{}{} {count}", sample.metric.name, braced(&labels)),
            Value::Distribution(seen) => write_histogram(&mut page, sample.metric.name, &labels, seen),
        };
        written.expect("a string takes all");
    }
    page
}

fn write_head(page: &mut String, metric: &Metric) -> fmt::Result {
    let kind = match metric.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    writeln!(page, "# HELP {} {}\n# TYPE {} {kind}", metric.name, metric.help, metric.name)
}

/// `a="x",b="y"`.
fn labels(metric: &Metric, values: &[String]) -> String {
    let mut text = String::new();
    for (name, value) in metric.labels.iter().zip(values) {
        let comma = if text.is_empty() { "" } else { "," };
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(text, "{comma}{name}=\"{value}\"");
    }
    text
}

fn braced(labels: &str) -> String {
    if labels.is_empty() { String::new() } else { format!("{{{labels}}}") }
}

/// The bounds are powers of four, from 1 us to 69 s: those of our buckets, hence exact.
const POWERS: std::ops::RangeInclusive<u32> = 10..=36;

fn write_histogram(page: &mut String, name: &str, labels: &str, seen: &Distribution) -> fmt::Result {
    for power in POWERS.step_by(2) {
        let bound = (1u64 << power) as f64 / 1e9;
        writeln!(page, "{name}_bucket{{{labels},le=\"{bound}\"}} {}", seen.below(power))?;
    }
    let count = seen.count();
    writeln!(page, "{name}_bucket{{{labels},le=\"+Inf\"}} {count}")?;
    writeln!(page, "{name}_sum{{{labels}}} {}", seen.sum().as_secs_f64())?;
    writeln!(page, "{name}_count{{{labels}}} {count}")
}
