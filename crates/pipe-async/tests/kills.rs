//! Processes killed or stopped by the system, in the middle of whatever they do: a ledger of what came out of the streams.
#![cfg(feature = "nats")]

mod nats_server;

use nats_server::NatsServer;
use pipe_async::{
    Delivery, FrameLimits, Message, Nats, NatsOptions, Receipt, StreamSettings, StreamSink, Taken, Transport,
    TransportError, Verdict, Worker, WorkerSettings,
};
use pipe_core::{Cancel, Inline, Source, from_iter};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Where a process that is started as a worker finds its server, and how it names what it sends.
const SERVER: &str = "PIPE_TEST_WORKER_SERVER";
const IDS: &str = "PIPE_TEST_WORKER_IDS";

const ITEMS: u64 = 60_000;
/// One after every so many messages of results that arrived, of 600.
const KILL_EVERY: u64 = 60;
const LEASE: Duration = Duration::from_secs(1);

const STREAMS: StreamSettings = StreamSettings {
    lease: LEASE,
    max_bytes: 256 << 20,
    max_on_loan: 1_000,
    duplicate_window: Duration::from_secs(120),
    patience: Duration::from_secs(30),
    in_flight: 64,
};

fn limits() -> FrameLimits {
    FrameLimits { items: 100, linger: None, ..FrameLimits::default() }
}

fn connect(url: &str) -> Arc<Nats> {
    Arc::new(Nats::connect(&NatsOptions::new([url]), STREAMS).unwrap())
}

/// The control: each message has an id that no other has, also if it holds the same results.
struct FreshIds {
    nats: Arc<Nats>,
    next: AtomicU64,
}

impl Transport for FreshIds {
    fn publish(&self, stream: &str, message: Message) -> Result<Receipt, TransportError> {
        let fresh = format!("{}/{}", std::process::id(), self.next.fetch_add(1, Relaxed));
        self.nats.publish(stream, Message { id: fresh, ..message })
    }

    fn fetch(&self, stream: &str, most: usize, wait: Duration) -> Result<Vec<Delivery>, TransportError> {
        self.nats.fetch(stream, most, wait)
    }

    fn settle(&self, delivery: &Delivery, verdict: Verdict) -> Result<(), TransportError> {
        self.nats.settle(delivery, verdict)
    }

    fn left(&self, stream: &str) -> Result<u64, TransportError> {
        self.nats.left(stream)
    }
}

#[test]
#[ignore = "the other tests start this as a process of its own, to kill it"]
fn worker_process() {
    let url = std::env::var(SERVER).expect("started by another test");
    let nats = connect(&url);
    // Enough attempts that no kill is taken for the deed of an item.
    let settings =
        WorkerSettings { limits: limits(), max_attempts: 1_000, fetch: 16, ..WorkerSettings::default() };
    let worker = match std::env::var(IDS).unwrap().as_str() {
        "stable" => Worker::new(nats, "square", "in", settings),
        _ => Worker::new(Arc::new(FreshIds { nats, next: AtomicU64::new(0) }), "square", "in", settings),
    };
    let worker = worker.unwrap().into_stream("out").unwrap();
    let square =
        |items: Taken<u64>| Ok(items.pipeline().map(|n| (n, n * n)).collect().run_on(&Inline)?.value);
    worker.run(&Cancel::new(), square).unwrap();
}

/// Where a process that is started as a sink keeps what comes, each message in a file of its own.
const KEPT: &str = "PIPE_TEST_SINK_KEEPS";

fn signal(name: &str, process: u32) {
    let sent = Command::new("kill").args([name, &process.to_string()]).status().unwrap();
    assert!(sent.success(), "kill {name} {process}");
}

#[test]
#[ignore = "another test starts this as a process of its own; it stops itself in the middle of a message"]
fn worker_that_stops() {
    let nats = connect(&std::env::var(SERVER).expect("started by another test"));
    let settings = WorkerSettings { limits: limits(), fetch: 16, ..WorkerSettings::default() };
    let worker = Worker::new(nats, "square", "in", settings).unwrap().into_stream("out").unwrap();
    let mut messages = 0;
    let square = |items: Taken<u64>| {
        messages += 1;
        if messages == 3 {
            signal("-STOP", std::process::id());
        }
        Ok(items.map(|n| (n, n * n)).collect::<Vec<_>>())
    };
    worker.run(&Cancel::new(), square).unwrap();
}

#[test]
#[ignore = "another test starts this as a process of its own; it kills itself half-way, where it is told so"]
fn source_process() {
    let nats = connect(&std::env::var(SERVER).expect("started by another test"));
    let dies = std::env::var(IDS).unwrap() == "dies";
    let items = (0..ITEMS).inspect(move |n| {
        if dies && *n == ITEMS / 2 {
            signal("-KILL", std::process::id());
        }
    });
    let sink = StreamSink::new(nats, "in", "ledger", limits()).unwrap();
    from_iter(items).to(sink).run_on(&Inline).unwrap();
}

#[test]
#[ignore = "another test starts this as a process of its own; it kills itself between keeping and acknowledging, where it is told so"]
fn sink_process() {
    let nats = connect(&std::env::var(SERVER).expect("started by another test"));
    let (folder, dies) =
        (PathBuf::from(std::env::var_os(KEPT).unwrap()), std::env::var(IDS).unwrap() == "dies");
    let settings =
        WorkerSettings { limits: limits(), fetch: 8, idle: Some(LEASE * 4), ..WorkerSettings::default() };
    let mut messages = 0;
    let keep = |items: Taken<u64>| {
        let file = folder.join(items.id().replace('/', "_"));
        let text = items.map(|n| format!("{n}\n")).collect::<String>();
        std::fs::write(file, text).unwrap();
        messages += 1;
        if dies && messages == 20 {
            signal("-KILL", std::process::id());
        }
        Ok(Vec::<()>::new())
    };
    Worker::new(nats, "keep", "in", settings).unwrap().run(&Cancel::new(), keep).unwrap();
}

/// Killed when dropped.
struct Process(Child);

impl Process {
    fn start(server: &NatsServer, ids: &str) -> Self {
        Self::start_as("worker_process", server, ids, Path::new(""))
    }

    /// The process that the test `child` is.
    fn start_as(child: &str, server: &NatsServer, ids: &str, kept: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", child, "--ignored"]).env(SERVER, &server.url).env(IDS, ids).env(KEPT, kept);
        Process(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGKILL: nothing is flushed, nobody is told.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Kills workers until every item has come out; how many items came more than once.
fn duplicates_after_kills(test: &str, ids: &str) -> Option<u64> {
    let server = NatsServer::start(test)?;
    let nats = connect(&server.url);
    let sink = StreamSink::new(nats.clone(), "in", "ledger", limits()).unwrap();
    from_iter(0..ITEMS).to(sink).run_on(&Inline).unwrap();
    let mut workers: Vec<Process> = (0..3).map(|_| Process::start(&server, ids)).collect();
    let mut ledger: BTreeMap<u64, u64> = BTreeMap::new();
    let (mut messages, mut kills) = (0, 0);
    let settings =
        WorkerSettings { limits: limits(), fetch: 8, idle: Some(LEASE * 4), ..WorkerSettings::default() };
    let counted = Worker::new(nats, "ledger", "out", settings).unwrap().run(
        &Cancel::new(),
        |results: Taken<(u64, u64)>| {
            messages += 1;
            for (item, square) in results {
                assert_eq!(square, item * item);
                *ledger.entry(item).or_default() += 1;
            }
            if messages % KILL_EVERY == 0 {
                let victim = kills % workers.len();
                workers[victim] = Process::start(&server, ids);
                kills += 1;
            }
            Ok(Vec::<()>::new())
        },
    );
    assert_eq!(counted.unwrap().letters, 0);
    assert!(kills >= 5, "{kills} kills");
    assert_eq!(ledger.len() as u64, ITEMS, "items are lost");
    let twice = ledger.values().map(|count| count - 1).sum();
    println!("{ids} ids: {kills} kills, {messages} messages of results, {twice} items more than once");
    Some(twice)
}

#[test]
fn killed_workers_lose_nothing_and_with_stable_ids_nothing_is_there_twice() {
    let test = "killed_workers_lose_nothing_and_with_stable_ids_nothing_is_there_twice";
    let Some(twice) = duplicates_after_kills(test, "stable") else { return };
    assert_eq!(twice, 0);
}

/// Or the test above would show nothing.
#[test]
fn killed_workers_leave_results_twice_where_ids_are_not_stable() {
    let test = "killed_workers_leave_results_twice_where_ids_are_not_stable";
    let Some(twice) = duplicates_after_kills(test, "fresh") else { return };
    assert!(twice > 0, "no worker was killed between sending and acknowledging");
}

/// The system tells it in a file, which can only be asked again.
fn wait_until_stopped(process: u32) {
    let began = Instant::now();
    let is_stopped = || {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'))
    };
    while !is_stopped() {
        assert!(began.elapsed() < STREAMS.patience, "it does not stop");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_worker_that_is_stopped_for_longer_than_its_lease_loses_nothing_and_adds_nothing_when_it_goes_on() {
    let Some(server) = NatsServer::start("a_worker_that_is_stopped_for_longer_than_its_lease") else {
        return;
    };
    const SOME: u64 = 10_000;
    let nats = connect(&server.url);
    let sink = StreamSink::new(nats.clone(), "in", "ledger", limits()).unwrap();
    from_iter(0..SOME).to(sink).run_on(&Inline).unwrap();
    let stopped = Process::start_as("worker_that_stops", &server, "stable", Path::new(""));
    wait_until_stopped(stopped.0.id());
    let _other = Process::start(&server, "stable");
    let (mut seen, all_there) = (BTreeMap::<u64, u64>::new(), Cancel::new());
    let idle = Some(STREAMS.patience);
    let settings = WorkerSettings { limits: limits(), fetch: 8, idle, ..WorkerSettings::default() };
    let count = |results: Taken<(u64, u64)>| {
        results.for_each(|(item, _)| *seen.entry(item).or_default() += 1);
        if seen.len() as u64 == SOME {
            all_there.cancel();
        }
        Ok(Vec::<()>::new())
    };
    Worker::new(nats.clone(), "ledger", "out", settings).unwrap().run(&all_there, count).unwrap();
    assert_eq!(seen.len() as u64, SOME, "items are lost");
    // Its lease is over, or what it had in hand could not be here. Now it sends it.
    signal("-CONT", stopped.0.id());
    for (item, count) in ledger_of(nats.clone(), "out", |(item, _): (u64, u64)| item) {
        *seen.entry(item).or_default() += count;
    }
    assert_eq!(seen.values().max(), Some(&1), "what another had done was done again");
    assert_eq!(nats.left("in").unwrap(), 0);
}

/// Each item that is in a stream, and how often; the stream is empty then.
fn ledger_of<T: Serialize + DeserializeOwned>(
    nats: Arc<Nats>,
    stream: &str,
    item: fn(T) -> u64,
) -> BTreeMap<u64, u64> {
    let mut ledger = BTreeMap::new();
    let settings = WorkerSettings { limits: limits(), idle: Some(LEASE * 4), ..WorkerSettings::default() };
    let count = |items: Taken<T>| {
        items.for_each(|one| *ledger.entry(item(one)).or_default() += 1);
        Ok(Vec::<()>::new())
    };
    Worker::new(nats, "ledger", stream, settings).unwrap().run(&Cancel::new(), count).unwrap();
    ledger
}

#[test]
fn a_source_that_is_killed_and_started_again_sends_each_item_once() {
    let Some(server) = NatsServer::start("a_source_that_is_killed_and_started_again") else { return };
    let nats = connect(&server.url);
    let status = |ids| Process::start_as("source_process", &server, ids, Path::new("")).0.wait().unwrap();
    assert!(!status("dies").success());
    let left = nats.left("in").unwrap();
    assert!((100..=ITEMS / 200).contains(&left), "{left}: it was killed half-way");
    assert!(status("lives").success());
    let ledger = ledger_of(nats, "in", |item: u64| item);
    assert_eq!(ledger.len() as u64, ITEMS);
    assert_eq!(ledger.values().max(), Some(&1));
}

#[test]
fn a_sink_that_is_killed_gets_the_messages_again_under_their_ids() {
    let Some(server) = NatsServer::start("a_sink_that_is_killed_gets_the_messages_again") else { return };
    let (nats, folder) = (connect(&server.url), tempfile::tempdir().unwrap());
    let sink = StreamSink::new(nats.clone(), "in", "ledger", limits()).unwrap();
    from_iter(0..10_000u64).to(sink).run_on(&Inline).unwrap();
    let status = |ids| Process::start_as("sink_process", &server, ids, folder.path()).0.wait().unwrap();
    assert!(!status("dies").success());
    let left = nats.left("in").unwrap();
    assert!((80..=100).contains(&left), "{left}: what is not acknowledged is still there");
    assert!(status("lives").success());
    let (mut kept, mut seen) = (0, BTreeSet::new());
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        kept += text.lines().count();
        seen.extend(text.lines().map(|line| line.parse::<u64>().unwrap()));
    }
    assert_eq!((kept, seen.len()), (10_000, 10_000), "an item is missing, or there twice");
}
