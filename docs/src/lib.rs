//! Programs that combine the pipe crates. The programs are the point: `docs/examples`, each one a file to read and to run.
//!
//! ```text
//! cargo run --release -p docs --example stations -- measurements.txt
//! cargo run --release -p docs --example access_log -- --on parallel /var/log/apache2/access.log
//! cargo run --release -p docs --example fetch_100k -- pages.txt
//! cargo run --release -p docs --example slow_rpc
//! cargo run --release -p docs --example copy_tree -- FROM TO
//! cargo run --release -p docs --example tail_and_batch -- kept.log
//! cargo run --release -p docs --example live
//! cargo run --release -p docs --example image -- --show edges photo.png edges.png
//! cargo run --release -p docs --example signal -- --cutoff 400 speech.wav speech.svg
//! cargo run --release -p docs --example table -- --columns price,area houses.csv normal.csv
//! cargo run --release -p docs --example word_counts -- --out parts books/*.txt
//! ```
//!
//! What is here is the part of each program that tests can call: the pipeline, defined once as a function of its input and its executor,
//! and what it gathers. [`program`] holds what the programs share that is no pipeline: arguments, Ctrl-C, exit codes.

#![forbid(unsafe_code)]

pub mod access_log;
pub mod copy_tree;
pub mod fetch;
pub mod image;
pub mod local_server;
pub mod program;
pub mod signal;
pub mod slow_rpc;
pub mod stations;
pub mod table;
pub mod tail_and_batch;
pub mod word_counts;

/// The front page: its programs are compiled and run, as are those of the guide. One item a page, so that a failure names its line.
#[doc = include_str!("../../README.md")]
#[cfg(doctest)]
struct FrontPage;

#[doc = include_str!("../architecture.md")]
#[cfg(doctest)]
struct Architecture;

#[doc = include_str!("../guide/first-pipeline.md")]
#[cfg(doctest)]
struct FirstPipeline;

#[doc = include_str!("../guide/compiler.md")]
#[cfg(doctest)]
struct Compiler;

#[doc = include_str!("../guide/files.md")]
#[cfg(doctest)]
struct Files;

#[doc = include_str!("../guide/executors.md")]
#[cfg(doctest)]
struct Executors;

#[doc = include_str!("../guide/parallel.md")]
#[cfg(doctest)]
struct ManyCores;

#[doc = include_str!("../guide/numbers.md")]
#[cfg(doctest)]
struct Numbers;

#[doc = include_str!("../guide/your-own.md")]
#[cfg(doctest)]
struct YourOwn;

#[doc = include_str!("../guide/your-own-source.md")]
#[cfg(doctest)]
struct YourOwnSource;

#[doc = include_str!("../guide/errors.md")]
#[cfg(doctest)]
struct Errors;

#[doc = include_str!("../guide/memory.md")]
#[cfg(doctest)]
struct Memory;

#[doc = include_str!("../guide/testing.md")]
#[cfg(doctest)]
struct Testing;

#[doc = include_str!("../guide/writing.md")]
#[cfg(doctest)]
struct Writing;

#[doc = include_str!("../guide/fan.md")]
#[cfg(doctest)]
struct Fan;

#[doc = include_str!("../guide/metrics.md")]
#[cfg(doctest)]
struct Metrics;

#[doc = include_str!("../guide/python.md")]
#[cfg(doctest)]
struct Python;

#[doc = include_str!("../guide/machines.md")]
#[cfg(doctest)]
struct Machines;
