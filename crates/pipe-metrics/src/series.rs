//! Numbers by metric and labels, and what readers get of them.

use crate::contract::Metric;
use crate::histogram::Distribution;
use std::collections::BTreeMap;

/// One value.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Sample {
    /// What it is.
    pub metric: &'static Metric,
    /// The values of the metric's labels, in their order.
    pub labels: Vec<String>,
    /// The value.
    pub value: Value,
}

/// A value of a metric.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Of a counter or a gauge.
    Count(u64),
    /// Of a histogram.
    Distribution(Distribution),
}

/// Numbers by metric and labels, of which there are only so many.
#[derive(Clone, Default)]
pub(crate) struct Series {
    /// By the metric's name first.
    counts: BTreeMap<(&'static str, Vec<String>), (&'static Metric, u64)>,
    dropped: u64,
}

/// Pipelines whose stages have other names in each run would fill the memory otherwise.
const SERIES: usize = 10_000;

impl Series {
    pub(crate) fn add(&mut self, metric: &'static Metric, labels: Vec<String>, count: u64) {
        if let Some(value) = self.value(metric, labels) {
            *value = value.saturating_add(count);
        }
    }

    pub(crate) fn set(&mut self, metric: &'static Metric, labels: Vec<String>, count: u64) {
        if let Some(value) = self.value(metric, labels) {
            *value = count;
        }
    }

    /// How many values there was no room for.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    fn value(&mut self, metric: &'static Metric, labels: Vec<String>) -> Option<&mut u64> {
        debug_assert_eq!(metric.labels.len(), labels.len(), "{} has other labels", metric.name);
        let key = (metric.name, labels);
        // What is without labels always has its place.
        if self.counts.len() >= SERIES && !key.1.is_empty() && !self.counts.contains_key(&key) {
            self.dropped += 1;
            return None;
        }
        Some(&mut self.counts.entry(key).or_insert((metric, 0)).1)
    }

    pub(crate) fn into_samples(self) -> Vec<Sample> {
        let sample = |((_, labels), (metric, count))| Sample { metric, labels, value: Value::Count(count) };
        self.counts.into_iter().map(sample).collect()
    }
}
