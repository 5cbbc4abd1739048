//! Programs that combine the pipe crates. The programs are the point: `docs/examples`, each one a file to read and to run.
//!
//! ```text
//! cargo run --release -p docs --example stations -- measurements.txt
//! cargo run --release -p docs --example access_log -- --on parallel /var/log/apache2/access.log
//! ```
//!
//! What is here is the part of each program that tests can call: the pipeline, defined once as a function of its input and its executor,
//! and what it gathers. [`program`] holds what the programs share that is no pipeline: arguments, Ctrl-C, exit codes.

#![forbid(unsafe_code)]

pub mod access_log;
pub mod program;
pub mod stations;

/// The front page and the guide: their programs are compiled and run.
#[doc = include_str!("../../README.md")]
#[doc = include_str!("../architecture.md")]
#[cfg(doctest)]
struct Pages;
