//! Word counts by several processes, some of them killed, against a plain loop.
#![cfg(unix)]

#[path = "../../crates/pipe-async/tests/nats_server/mod.rs"]
mod nats_server;

use docs::word_counts::{Counts, job, totals};
use nats_server::NatsServer;
use pipe_async::{LocalTransport, Role, StreamSettings};
use pipe_core::Cancel;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

const FILES: usize = 80;

/// Words that look random; the naive counts of them.
fn write_files(folder: &Path) -> (Vec<PathBuf>, Counts) {
    let (mut counts, mut seed) = (Counts::new(), 7u64);
    let files = (0..FILES).map(|n| {
        let mut text = String::new();
        for place in 0..200 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let word = format!("wörd{}", (seed >> 33) % 50);
            *counts.entry(word.clone()).or_default() += 1;
            text += &word;
            text += if place % 7 == 0 { "\n" } else { " " };
        }
        let file = folder.join(format!("{n}.txt"));
        fs::write(&file, text).unwrap();
        file
    });
    (files.collect(), counts)
}

#[test]
fn one_process_counts_what_a_plain_loop_does_and_again_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (files, expected) = write_files(folder.path());
    let parts = folder.path().join("parts");
    for _ in 0..2 {
        let streams = Arc::new(LocalTransport::new(StreamSettings::default()).unwrap());
        let job = job(streams, "words", files.clone(), &parts).unwrap();
        let done = job.run(&Role::All, &Cancel::new()).unwrap();
        assert_eq!((done.letters(), done.worked["count"].items), (0, FILES as u64));
        assert_eq!(totals(&parts).unwrap(), expected);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_a_letter_and_the_others_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (mut files, expected) = write_files(folder.path());
    files.insert(5, folder.path().join("missing.txt"));
    let streams = Arc::new(LocalTransport::new(StreamSettings::default()).unwrap());
    let parts = folder.path().join("parts");
    let done = job(streams, "words", files, &parts).unwrap().run(&Role::All, &Cancel::new()).unwrap();
    assert_eq!(done.letters(), 1);
    assert_eq!(totals(&parts).unwrap(), expected);
}

/// Killed when dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program, built from the sources as they are now.
fn program() -> PathBuf {
    // target/PROFILE/deps/word_counts-HASH
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let mut build = Command::new(env!("CARGO"));
    // As a test of the workspace builds it, which has then nothing left to build.
    build.args(["build", "--quiet", "--workspace", "--example", "word_counts"]);
    build.arg("--manifest-path").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    build.arg("--target-dir").arg(profile.parent().unwrap());
    if profile.ends_with("release") {
        build.arg("--release");
    }
    assert!(build.status().unwrap().success());
    profile.join("examples/word_counts")
}

#[test]
fn several_processes_of_which_some_are_killed_print_the_totals_of_a_plain_loop() {
    let Some(server) = NatsServer::start("several_processes_of_which_some_are_killed") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (files, expected) = write_files(folder.path());
    let (program, parts) = (program(), folder.path().join("parts"));
    let start = |role: &str, files: &[PathBuf]| {
        let mut command = Command::new(&program);
        command.args(["--server", &server.url, "--job", "books", "--lease", "2", "--role", role, "--out"]);
        command.arg(&parts).args(files).stdin(Stdio::null()).stdout(Stdio::piped());
        Process(command.spawn().unwrap())
    };
    // Killed at whatever it is at, and started again.
    drop(start("source", &files));
    assert!(start("source", &files).0.wait().unwrap().success());
    let (sink, worker) = (start("sink", &[]), start("count", &[]));
    let is_there = || fs::read_dir(&parts).is_ok_and(|mut parts| parts.next().is_some());
    let began = Instant::now();
    while !is_there() && began.elapsed() < Duration::from_secs(60) {
        // A file of another process can only be asked for again.
        thread::sleep(Duration::from_millis(5));
    }
    drop((sink, worker));
    let workers = [start("count", &[]), start("count", &[])];
    let mut sink = start("sink", &[]);
    let output = std::io::read_to_string(sink.0.stdout.take().unwrap()).unwrap();
    assert!(sink.0.wait().unwrap().success());
    for mut worker in workers {
        assert!(worker.0.wait().unwrap().success());
    }
    let printed: String = expected.iter().map(|(word, count)| format!("{count} {word}\n")).collect();
    assert_eq!(output, printed);
}
