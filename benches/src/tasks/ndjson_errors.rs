//! `ndjson-errors`: two fields of those events whose level is ERROR, from one JSON object a line.

use serde::Deserialize;
use std::fmt;

/// What is asked of an event; it has more.
#[derive(Deserialize)]
pub(crate) struct Event<'a> {
    #[serde(borrow)]
    pub(crate) level: &'a str,
    pub(crate) latency_ms: f64,
    pub(crate) http: Http,
}

#[derive(Deserialize)]
pub(crate) struct Http {
    pub(crate) bytes: u64,
}

/// Events of the level, and the sums of two of their fields.
///
/// All latencies are whole quarters of a millisecond, so that sums of floats are exact, in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Errors {
    pub(crate) events: u64,
    pub(crate) latency_ms: f64,
    pub(crate) bytes: u64,
}

impl Errors {
    /// Takes an event of any level.
    #[inline]
    pub(crate) fn add(&mut self, event: &Event<'_>) {
        if event.level == "ERROR" {
            self.merge(Self { events: 1, latency_ms: event.latency_ms, bytes: event.http.bytes });
        }
    }

    #[inline]
    pub(crate) fn merge(&mut self, other: Self) {
        self.events += other.events;
        self.latency_ms += other.latency_ms;
        self.bytes += other.bytes;
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} errors {:.2} ms {} bytes", self.events, self.latency_ms, self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_count() {
        let mut errors = Errors::default();
        for level in ["ERROR", "INFO", "ERROR"] {
            let text = format!(r#"{{"level":"{level}","latency_ms":0.25,"http":{{"bytes":7}},"tags":[]}}"#);
            errors.add(&serde_json::from_str(&text).unwrap());
        }
        assert_eq!(errors.to_string(), "2 errors 0.50 ms 14 bytes");
    }
}
