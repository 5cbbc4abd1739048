//! Out through the facade `metrics`, to whatever recorder the application has installed.

use crate::contract::{Kind, METRICS, Metric, Unit};
use crate::counters::Counters;
use crate::histogram::Distribution;
use crate::series::{Sample, Value};
use metrics::{Key, Label, Level, Metadata};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Hands the counters to the recorder of the facade `metrics`, under the names of the contract.
///
/// [`publish`](Facade::publish) is called by who knows when: once a second from a thread of the application, say, and before it ends.
/// A recorder that gathers every value of a histogram until somebody asks grows meanwhile, as it does with all histograms.
///
/// ```
/// use pipe_core::{Inline, from_iter};
/// use pipe_metrics::{Counters, Facade};
///
/// let counters = Counters::new();
/// let facade = Facade::of(&counters);
/// from_iter(0..10u8).map(|n| n).for_each(drop).observe(counters.of("bytes")).run_on(&Inline)?;
/// facade.publish(); // goes nowhere where no recorder is installed
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub struct Facade {
    counters: Counters,
    /// What of each histogram has been handed over.
    published: Mutex<HashMap<Vec<String>, Distribution>>,
}

static METADATA: Metadata<'static> = Metadata::new("pipe", Level::INFO, Some("pipe_metrics"));

impl Facade {
    /// For these counters. Nothing has been handed over so far.
    pub fn of(counters: &Counters) -> Self {
        Facade { counters: counters.clone(), published: Mutex::default() }
    }

    /// Hands over all values as they are now: counters as their totals, of histograms what is new, at the middle of its bucket.
    pub fn publish(&self) {
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        METRICS.iter().for_each(|metric| describe(metric));
        for sample in self.counters.read() {
            let key = key(&sample);
            match (sample.metric.kind, sample.value) {
                (Kind::Counter, Value::Count(count)) => {
                    let counter = metrics::with_recorder(|to| to.register_counter(&key, &METADATA));
                    counter.absolute(count);
                }
                (_, Value::Count(count)) => {
                    let gauge = metrics::with_recorder(|to| to.register_gauge(&key, &METADATA));
                    gauge.set(count as f64);
                }
                (_, Value::Distribution(seen)) => {
                    let histogram = metrics::with_recorder(|to| to.register_histogram(&key, &METADATA));
                    let before = published.get(&sample.labels);
                    seen.since(before)
                        .for_each(|(value, count)| histogram.record_many(value, count as usize));
                    published.insert(sample.labels, seen);
                }
            }
        }
    }
}

fn key(sample: &Sample) -> Key {
    let labels = sample.metric.labels.iter().zip(&sample.labels);
    let labels: Vec<_> = labels.map(|(name, value)| Label::new(*name, value.clone())).collect();
    Key::from_parts(sample.metric.name, labels)
}

fn describe(metric: &Metric) {
    let unit = match metric.unit {
        Unit::Count => metrics::Unit::Count,
        Unit::Bytes => metrics::Unit::Bytes,
        Unit::Nanoseconds => metrics::Unit::Nanoseconds,
        Unit::Seconds => metrics::Unit::Seconds,
    };
    let (name, unit, help) = (metric.name.into(), Some(unit), metric.help.into());
    metrics::with_recorder(|to| match metric.kind {
        Kind::Counter => to.describe_counter(name, unit, help),
        Kind::Gauge => to.describe_gauge(name, unit, help),
        Kind::Histogram => to.describe_histogram(name, unit, help),
    });
}
