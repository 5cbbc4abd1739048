//! What is told to stop while it waits for room or for a server, over each transport: it ends, and nothing is lost or there twice.
#![cfg(feature = "transport")]

mod meddled;
#[cfg(feature = "nats")]
mod nats_server;

use meddled::{Meddle, meddled};
use pipe_async::{
    Delivery, FrameLimits, LocalTransport, Message, Receipt, Role, StreamSettings, StreamSink, Taken,
    Transport, TransportError, Verdict, Worker, WorkerSettings, distribute,
};
use pipe_core::{Cancel, Inline, RunError, from_iter};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What ends with its patience and not when it is told to ends beyond the limit of a test.
const STREAMS: StreamSettings = StreamSettings {
    lease: Duration::from_secs(2),
    max_bytes: 4 << 10,
    max_on_loan: 1_000,
    duplicate_window: Duration::from_secs(3 * 3600),
    patience: Duration::from_secs(3600),
    in_flight: 16,
};

/// Long enough that it is over only if something is wrong.
const LIMIT: Duration = Duration::from_secs(60);

/// Of ten items of a hundred bytes: beside what fills a stream none of them has room.
const FRAMES: FrameLimits =
    FrameLimits { items: 10, target_bytes: 4 << 10, max_bytes: 8 << 10, max_items: 100, linger: None };

fn settings() -> WorkerSettings {
    WorkerSettings { limits: FRAMES, idle: Some(STREAMS.lease * 2), ..WorkerSettings::default() }
}

/// Runs a law over each transport.
fn over_each(name: &str, law: fn(Arc<dyn Transport>)) {
    let _ = name;
    law(Arc::new(LocalTransport::new(STREAMS).unwrap()));
    #[cfg(feature = "nats")]
    if let Some(server) = nats_server::NatsServer::start(name) {
        let options = pipe_async::NatsOptions::new([server.url.clone()]);
        law(Arc::new(pipe_async::Nats::connect(&options, STREAMS).unwrap()));
    }
}

/// What it returns, on a thread that is left behind if it does not end.
fn within_the_limit<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, done) = channel();
    thread::spawn(move || send.send(work()));
    done.recv_timeout(LIMIT).expect("it still waits")
}

/// Tells of each message that is to be published into a stream.
struct Tells {
    stream: &'static str,
    publishes: Mutex<Sender<()>>,
}

impl Meddle for Tells {
    fn publish(
        &self,
        through: &dyn Transport,
        stream: &str,
        message: Message,
    ) -> Result<Receipt, TransportError> {
        if stream == self.stream {
            let _ = self.publishes.lock().unwrap().send(());
        }
        through.publish(stream, message)
    }
}

/// The transport, and where it is told that something is to be published into the stream.
fn telling(transport: &Arc<dyn Transport>, stream: &'static str) -> (Arc<dyn Transport>, Receiver<()>) {
    let (publishes, published) = channel();
    let tells = Tells { stream, publishes: Mutex::new(publishes) };
    (meddled(transport, &Arc::new(tells)), published)
}

fn fill(transport: &dyn Transport, stream: &str) {
    let large = Message { id: "large".to_owned(), payload: vec![7; 3_300] };
    transport.publish(stream, large).unwrap().wait().unwrap();
}

fn make_room(transport: &dyn Transport, stream: &str) {
    let large = transport.fetch(stream, 1, LIMIT).unwrap().remove(0);
    assert_eq!(large.message.id, "large");
    transport.settle(&large, Verdict::Ack).unwrap();
}

fn items() -> impl Iterator<Item = String> + Send + 'static {
    (0..20).map(|n| format!("{n:0100}"))
}

fn each_once() -> BTreeMap<String, u32> {
    items().map(|item| (item, 1)).collect()
}

/// A source that waits for room may have sent what it waits for, or not; started again it sends all of it under the same ids.
#[test]
fn a_source_that_waits_for_room_ends_when_it_is_stopped_and_goes_on_when_it_is_started_again() {
    fn law(transport: Arc<dyn Transport>) {
        let counts = Arc::new(Mutex::new(BTreeMap::new()));
        let job = |transport: Arc<dyn Transport>| {
            let counts = counts.clone();
            distribute(Arc::new(transport), "job")
                .settings(settings())
                .source(|sink| Ok(from_iter(items()).to(sink).run_on(&Inline)?.value))
                .sink("count", move |items: Taken<String>| {
                    items.for_each(|item| *counts.lock().unwrap().entry(item).or_default() += 1);
                    Ok(())
                })
        };
        fill(&*transport, "job-count");
        let ((tells, published), stop) = (telling(&transport, "job-count"), Cancel::new());
        let (source, stopped) = (job(tells), stop.clone());
        let stopping = thread::spawn(move || {
            published.recv_timeout(LIMIT).expect("the source has sent nothing");
            stop.cancel();
        });
        let done = within_the_limit(move || source.run(&Role::Source, &stopped)).unwrap();
        stopping.join().unwrap();
        assert_eq!(done.sent, None, "it has not come to its end");
        assert_eq!(transport.left("job-end").unwrap(), 0);
        make_room(&*transport, "job-count");
        let again = job(transport.clone());
        let done = within_the_limit(move || again.run(&Role::All, &Cancel::new())).unwrap();
        assert_eq!((done.sent.unwrap().items, done.letters()), (20, 0));
        assert_eq!(*counts.lock().unwrap(), each_once());
    }
    over_each("a_source_that_waits_for_room", law);
}

#[test]
fn a_sink_of_a_pipeline_that_waits_for_room_ends_the_run_when_it_is_stopped() {
    fn law(transport: Arc<dyn Transport>) {
        fill(&*transport, "in");
        let ((tells, published), stop) = (telling(&transport, "in"), Cancel::new());
        let sink = StreamSink::new(Arc::new(tells), "in", "test", FRAMES).unwrap().cancelled_by(&stop);
        let stopping = thread::spawn(move || {
            published.recv_timeout(LIMIT).expect("nothing was sent");
            stop.cancel();
        });
        let ended = within_the_limit(move || from_iter(items()).to(sink).run_on(&Inline)).unwrap_err();
        stopping.join().unwrap();
        let RunError::Sink { source, .. } = &ended else { panic!("{ended}") };
        assert!(matches!(source.downcast_ref(), Some(TransportError::Stopped)), "{ended}");
    }
    over_each("a_sink_of_a_pipeline_that_waits_for_room", law);
}

/// It has done its work and cannot be rid of it: another does it again, and the results have the same ids.
#[test]
fn a_worker_whose_results_have_no_room_ends_when_it_is_stopped_and_gives_its_messages_back() {
    fn law(transport: Arc<dyn Transport>) {
        let sink = StreamSink::new(Arc::new(transport.clone()), "in", "test", FRAMES).unwrap();
        from_iter(items()).to(sink).run_on(&Inline).unwrap();
        fill(&*transport, "out");
        let ((tells, published), stop) = (telling(&transport, "out"), Cancel::new());
        let worker = |transport: &Arc<dyn Transport>| {
            let worker = Worker::new(Arc::new(transport.clone()), "stage", "in", settings()).unwrap();
            worker.into_stream("out").unwrap()
        };
        let (first, stopped) = (worker(&tells), stop.clone());
        let stopping = thread::spawn(move || {
            published.recv_timeout(LIMIT).expect("no result was sent");
            stop.cancel();
        });
        let same = |items: Taken<String>| Ok(items.collect::<Vec<_>>());
        let did = within_the_limit(move || first.run(&stopped, same)).unwrap();
        stopping.join().unwrap();
        assert_eq!((did.messages, did.letters), (0, 0));
        make_room(&*transport, "out");
        let second = worker(&transport);
        let did = within_the_limit(move || second.run(&Cancel::new(), same)).unwrap();
        assert_eq!((did.messages, did.letters), (2, 0));
        let mut counts = BTreeMap::new();
        let counter = Worker::new(Arc::new(transport.clone()), "count", "out", settings()).unwrap();
        counter
            .run(&Cancel::new(), |items: Taken<String>| {
                items.for_each(|item| *counts.entry(item).or_default() += 1);
                Ok(Vec::<()>::new())
            })
            .unwrap();
        assert_eq!(counts, each_once());
    }
    over_each("a_worker_whose_results_have_no_room", law);
}

/// Of a user, with a fault: panics when a stream is fetched from, or when a message is marked.
struct Faulty {
    fetches: bool,
    /// Told of the mark at which it panics.
    marks: Mutex<Option<Sender<()>>>,
}

impl Meddle for Faulty {
    fn fetch(
        &self,
        through: &dyn Transport,
        stream: &str,
        most: usize,
        wait: Duration,
    ) -> Result<Vec<Delivery>, TransportError> {
        assert!(!self.fetches || stream != "in", "no fetching");
        through.fetch(stream, most, wait)
    }

    fn settle(
        &self,
        through: &dyn Transport,
        delivery: &Delivery,
        verdict: Verdict,
    ) -> Result<(), TransportError> {
        let marked = if verdict == Verdict::InProgress { self.marks.lock().unwrap().take() } else { None };
        if let Some(marked) = marked {
            let _ = marked.send(());
            panic!("no marks");
        }
        through.settle(delivery, verdict)
    }
}

#[test]
fn a_transport_that_panics_beside_the_work_ends_its_worker_with_that_panic() {
    for (fetches, panic) in [(true, "no fetching"), (false, "no marks")] {
        let lease = Duration::from_millis(30);
        let transport: Arc<dyn Transport> =
            Arc::new(LocalTransport::new(StreamSettings { lease, ..STREAMS }).unwrap());
        let sink = StreamSink::new(Arc::new(transport.clone()), "in", "test", FRAMES).unwrap();
        from_iter(items()).to(sink).run_on(&Inline).unwrap();
        // Nobody cancels it, and it has no time after which it would end by itself.
        let settings = WorkerSettings { idle: None, fetch: 1, ..settings() };
        let (marks, marked) = channel();
        let faulty = meddled(&transport, &Arc::new(Faulty { fetches, marks: Mutex::new(Some(marks)) }));
        let worker = Worker::new(Arc::new(faulty), "stage", "in", settings).unwrap();
        let thrown = within_the_limit(move || {
            let work = |items: Taken<String>| {
                // A second time there is nobody who could tell.
                let _ = marked.recv_timeout(LIMIT);
                items.for_each(drop);
                Ok(Vec::<()>::new())
            };
            catch_unwind(AssertUnwindSafe(|| worker.run(&Cancel::new(), work))).map(drop)
        });
        let thrown = thrown.expect_err("it has panicked");
        assert_eq!(thrown.downcast_ref(), Some(&panic));
    }
}
