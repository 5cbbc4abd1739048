//! What is exported, under which names: the contract with dashboards and alarms.
//!
//! Names follow the conventions of Prometheus. A counter only grows, over all runs of a pipeline in this process. A name, a label or a
//! unit is not changed without a new major version.

/// One metric.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name, the same everywhere.
    pub name: &'static str,
    /// What its values are.
    pub kind: Kind,
    /// What they count.
    pub unit: Unit,
    /// The names of its labels, in order.
    pub labels: &'static [&'static str],
    /// One sentence.
    pub help: &'static str,
}

/// What the values of a metric are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often which values were seen.
    Histogram,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
    /// Nanoseconds: counters are whole numbers.
    Nanoseconds,
    /// Seconds.
    Seconds,
}

const fn counter(
    name: &'static str,
    unit: Unit,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Counter, unit, labels, help }
}

const fn gauge(name: &'static str, unit: Unit, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, unit, labels: PIPELINE, help }
}

const PIPELINE: &[&str] = &["pipeline"];
const PART: &[&str] = &["pipeline", "part", "stages"];
const STAGE: &[&str] = &["pipeline", "part", "stage"];

pub(crate) static BLOCKED: Metric = counter(
    "pipe_blocked_nanoseconds_total",
    Unit::Nanoseconds,
    PART,
    "How long the threads of this segment slept because what they had made was not taken, added up",
);
pub(crate) static BUSY: Metric = counter(
    "pipe_busy_nanoseconds_total",
    Unit::Nanoseconds,
    PART,
    "How long the threads in this part worked, added up",
);
pub(crate) static EVENTS: Metric = counter(
    "pipe_events_total",
    Unit::Count,
    &["pipeline", "event"],
    "Decisions and fallbacks of finished runs, as their reports list them",
);
pub(crate) static DEAD_LETTERED: Metric = counter(
    "pipe_items_dead_lettered_total",
    Unit::Count,
    STAGE,
    "Items that failed in this stage and were written down",
);
pub(crate) static EMITTED: Metric =
    counter("pipe_items_emitted_total", Unit::Count, PART, "Items that left this segment");
pub(crate) static SKIPPED: Metric = counter(
    "pipe_items_skipped_total",
    Unit::Count,
    STAGE,
    "Items that failed in this stage and were skipped",
);
pub(crate) static TAKEN: Metric =
    counter("pipe_items_taken_total", Unit::Count, PART, "Items that came into this segment");
pub(crate) static WRITTEN: Metric =
    counter("pipe_items_written_total", Unit::Count, PIPELINE, "Items that the sink took");
pub(crate) static MEMORY_LIMIT: Metric = gauge(
    "pipe_memory_limit_bytes",
    Unit::Bytes,
    "Bytes that may be in flight, of all runs that are under way",
);
pub(crate) static MEMORY_PEAK: Metric = gauge(
    "pipe_memory_peak_bytes",
    Unit::Bytes,
    "The most bytes that were in flight so far, of all runs that are under way",
);
pub(crate) static RETRIES: Metric = counter(
    "pipe_retries_total",
    Unit::Count,
    STAGE,
    "Attempts that failed in this stage and were followed by another one",
);
pub(crate) static RUNS: Metric =
    counter("pipe_runs_total", Unit::Count, &["pipeline", "result"], "Runs that ended: `ok` or `failed`");
pub(crate) static RUNS_UNDER_WAY: Metric =
    gauge("pipe_runs_under_way", Unit::Count, "Runs that have begun and not ended");
pub(crate) static DROPPED: Metric = counter(
    "pipe_series_dropped_total",
    Unit::Count,
    &[],
    "Values that were left out because there were too many different labels",
);
pub(crate) static SLICES: Metric = Metric {
    name: "pipe_slice_seconds",
    kind: Kind::Histogram,
    unit: Unit::Seconds,
    labels: &["pipeline", "part"],
    help: "How long a part worked on one slice of a batch",
};
pub(crate) static BYTES: Metric =
    counter("pipe_source_bytes_total", Unit::Bytes, PIPELINE, "Bytes that the source gave");
pub(crate) static STARVED: Metric = counter(
    "pipe_starved_nanoseconds_total",
    Unit::Nanoseconds,
    PART,
    "How long the threads of this segment slept because they lacked input, added up",
);
pub(crate) static WORKERS: Metric =
    gauge("pipe_workers", Unit::Count, "Workers of all runs that are under way");

/// All there are, by name.
pub static METRICS: [&Metric; 18] = [
    &BLOCKED,
    &BUSY,
    &EVENTS,
    &DEAD_LETTERED,
    &EMITTED,
    &SKIPPED,
    &TAKEN,
    &WRITTEN,
    &MEMORY_LIMIT,
    &MEMORY_PEAK,
    &RETRIES,
    &RUNS,
    &RUNS_UNDER_WAY,
    &DROPPED,
    &SLICES,
    &BYTES,
    &STARVED,
    &WORKERS,
];
