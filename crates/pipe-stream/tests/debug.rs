//! What is shown of sources and sinks in a log: which they are, and nothing of what they hold.

use pipe_core::{Batch, Source, Want};
use pipe_stream::{
    Csv, DeadLetterFile, FileSink, Files, Lines, PerKeySink, Replay, RollingSink, Table, Text,
};
use std::fmt::Debug;
use std::fs;

const SECRET: &str = "secret";

fn shows(what: &impl Debug, part: &str) {
    let shown = format!("{what:?}");
    assert!(shown.contains(part), "{part} in {shown}");
    assert!(!shown.contains(SECRET) && shown.len() < 400, "{shown}");
}

#[test]
fn a_source_shows_its_input_and_settings_and_no_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines.csv");
    fs::write(&path, format!("name,kind\n{SECRET},x\n").repeat(1_000)).unwrap();
    shows(&Lines::open(&path).unwrap().max_record(12_345), "lines.csv");
    shows(&Lines::open(&path).unwrap().max_record(12_345), "max_record: 12345");
    shows(&Lines::open(&path).unwrap().positioned(), "lines.csv");
    shows(&Table::new(Lines::open(&path).unwrap().framed(Csv::new())).unwrap(), "\"kind\"");
    shows(&Files::of([&path]), "lines.csv");
    shows(&Replay::open(&path).unwrap(), "lines.csv");
    let mut text = Text::new(fs::read(&path).unwrap());
    shows(&text, "bytes: 19000");
    let mut chunk = text.pull(Want { items: 1, bytes: 1_000 }).unwrap().unwrap();
    chunk.load().unwrap();
    shows(&chunk, "offset: 0");
}

#[test]
fn a_sink_shows_where_it_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    shows(&FileSink::create(path("a.txt")).unwrap().header(SECRET.as_bytes()), "a.txt");
    shows(&PerKeySink::create(path("keys")).unwrap().header(SECRET.as_bytes()), "keys");
    shows(&RollingSink::create(path("parts"), 1).unwrap().header(SECRET.as_bytes()), "parts");
    shows(&DeadLetterFile::append(path("letters")).unwrap(), "letters");
}
