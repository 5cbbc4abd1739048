//! Shows what a pipeline does while it runs, to people and to machines: counters, latencies, stalls, and exports to what you already use.
//!
//! ```
//! use pipe_core::{Inline, from_iter};
//! use pipe_metrics::Counters;
//!
//! let counters = Counters::new();
//! let squares = from_iter(0..10_000u64).map(|n| n * n).named("square").for_each(drop);
//! let report = squares.observe(counters.of("squares")).run_on(&Inline)?;
//! println!("{report}"); // says which part limits the run
//! assert_eq!(counters.count("pipe_items_written_total", &["squares"]), Some(10_000));
//! # Ok::<(), pipe_core::RunError>(())
//! ```
//!
//! # Who tells what
//!
//! ```text
//! run --[Observed, per slice of a batch]--> Counters ----> text page, Prometheus | metrics facade
//!                                           TraceFile ---> ui.perfetto.dev, chrome://tracing
//!                                           Spans -------> tracing subscriber
//!                                           Live --------> a page for people, with buttons
//!                                           Bar, StallDetector
//! ```
//!
//! Every run counts its items, bytes and times anyway, and its report names the part that limits it
//! ([`Report::bottleneck`](pipe_core::Report::bottleneck)): that needs no observer, and not this crate. What is here follows a run while it
//! goes on. Add as many observers as you want with `.observe(..)`; each is told once per slice of a batch, some 100 us of work, and nothing
//! is done per item.
//!
//! # Names
//!
//! [`METRICS`] is the contract: names, units, labels. It is the same for all ways out, and `docs/design/metrics.md` has it as a table, which a
//! test compares.
//!
//! # Limits
//!
//! Everything has one: 64 pipelines told apart, 10,000 values, 2.4 KiB for each histogram, a million events in a trace, one connection of
//! two seconds at a time, 16 viewers of a live page. What is left out is counted.
//!
//! # Features
//!
//! Without any: [`Counters`], [`StallDetector`] and [`Occupancy`].
//!
//! * `live`: `Live`, a page that shows runs while they go on, in a browser. Brings nothing.
//! * `prometheus`: `text`, a page in the text format, and `Prometheus`, which serves it. Brings nothing.
//! * `trace`: `TraceFile`. Brings nothing.
//! * `resources`: `Resources`, what the part that limits a run lacks: processors, a lock, a disk, the network; on Linux. Brings rustix.
//! * `advice`: `Auto`, an executor that measures the head of the input and chooses among those that it was given; on Unix. Brings rustix.
//! * `metrics`: `Facade`, to the recorder of the crate metrics.
//! * `tracing`: `Spans`, to the subscriber of the crate tracing.
//! * `progress`: `Bar`, on indicatif.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(all(feature = "advice", unix))]
mod advice;
#[cfg(all(feature = "advice", unix))]
mod auto;
#[cfg(feature = "progress")]
mod bar;
mod contract;
mod counters;
#[cfg(all(feature = "resources", target_os = "linux"))]
mod diagnosis;
#[cfg(all(feature = "resources", target_os = "linux"))]
mod doing;
#[cfg(feature = "metrics")]
mod facade;
#[cfg(all(feature = "advice", unix))]
mod head;
mod histogram;
#[cfg(any(feature = "live", feature = "prometheus"))]
mod http;
#[cfg(any(feature = "live", feature = "trace"))]
mod json;
#[cfg(feature = "live")]
mod live;
mod occupancy;
#[cfg(feature = "prometheus")]
mod prometheus;
#[cfg(all(feature = "resources", target_os = "linux"))]
mod resources;
mod series;
#[cfg(any(feature = "live", feature = "prometheus"))]
mod serve_error;
#[cfg(feature = "tracing")]
mod spans;
mod stall;
#[cfg(feature = "trace")]
mod trace_file;
mod under_way;

#[cfg(all(feature = "advice", unix))]
pub use advice::{Advice, PartCost};
#[cfg(all(feature = "advice", unix))]
pub use auto::Auto;
#[cfg(feature = "progress")]
pub use bar::Bar;
pub use contract::{Kind, METRICS, Metric, Unit};
pub use counters::{Counters, RunCounters};
#[cfg(all(feature = "resources", target_os = "linux"))]
pub use diagnosis::Diagnosis;
#[cfg(all(feature = "resources", target_os = "linux"))]
pub use doing::Doing;
#[cfg(feature = "metrics")]
pub use facade::Facade;
pub use histogram::Distribution;
#[cfg(feature = "live")]
pub use live::Live;
pub use occupancy::Occupancy;
#[cfg(feature = "prometheus")]
pub use prometheus::{Prometheus, text};
#[cfg(all(feature = "resources", target_os = "linux"))]
pub use resources::{Resources, Usage};
pub use series::{Sample, Value};
#[cfg(any(feature = "live", feature = "prometheus"))]
pub use serve_error::ServeError;
#[cfg(feature = "tracing")]
pub use spans::Spans;
pub use stall::{Stall, StallDetector, WaitingFor};
#[cfg(feature = "trace")]
pub use trace_file::{RunTrace, TraceFile, Traced};

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct Readme;
