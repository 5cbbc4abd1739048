//! Our programs, one file each, on the public API of the pipe crates alone, and at most 60 lines long.

pub(crate) mod access_log;
pub(crate) mod any_task;
pub(crate) mod chunk_sizes;
pub(crate) mod compressed;
pub(crate) mod connections;
pub(crate) mod csv_sum;
pub(crate) mod elementwise;
pub(crate) mod empty;
pub(crate) mod filtered_write;
pub(crate) mod fused_numbers;
pub(crate) mod fused_rows;
pub(crate) mod hoarding;
pub(crate) mod in_blocks;
pub(crate) mod in_flight;
pub(crate) mod interop;
pub(crate) mod looks;
pub(crate) mod memo;
pub(crate) mod memory_limited;
pub(crate) mod ndjson_errors;
pub(crate) mod neighbours;
pub(crate) mod nested;
pub(crate) mod net;
pub(crate) mod number_lines;
pub(crate) mod observed;
pub(crate) mod operations;
pub(crate) mod ordered;
pub(crate) mod paced;
pub(crate) mod panics;
pub(crate) mod pieces;
pub(crate) mod policies;
pub(crate) mod pools;
pub(crate) mod records;
pub(crate) mod reduce;
pub(crate) mod reductions;
pub(crate) mod requests;
pub(crate) mod scores;
pub(crate) mod slow_sink;
pub(crate) mod stations;
pub(crate) mod stops;
pub(crate) mod text;
pub(crate) mod timeouts;
pub(crate) mod trivial;
pub(crate) mod words;

/// What a run may hold between source and sink.
pub(crate) const MEMORY_LIMIT: usize = 64 << 20;
