//! Workers killed by the system, in the middle of whatever they do: a ledger of what came out of the stream of results.
#![cfg(feature = "nats")]

mod nats_server;

use nats_server::NatsServer;
use pipe_async::{
    Delivery, FrameLimits, Message, Nats, NatsOptions, Receipt, StreamSettings, StreamSink, Taken, Transport,
    TransportError, Verdict, Worker, WorkerSettings,
};
use pipe_core::{Cancel, Inline, Source, from_iter};
use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

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

/// Killed when dropped.
struct Process(Child);

impl Process {
    fn start(server: &NatsServer, ids: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "worker_process", "--ignored"]).env(SERVER, &server.url).env(IDS, ids);
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
