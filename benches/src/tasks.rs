//! The work that all contenders of a workload share: what to compute, and how the answer is written down. A contender
//! adds how the items flow through it, and nothing else.

pub(crate) mod access_log;
pub(crate) mod blocks;
pub(crate) mod buffers;
pub(crate) mod computing;
pub(crate) mod connections;
pub(crate) mod costed;
pub(crate) mod csv_sum;
pub(crate) mod even_batches;
pub(crate) mod looks;
pub(crate) mod mandelbrot;
pub(crate) mod messages;
pub(crate) mod ndjson_errors;
pub(crate) mod neighbours;
pub(crate) mod nested;
pub(crate) mod number_lines;
pub(crate) mod numbers;
pub(crate) mod numeric;
pub(crate) mod operations;
pub(crate) mod paced;
pub(crate) mod panics;
pub(crate) mod pieces;
pub(crate) mod rate;
pub(crate) mod records;
pub(crate) mod reduced;
pub(crate) mod rows;
pub(crate) mod skew;
pub(crate) mod slow;
pub(crate) mod slow_consumer;
pub(crate) mod stations;
pub(crate) mod stops;
pub(crate) mod task;
pub(crate) mod text;
pub(crate) mod written;
