//! What tests share: the oracle of reading, and who reads a source to its end; what is in a folder, and why a run failed.

#![allow(dead_code, reason = "each test file is a program of its own and uses what it needs")]

use pipe_core::{Batch, Flow, RunError, Source, Want};
use pipe_stream::StreamError;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Where a record starts, and its bytes.
pub(crate) type Record = (u64, Vec<u8>);

/// As much in a batch as there is.
pub(crate) const WANT: Want = Want { items: 1, bytes: usize::MAX };

/// The oracle: the lines of `split`, each with where it starts if the text starts at `base`.
pub(crate) fn naive_from(text: &[u8], base: u64) -> Vec<Record> {
    let mut at = base;
    let whole = text.strip_suffix(b"\n").unwrap_or(text);
    let lines = whole.split(|byte| *byte == b'\n').map(|line| {
        let start = at;
        at += line.len() as u64 + 1;
        (start, line.to_vec())
    });
    if text.is_empty() { Vec::new() } else { lines.collect() }
}

/// The lines of a text that starts at 0.
pub(crate) fn naive(text: &[u8]) -> Vec<Record> {
    naive_from(text, 0)
}

/// Pulls to the end, as an executor does: load, drive, check. The records before an error come with it.
pub(crate) fn drain<S: Source<Item = &'static [u8]>>(
    mut source: S,
    want: Want,
) -> (Vec<Record>, Option<StreamError>) {
    let mut all = Vec::new();
    let error = loop {
        let batch = match source.pull(want) {
            Ok(None) => return (all, None),
            Ok(Some(mut batch)) => batch.load().map(|()| batch),
            Err(error) => Err(error),
        };
        let checked = batch.and_then(|mut batch| {
            batch.drive(usize::MAX, |at, record| {
                all.push((at, record.to_vec()));
                Flow::Continue(())
            });
            batch.check()
        });
        if let Err(error) = checked {
            break error;
        }
    };
    (all, Some(*error.downcast().expect("a StreamError")))
}

/// What is in a folder, sorted.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// What a stage of this crate failed with.
pub(crate) fn stream_error(error: &RunError) -> &StreamError {
    error.stage_error().expect("a StreamError")
}

/// Not `println!`, which the test harness keeps to itself. On a line of its own, where `cargo xtask ci` counts it.
pub(crate) fn skip(test: &str, why: &str) {
    io::stdout().write_all(format!("\nSKIP {test}: {why}\n").as_bytes()).unwrap();
}
