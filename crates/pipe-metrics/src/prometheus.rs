//! A page in the text format of Prometheus, and one thread that serves it.
//!
//! The page is made of the counters when it is asked for, and dropped when it was sent: so memory is the same after a million pages as after
//! the first. (An exporter behind a facade gathers what it is told until somebody asks, and grows where nobody does.)
//!
//! One connection at a time, two seconds for each, a request of 8 KiB at most: whoever holds a connection holds up the next one for two
//! seconds, and nothing else.

mod server;
mod text;

pub use server::Prometheus;
pub use text::text;
