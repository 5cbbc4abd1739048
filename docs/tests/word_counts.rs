//! Word counts by several processes, some of them killed, against a plain loop.
#![cfg(unix)]

#[path = "../../crates/pipe-async/tests/nats_server/mod.rs"]
mod nats_server;

use docs::word_counts::{Counts, job, totals};
use nats_server::NatsServer;
use pipe_async::{LocalTransport, Nats, NatsOptions, Role, StreamSettings, Transport, Verdict};
use pipe_core::Cancel;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
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

/// Beyond this something waits that should not; a test says then what each process has said.
const LIMIT: Duration = Duration::from_secs(180);

/// The processes of a test, over a server: killed when dropped.
struct Processes {
    program: PathBuf,
    server: String,
    folder: PathBuf,
    started: Instant,
    all: Vec<(String, Child)>,
}

/// Its place among them.
type Process = usize;

impl Processes {
    fn new(server: &NatsServer, folder: &Path) -> Self {
        let (program, server) = (program(), server.url.clone());
        // From here on: how long it takes to build the program says nothing.
        Processes { program, server, folder: folder.to_owned(), started: Instant::now(), all: Vec::new() }
    }

    fn start(&mut self, role: &str, files: &[PathBuf]) -> Process {
        let name = format!("{role}-{}", self.all.len());
        let said = |kind: &str| fs::File::create(self.folder.join(format!("{name}.{kind}"))).unwrap();
        let mut command = Command::new(&self.program);
        // A server that does not answer is given up well before the limit.
        command.args(["--server", &self.server, "--job", "books", "--lease", "2", "--patience", "60"]);
        command.args(["--role", role, "--out"]).arg(self.parts()).args(files);
        command.stdin(Stdio::null()).stdout(said("out")).stderr(said("err"));
        self.all.push((name, command.spawn().unwrap()));
        self.all.len() - 1
    }

    fn parts(&self) -> PathBuf {
        self.folder.join("parts")
    }

    fn kill(&mut self, process: Process) {
        let _ = self.all[process].1.kill();
        let _ = self.all[process].1.wait();
    }

    fn said(&self, process: Process, kind: &str) -> String {
        fs::read_to_string(self.folder.join(format!("{}.{kind}", self.all[process].0))).unwrap()
    }

    /// Asks again and again, until it is so, or the limit is over.
    fn wait_until<T>(&mut self, what: &str, mut is_so: impl FnMut(&mut Self) -> Option<T>) -> T {
        loop {
            if let Some(so) = is_so(self) {
                return so;
            }
            assert!(self.started.elapsed() < LIMIT, "{what}: not within {LIMIT:?}\n{}", self.told());
            // What other processes do can only be asked for again.
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Its exit code.
    fn wait(&mut self, process: Process) -> Option<i32> {
        let name = self.all[process].0.clone();
        self.wait_until(&name, |all| all.all[process].1.try_wait().unwrap()).code()
    }

    fn wait_for_success(&mut self, process: Process) {
        let (code, told) = (self.wait(process), self.told());
        assert_eq!(code, Some(0), "{}\n{told}", self.all[process].0);
    }

    /// What each of them has said, and how it has ended.
    fn told(&mut self) -> String {
        let mut told = String::new();
        for n in 0..self.all.len() {
            let ended = self.all[n].1.try_wait().unwrap();
            let (said, wrong) = (self.said(n, "out").len(), self.said(n, "err"));
            told += &format!("{}: {ended:?}, {said} bytes said, {wrong:?}\n", self.all[n].0);
        }
        told
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        (0..self.all.len()).for_each(|process| self.kill(process));
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
    let mut processes = Processes::new(&server, folder.path());
    // Killed at whatever it is at, and started again.
    let killed = processes.start("source", &files);
    processes.kill(killed);
    let source = processes.start("source", &files);
    processes.wait_for_success(source);
    let (sink, worker) = (processes.start("sink", &[]), processes.start("count", &[]));
    processes.wait_until("a first part", |all| fs::read_dir(all.parts()).ok()?.next().map(drop));
    processes.kill(sink);
    processes.kill(worker);
    let workers = [processes.start("count", &[]), processes.start("count", &[])];
    let sink = processes.start("sink", &[]);
    processes.wait_for_success(sink);
    workers.into_iter().for_each(|worker| processes.wait_for_success(worker));
    let printed: String = expected.iter().map(|(word, count)| format!("{count} {word}\n")).collect();
    assert_eq!(processes.said(sink, "out"), printed);
}

/// One of the files is a pipe: who counts it has a message in hand until its other end is closed.
#[test]
fn a_worker_that_gets_sigterm_finishes_what_it_is_at_and_nothing_that_is_finished_is_delivered_again() {
    let Some(server) = NatsServer::start("a_worker_that_gets_sigterm") else { return };
    let folder = tempfile::tempdir().unwrap();
    let (mut files, mut expected) = write_files(folder.path());
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    files.insert(10, pipe.clone());
    let mut processes = Processes::new(&server, folder.path());
    let source = processes.start("source", &files);
    processes.wait_for_success(source);
    let worker = processes.start("count", &[]);
    let (open, opened) = channel();
    // Waits until the worker reads. It is left behind if that never happens.
    thread::spawn(move || open.send(fs::File::options().write(true).open(pipe)));
    let opened = processes.wait_until("the worker at the pipe", |_| opened.try_recv().ok());
    let number = processes.all[worker].1.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &number]).status().unwrap().success());
    processes.wait_until("the signal", |all| all.said(worker, "err").contains("told to stop").then_some(()));
    opened.unwrap().write_all(b"the last words\n").unwrap();
    assert_eq!(processes.wait(worker), Some(130), "{}", processes.told());
    for word in ["last", "the", "words"] {
        expected.insert(word.to_owned(), 1);
    }

    // What is left was given back, and has no results; what has results is gone.
    let streams = Nats::connect(&NatsOptions::new([&server.url]), StreamSettings::default()).unwrap();
    let (left, results) = (all_of(&streams, "books-count"), all_of(&streams, "books-keep"));
    let finished: BTreeSet<String> =
        results.iter().map(|id| id.split('>').next().unwrap().to_owned()).collect();
    assert_eq!(left.len() as u64, streams.left("books-count").unwrap());
    assert_eq!(left.intersection(&finished).count(), 0, "finished and still there");
    assert_eq!(left.len() + finished.len(), files.len().div_ceil(4));
    assert!(finished.contains("books/8+4"), "it was at this one, and has finished it: {finished:?}");
    assert!(!left.is_empty(), "nothing was left, so this shows little");

    let (worker, sink) = (processes.start("count", &[]), processes.start("sink", &[]));
    processes.wait_for_success(sink);
    processes.wait_for_success(worker);
    let printed: String = expected.iter().map(|(word, count)| format!("{count} {word}\n")).collect();
    assert_eq!(processes.said(sink, "out"), printed);
}

/// The ids of the messages of a stream, all of which are given back.
fn all_of(streams: &Nats, stream: &str) -> BTreeSet<String> {
    let (mut lent, count) = (Vec::new(), streams.left(stream).unwrap());
    while (lent.len() as u64) < count {
        lent.extend(streams.fetch(stream, 100, LIMIT).unwrap());
    }
    lent.iter().for_each(|delivery| streams.settle(delivery, Verdict::Retry(Duration::ZERO)).unwrap());
    lent.into_iter().map(|delivery| delivery.message.id).collect()
}
