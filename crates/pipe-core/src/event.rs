//! What an executor, a source or a stage decided on the way, or fell back to.

use std::fmt;

/// A decision of the executor, or a fallback.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A parallel executor kept the run on the calling thread.
    StayedInline {
        /// Nanoseconds of parallel work per item that were measured.
        ns_per_item: f64,
        /// Why that is not worth other threads.
        why: &'static str,
    },
    /// An executor that tunes itself has chosen, by the head of the data.
    Tuned {
        /// How many work at most.
        workers: usize,
        /// The most items in a batch.
        batch: usize,
        /// The most batches under way.
        window: usize,
        /// What it found.
        why: String,
    },
    /// A source works otherwise than it was asked to.
    Fallback {
        /// What it was asked for.
        wanted: String,
        /// What it does instead.
        got: String,
        /// Why.
        why: String,
    },
    /// The system refused threads; the run went on with those it had.
    FewerWorkers {
        /// How many were asked for.
        wanted: usize,
        /// How many there were.
        got: usize,
        /// What the system said.
        why: String,
    },
    /// A worker has put its accumulators on disk, because they needed more than their part of the memory limit.
    Spilled {
        /// Whose they are.
        stage: String,
        /// How often.
        times: u64,
        /// Bytes that were written.
        bytes: u64,
    },
    /// The run read later than it could have, because its budget granted less than its limit: see [`Budget::allow`](crate::Budget::allow).
    HeldBack {
        /// How often it was refused bytes.
        times: usize,
    },
    /// Who computes kernels, if not the reference.
    Kernels {
        /// Its name.
        runner: &'static str,
        /// With which instructions, on which device.
        with: String,
    },
    /// A stage has found something out.
    Remark {
        /// The stage.
        stage: String,
        /// What it says.
        what: String,
    },
    /// Memory has become shorter, or less short.
    MemoryPressure {
        /// How short it is: `normal`, `moderate`, `high` or `critical`.
        level: &'static str,
        /// What was measured, and by which part of the system.
        why: String,
        /// What is done about it.
        response: String,
    },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::StayedInline { ns_per_item, why } => {
                write!(f, "stayed on the calling thread: {ns_per_item:.1} ns per item, {why}")
            }
            Event::Tuned { workers, batch, window, why } => {
                let plural = if *batch == 1 { "item" } else { "items" };
                write!(f, "{workers} workers, batches of {batch} {plural} at most, {window} under way: {why}")
            }
            Event::Fallback { wanted, got, why } => write!(f, "{got} instead of {wanted}: {why}"),
            Event::FewerWorkers { wanted, got, why } => write!(f, "{got} workers instead of {wanted}: {why}"),
            Event::Spilled { stage, times, bytes } => {
                let plural = if *times == 1 { "time" } else { "times" };
                write!(f, "{stage} went to disk {times} {plural}, with {bytes} bytes in all")
            }
            Event::HeldBack { times } => {
                write!(f, "refused bytes {times} times: the budget granted less than its limit")
            }
            Event::Kernels { runner, with } => write!(f, "kernels are {runner}: {with}"),
            Event::Remark { stage, what } => write!(f, "{stage}: {what}"),
            Event::MemoryPressure { level, why, response } => {
                write!(f, "memory pressure {level}: {why}; {response}")
            }
        }
    }
}
