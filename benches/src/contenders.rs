//! The programs that are compared: one file for each peer, or for the kind of file that it reads, and one for each program
//! of ours.

pub(crate) mod any_task;
pub(crate) mod async_nats;
pub(crate) mod buffers;
pub(crate) mod bufread;
mod commands;
pub(crate) mod compile;
pub(crate) mod compressed;
pub(crate) mod crossbeam;
pub(crate) mod csv_sum;
pub(crate) mod filtered_write;
pub(crate) mod futures;
pub(crate) mod futures_buffered;
pub(crate) mod hand;
pub(crate) mod looks;
pub(crate) mod mapped;
pub(crate) mod native;
pub(crate) mod ndjson_errors;
pub(crate) mod neighbours;
pub(crate) mod nested;
pub(crate) mod number_lines;
pub(crate) mod numeric;
pub(crate) mod orx;
pub(crate) mod ours;
pub(crate) mod paced;
pub(crate) mod paralight;
pub(crate) mod pariter;
pub(crate) mod rayon;
pub(crate) mod records;
pub(crate) mod reduce;
pub(crate) mod slow_sink;
pub(crate) mod std_iterator;
pub(crate) mod stops;
pub(crate) mod text;
pub(crate) mod tokio;
pub(crate) mod words;
