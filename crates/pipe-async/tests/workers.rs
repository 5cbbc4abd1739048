//! What workers and sinks promise, over each transport: nothing is lost, and what failed is known by its item.
#![cfg(feature = "transport")]

#[cfg(feature = "nats")]
mod nats_server;

use pipe_async::{
    Delivery, FrameLimits, Letter, LocalTransport, Message, Receipt, StreamSettings, StreamSink, Taken,
    Transport, TransportError, Verdict, Worked, Worker, WorkerSettings, replay,
};
use pipe_core::{Cancel, Inline, RunError, Sink, Source, exponential, from_iter};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::mpsc::{Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const LEASE: Duration = Duration::from_millis(600);
/// Long enough that it is over only if something is wrong.
const PATIENCE: Duration = Duration::from_secs(20);

const STREAMS: StreamSettings = StreamSettings {
    lease: LEASE,
    max_bytes: 8 << 20,
    max_on_loan: 1_000,
    duplicate_window: Duration::from_secs(60),
    patience: PATIENCE,
    in_flight: 16,
};

const FRAMES: FrameLimits =
    FrameLimits { items: 10, target_bytes: 4 << 10, max_bytes: 8 << 10, max_items: 100, linger: None };

fn settings() -> WorkerSettings {
    WorkerSettings {
        max_attempts: 3,
        backoff: exponential(9).first(Duration::from_millis(1)).most(Duration::from_millis(5)),
        idle: Some(LEASE * 2),
        limits: FRAMES,
        ..WorkerSettings::default()
    }
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

fn send(transport: &Arc<dyn Transport>, items: std::ops::Range<u64>) {
    let sink = StreamSink::new(Arc::new(transport.clone()), "in", "test", FRAMES).unwrap();
    from_iter(items).to(sink).run_on(&Inline).unwrap();
}

fn worker(transport: &Arc<dyn Transport>) -> Worker {
    let worker = Worker::new(Arc::new(transport.clone()), "stage", "in", settings()).unwrap();
    worker.into_stream("out").unwrap()
}

fn run(transport: &Arc<dyn Transport>, work: impl FnMut(Taken<u64>) -> Result<Vec<u64>, RunError>) -> Worked {
    worker(transport).run(&Cancel::new(), work).unwrap()
}

/// Items by how often they are in the stream; empties it.
fn out(transport: &Arc<dyn Transport>) -> BTreeMap<u64, u32> {
    let mut counts = BTreeMap::new();
    let worker = Worker::new(Arc::new(transport.clone()), "count", "out", settings()).unwrap();
    let counted = worker.run(&Cancel::new(), |items: Taken<u64>| {
        items.for_each(|item| *counts.entry(item).or_default() += 1);
        Ok(Vec::<()>::new())
    });
    assert_eq!(counted.unwrap().letters, 0);
    counts
}

fn once(items: impl IntoIterator<Item = u64>) -> BTreeMap<u64, u32> {
    items.into_iter().map(|item| (item, 1)).collect()
}

/// The letters, which stay.
fn letters(transport: &Arc<dyn Transport>) -> Vec<Letter> {
    let fetched = transport.fetch("in-dead", 10, PATIENCE).unwrap();
    let mut letters: Vec<_> = fetched.iter().map(|delivery| Letter::read(delivery).unwrap()).collect();
    fetched.iter().for_each(|delivery| transport.settle(delivery, Verdict::Retry(Duration::ZERO)).unwrap());
    letters.sort_by(|a, b| (&a.id, a.index).cmp(&(&b.id, b.index)));
    letters
}

fn plus_one(items: Taken<u64>) -> Result<Vec<u64>, RunError> {
    Ok(items.pipeline().map(|n| n + 1).collect().run_on(&Inline)?.value)
}

#[test]
fn every_item_goes_through_the_pipeline_once() {
    fn law(transport: Arc<dyn Transport>) {
        send(&transport, 0..1_005);
        let did = run(&transport, |items| {
            let pipeline = items.pipeline().filter(|n| n % 3 != 0).flat_map(|n| [n, n + 1_000_000]);
            Ok(pipeline.collect().run_on(&Inline)?.value)
        });
        assert_eq!((did.messages, did.items, did.outputs), (101, 1_005, 1_340));
        assert_eq!((did.redelivered, did.retried, did.letters, did.duplicates), (0, 0, 0, 0));
        let kept = (0..1_005).filter(|n| n % 3 != 0);
        assert_eq!(out(&transport), once(kept.flat_map(|n| [n, n + 1_000_000])));
    }
    over_each("every_item_goes_through_the_pipeline_once", law);
}

#[test]
fn an_item_that_fails_at_every_attempt_becomes_a_letter_and_the_others_of_its_message_go_on() {
    fn law(transport: Arc<dyn Transport>) {
        send(&transport, 0..100);
        let is_mended = AtomicBool::new(false);
        let attempts = AtomicU32::new(0);
        let stage = |items: Taken<u64>| {
            let parse = |n: u64| match n {
                13 | 17 if !is_mended.load(SeqCst) => {
                    attempts.fetch_add(u32::from(n == 13), SeqCst);
                    Err(format!("{n} is bad luck"))
                }
                n => Ok(n),
            };
            Ok(items.pipeline().try_map(parse).named("parse").collect().run_on(&Inline)?.value)
        };
        let did = run(&transport, stage);
        assert_eq!((did.messages, did.items, did.letters, did.retried), (10, 98, 2, 2));
        assert_eq!(attempts.load(SeqCst), 3);
        assert_eq!(out(&transport), once((0..100).filter(|n| ![13, 17].contains(n))));

        let written = letters(&transport);
        assert_eq!(written.len(), 2, "{written:?}");
        let Letter { stage: name, error, stream, id, index, attempts, .. } = &written[0];
        assert_eq!((name.as_str(), stream.as_str(), id.as_str()), ("stage", "in", "test/10+10"));
        assert_eq!((*index, *attempts), (Some(3), 3));
        assert_eq!(error, "stage parse failed at 3: 13 is bad luck");

        is_mended.store(true, SeqCst);
        let again = replay(&*transport, "in", 10).unwrap();
        assert_eq!((again.sent, again.kept), (2, 0));
        run(&transport, stage);
        assert_eq!(out(&transport), once([13, 17]));
        assert_eq!(replay(&*transport, "in", 10).unwrap().sent, 0, "a letter that was replayed is gone");
    }
    over_each("an_item_that_fails_at_every_attempt_becomes_a_letter", law);
}

#[test]
fn an_item_that_panics_becomes_a_letter_like_one_that_fails() {
    fn law(transport: Arc<dyn Transport>) {
        send(&transport, 0..20);
        let did = run(&transport, |items| {
            let odd = |n| if n == 7 { panic!("seven") } else { n };
            Ok(items.pipeline().map(odd).collect().run_on(&Inline)?.value)
        });
        assert_eq!((did.items, did.letters), (19, 1));
        assert!(letters(&transport)[0].error.ends_with("panicked at 7: seven"));
        assert_eq!(out(&transport), once((0..20).filter(|n| *n != 7)));
    }
    over_each("an_item_that_panics_becomes_a_letter_like_one_that_fails", law);
}

#[test]
fn what_is_no_frame_becomes_a_letter_at_once_and_the_queue_goes_on() {
    fn law(transport: Arc<dyn Transport>) {
        let garbage = [vec![7; 100], vec![0; 9 << 10], Vec::new()];
        for (n, payload) in garbage.iter().enumerate() {
            let message = Message { id: format!("garbage {n}"), payload: payload.clone() };
            transport.publish("in", message).unwrap().wait().unwrap();
        }
        send(&transport, 0..10);
        let did = run(&transport, plus_one);
        assert_eq!((did.messages, did.items, did.letters, did.retried), (4, 10, 3, 0));
        assert_eq!(out(&transport), once(1..11));
        let mut seen = BTreeMap::new();
        for delivery in transport.fetch("in-dead", 10, PATIENCE).unwrap() {
            let letter = Letter::read(&delivery).unwrap();
            assert_eq!((letter.index, letter.attempts), (None, 1));
            seen.insert(letter.id, (letter.frame.len(), letter.bytes));
        }
        let kept = |n: usize| seen[&format!("garbage {n}")];
        assert_eq!((kept(0), kept(1), kept(2)), ((100, 100), (8 << 10, 9 << 10), (0, 0)));
    }
    over_each("what_is_no_frame_becomes_a_letter_at_once_and_the_queue_goes_on", law);
}

/// Ends its worker as a crash does, seen from the transport: without a word.
fn dies(items: Taken<u64>) -> Result<Vec<u64>, RunError> {
    let items: Vec<u64> = items.collect();
    assert!(!items.contains(&33), "the process is gone");
    Ok(items)
}

#[test]
fn an_item_that_ends_its_worker_becomes_a_letter_and_no_other_item_does() {
    fn law(transport: Arc<dyn Transport>) {
        send(&transport, 0..60);
        let mut deaths = 0;
        let did = loop {
            match catch_unwind(AssertUnwindSafe(|| run(&transport, dies))) {
                Ok(did) => break did,
                Err(_) => deaths += 1,
            }
            assert!(deaths < 20, "it goes on for ever");
        };
        // Three among others, three as a suspect, three with the item alone.
        assert_eq!((deaths, did.letters), (9, 1));
        assert_eq!(out(&transport), once((0..60).filter(|n| *n != 33)));
        let letter = &letters(&transport)[0];
        assert_eq!(letter.id, "test/30+10/3");
        assert_eq!(letter.error, "each worker that had it ended without a word");
    }
    over_each("an_item_that_ends_its_worker_becomes_a_letter_and_no_other_item_does", law);
}

#[test]
fn a_stage_that_takes_longer_than_the_lease_keeps_its_message() {
    fn law(transport: Arc<dyn Transport>) {
        send(&transport, 0..10);
        let (looked, has_looked) = channel();
        let did = std::thread::scope(|scope| {
            let (begun, has_begun) = channel();
            let other = transport.clone();
            scope.spawn(move || {
                has_begun.recv().unwrap();
                looked.send(other.fetch("in", 1, LEASE * 3).unwrap().len()).unwrap();
            });
            run(&transport, |items| {
                begun.send(()).unwrap();
                assert_eq!(has_looked.recv().unwrap(), 0, "another worker got the message");
                plus_one(items)
            })
        });
        assert_eq!((did.messages, did.redelivered), (1, 0));
    }
    over_each("a_stage_that_takes_longer_than_the_lease_keeps_its_message", law);
}

/// Passes everything on, but for what it is told to keep.
struct Between {
    transport: Arc<dyn Transport>,
    /// Acknowledgements that are lost.
    lose: AtomicU32,
    log: Mutex<Vec<String>>,
}

impl Transport for Between {
    fn publish(&self, stream: &str, message: Message) -> Result<Receipt, TransportError> {
        let receipt = self.transport.publish(stream, message)?;
        let (answer, late) = Receipt::pending();
        let published = receipt.wait();
        self.log.lock().unwrap().push(format!("stored in {stream}"));
        answer.give(published);
        Ok(late)
    }

    fn fetch(&self, stream: &str, most: usize, wait: Duration) -> Result<Vec<Delivery>, TransportError> {
        self.transport.fetch(stream, most, wait)
    }

    fn settle(&self, delivery: &Delivery, verdict: Verdict) -> Result<(), TransportError> {
        if verdict == Verdict::Ack {
            self.log.lock().unwrap().push(format!("acknowledged {}", delivery.stream));
            let lost = self.lose.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
            if lost.is_ok() {
                return Ok(());
            }
        }
        self.transport.settle(delivery, verdict)
    }

    fn left(&self, stream: &str) -> Result<u64, TransportError> {
        self.transport.left(stream)
    }
}

#[test]
fn results_are_safe_before_their_message_is_acknowledged() {
    fn law(transport: Arc<dyn Transport>) {
        send(&transport, 0..10);
        let between = Arc::new(Between { transport, lose: AtomicU32::new(0), log: Mutex::default() });
        let through = between.clone() as Arc<dyn Transport>;
        run(&through, |items| {
            let fails = |n| if n == 3 { Err("three") } else { Ok(n) };
            Ok(items.pipeline().try_map(fails).collect().run_on(&Inline)?.value)
        });
        assert_eq!(*between.log.lock().unwrap(), ["stored in in-dead", "stored in out", "acknowledged in"]);
    }
    over_each("results_are_safe_before_their_message_is_acknowledged", law);
}

/// Its worker ends when it is to send the message of this number, from 0, into a stream.
struct Ends {
    transport: Arc<dyn Transport>,
    stream: &'static str,
    at: u32,
    seen: AtomicU32,
}

impl Ends {
    fn at(transport: &Arc<dyn Transport>, stream: &'static str, at: u32) -> Arc<dyn Transport> {
        Arc::new(Ends { transport: transport.clone(), stream, at, seen: AtomicU32::new(0) })
    }
}

impl Transport for Ends {
    fn publish(&self, stream: &str, message: Message) -> Result<Receipt, TransportError> {
        if stream == self.stream && self.seen.fetch_add(1, SeqCst) == self.at {
            return Err(TransportError::Closed);
        }
        self.transport.publish(stream, message)
    }

    fn fetch(&self, stream: &str, most: usize, wait: Duration) -> Result<Vec<Delivery>, TransportError> {
        self.transport.fetch(stream, most, wait)
    }

    fn settle(&self, delivery: &Delivery, verdict: Verdict) -> Result<(), TransportError> {
        self.transport.settle(delivery, verdict)
    }

    fn left(&self, stream: &str) -> Result<u64, TransportError> {
        self.transport.left(stream)
    }
}

#[test]
fn an_item_is_not_lost_if_it_fails_at_the_last_attempt_its_worker_ends_and_then_it_succeeds() {
    fn law(transport: Arc<dyn Transport>) {
        send(&transport, 0..10);
        let ends = Ends::at(&transport, "in-dead", 0);
        let is_bad = AtomicBool::new(true);
        let stage = |items: Taken<u64>| {
            let fails = |n| if n == 3 && is_bad.load(SeqCst) { Err("not now") } else { Ok(n) };
            Ok(items.pipeline().try_map(fails).collect().run_on(&Inline)?.value)
        };
        let ended = worker(&ends).run(&Cancel::new(), stage).unwrap_err();
        assert!(matches!(ended, TransportError::Closed), "{ended}");
        is_bad.store(false, SeqCst);
        run(&ends, stage);
        assert_eq!(out(&transport), once(0..10));
    }
    over_each("an_item_is_not_lost_if_it_fails_at_the_last_attempt", law);
}

#[test]
fn outputs_made_without_an_item_do_not_pass_for_those_made_with_it() {
    fn law(transport: Arc<dyn Transport>) {
        send(&transport, 0..10);
        let ends = Ends::at(&transport, "out", 1);
        let is_bad = AtomicBool::new(false);
        // Two frames of ten. Without an item the second begins with a later one, and the first holds what had been in the second.
        let stage = |items: Taken<u64>| {
            let fails = |n| if n == 3 && is_bad.load(SeqCst) { Err("not now") } else { Ok(n) };
            let pipeline = items.pipeline().try_map(fails).flat_map(|n| [n, n + 100]);
            Ok(pipeline.collect().run_on(&Inline)?.value)
        };
        worker(&ends).run(&Cancel::new(), stage).unwrap_err();
        is_bad.store(true, SeqCst);
        assert_eq!(run(&ends, stage).letters, 1);
        let out = out(&transport);
        let missing: Vec<u64> = (0..10).flat_map(|n| [n, n + 100]).filter(|n| !out.contains_key(n)).collect();
        assert!(missing.is_empty(), "{missing:?} are neither output nor letter");
    }
    over_each("outputs_made_without_an_item_do_not_pass_for_those_made_with_it", law);
}

/// Takes no message for a stream that is larger than this.
struct Narrow {
    transport: Arc<dyn Transport>,
    stream: &'static str,
    limit: usize,
}

impl Transport for Narrow {
    fn publish(&self, stream: &str, message: Message) -> Result<Receipt, TransportError> {
        let (bytes, limit) = (message.payload.len() + message.id.len(), self.limit);
        if stream == self.stream && bytes > limit {
            return Err(TransportError::TooLarge { stream: stream.to_owned(), bytes, limit });
        }
        self.transport.publish(stream, message)
    }

    fn fetch(&self, stream: &str, most: usize, wait: Duration) -> Result<Vec<Delivery>, TransportError> {
        self.transport.fetch(stream, most, wait)
    }

    fn settle(&self, delivery: &Delivery, verdict: Verdict) -> Result<(), TransportError> {
        self.transport.settle(delivery, verdict)
    }

    fn left(&self, stream: &str) -> Result<u64, TransportError> {
        self.transport.left(stream)
    }
}

#[test]
fn a_letter_that_is_too_large_for_its_stream_is_cut_and_the_queue_goes_on() {
    fn law(transport: Arc<dyn Transport>) {
        let long = "long".repeat(500);
        for (id, payload) in [("garbage", vec![7; 8 << 10]), (long.as_str(), vec![7; 10])] {
            let message = Message { id: id.to_owned(), payload };
            transport.publish("in", message).unwrap().wait().unwrap();
        }
        send(&transport, 0..10);
        let narrow = Narrow { transport: transport.clone(), stream: "in-dead", limit: 2 << 10 };
        let did = run(&(Arc::new(narrow) as Arc<dyn Transport>), plus_one);
        assert_eq!((did.messages, did.items, did.letters), (3, 10, 2));
        assert_eq!(out(&transport), once(1..11));
        let written = letters(&transport);
        assert_eq!(written.len(), 2, "{written:?}");
        assert_eq!((written[0].id.as_str(), written[0].bytes), ("garbage", 8 << 10));
        assert!(written[0].frame.len() >= 512 && written[0].frame.iter().all(|byte| *byte == 7));
        assert!(written[1].id.starts_with("longlong") && written[1].id.len() < long.len(), "{written:?}");
        let replayed = replay(&*transport, "in", 10).unwrap();
        assert_eq!((replayed.sent, replayed.kept), (0, 2), "what is cut is not sent as if it were whole");
    }
    over_each("a_letter_that_is_too_large_for_its_stream_is_cut_and_the_queue_goes_on", law);
}

#[test]
fn results_too_large_for_their_stream_become_a_letter_and_the_queue_goes_on() {
    fn law(transport: Arc<dyn Transport>) {
        send(&transport, 0..20);
        let narrow = Narrow { transport: transport.clone(), stream: "out", limit: 100 };
        let did = run(&(Arc::new(narrow) as Arc<dyn Transport>), |items| {
            let large = |n| if n < 10 { u64::MAX - n } else { n };
            Ok(items.pipeline().map(large).collect().run_on(&Inline)?.value)
        });
        assert_eq!((did.messages, did.items, did.outputs), (2, 10, 10));
        assert_eq!((did.letters, did.retried), (1, 2));
        assert_eq!(out(&transport), once(10..20));
        let letter = &letters(&transport)[0];
        assert_eq!((letter.id.as_str(), letter.index, letter.attempts), ("test/0+10", None, 3));
        assert!(letter.error.contains("at most 100 are allowed"), "{letter}");
    }
    over_each("results_too_large_for_their_stream_become_a_letter_and_the_queue_goes_on", law);
}

#[test]
fn a_message_that_is_delivered_again_after_its_results_were_stored_leaves_them_once() {
    fn law(transport: Arc<dyn Transport>) {
        send(&transport, 0..100);
        let lossy = Between { transport: transport.clone(), lose: AtomicU32::new(4), log: Mutex::default() };
        let did = run(&(Arc::new(lossy) as Arc<dyn Transport>), plus_one);
        assert_eq!((did.messages, did.redelivered, did.duplicates), (14, 4, 4));
        assert_eq!(out(&transport), once(1..101));
    }
    over_each("a_message_that_is_delivered_again_after_its_results_were_stored_leaves_them_once", law);
}

#[test]
fn a_cancelled_worker_finishes_the_message_it_is_at_and_gives_the_rest_back_at_once() {
    fn law(transport: Arc<dyn Transport>) {
        send(&transport, 0..100);
        let stop = Cancel::new();
        let did = worker(&transport)
            .run(&stop, |items| {
                stop.cancel();
                plus_one(items)
            })
            .unwrap();
        assert_eq!((did.messages, did.outputs), (1, 10));
        let rest = run(&transport, plus_one);
        assert_eq!((rest.messages, rest.duplicates), (9, 0));
        assert_eq!(out(&transport), once(1..101));
    }
    over_each("a_cancelled_worker_finishes_the_message_it_is_at", law);
}

#[test]
fn items_do_not_wait_for_a_source_that_pauses() {
    fn law(transport: Arc<dyn Transport>) {
        let limits = FrameLimits { linger: Some(Duration::from_millis(1)), ..FRAMES };
        let mut sink = StreamSink::new(Arc::new(transport.clone()), "in", "test", limits).unwrap();
        for n in 0..3u64 {
            sink.write(n).unwrap();
            // Nothing more is written until it has come.
            let fetched = transport.fetch("in", 1, PATIENCE).unwrap();
            assert_eq!(fetched.len(), 1, "item {n} is still in its frame");
            transport.settle(&fetched[0], Verdict::Ack).unwrap();
        }
        let sent = sink.commit().unwrap();
        assert_eq!((sent.items, sent.messages), (3, 3));
    }
    over_each("items_do_not_wait_for_a_source_that_pauses", law);
}

#[test]
fn a_source_that_is_started_again_adds_what_is_missing_and_nothing_else() {
    fn law(transport: Arc<dyn Transport>) {
        let mut killed = StreamSink::new(Arc::new(transport.clone()), "in", "test", FRAMES).unwrap();
        (0..55u64).for_each(|n| killed.write(n).unwrap());
        drop(killed);
        send(&transport, 0..120);
        run(&transport, plus_one);
        assert_eq!(out(&transport), once(1..121));
    }
    over_each("a_source_that_is_started_again_adds_what_is_missing_and_nothing_else", law);
}

#[test]
fn an_item_that_no_frame_holds_ends_the_run_of_the_sink_with_its_size() {
    let transport = Arc::new(LocalTransport::new(STREAMS).unwrap());
    let sink = StreamSink::new(transport, "in", "test", FRAMES).unwrap();
    let error = from_iter(["x".repeat(9 << 10)]).to(sink).run_on(&Inline).unwrap_err();
    assert_eq!(error.to_string(), "sink, after 0 items: a frame of 8193 bytes, and at most 8192 are allowed");
}

#[test]
fn settings_that_can_do_nothing_are_errors() {
    let transport = Arc::new(LocalTransport::new(STREAMS).unwrap());
    let with = |settings| Worker::new(transport.clone(), "stage", "in", settings).map(|_| ()).unwrap_err();
    let limits = |limits| WorkerSettings { limits, ..settings() };
    for (field, error) in [
        ("max_attempts", with(WorkerSettings { max_attempts: 0, ..settings() })),
        ("fetch", with(WorkerSettings { fetch: 0, ..settings() })),
        ("longest", with(WorkerSettings { longest: Duration::ZERO, ..settings() })),
        ("items", with(limits(FrameLimits { items: 0, ..FRAMES }))),
        ("target_bytes", with(limits(FrameLimits { target_bytes: 0, ..FRAMES }))),
        ("max_bytes", with(limits(FrameLimits { max_bytes: 24, ..FRAMES }))),
        ("max_items", with(limits(FrameLimits { max_items: 0, ..FRAMES }))),
    ] {
        assert!(matches!(&error, TransportError::Config { field: named, .. } if *named == field), "{error}");
    }
}

#[test]
fn the_streams_of_letters_and_suspects_take_no_items() {
    let transport = Arc::new(LocalTransport::new(STREAMS).unwrap());
    let worker = |from| Worker::new(transport.clone(), "stage", from, settings());
    for name in ["in-dead", "in-suspect", "in-dead.3"] {
        for error in [
            StreamSink::<u64>::new(transport.clone(), name, "test", FRAMES).map(|_| ()).unwrap_err(),
            worker(name).map(|_| ()).unwrap_err(),
            worker("in").unwrap().into_stream(name).map(|_| ()).unwrap_err(),
        ] {
            assert!(matches!(error, TransportError::Config { field: "stream", .. }), "{name}: {error}");
        }
    }
    worker("dead").unwrap().into_stream("suspects").unwrap();
}

/// Tells of each fetch that brought something.
struct Watched {
    transport: Arc<dyn Transport>,
    fetched: Mutex<Sender<usize>>,
}

impl Transport for Watched {
    fn publish(&self, stream: &str, message: Message) -> Result<Receipt, TransportError> {
        self.transport.publish(stream, message)
    }

    fn fetch(&self, stream: &str, most: usize, wait: Duration) -> Result<Vec<Delivery>, TransportError> {
        let fetched = self.transport.fetch(stream, most, wait)?;
        if !fetched.is_empty() {
            let _ = self.fetched.lock().unwrap().send(fetched.len());
        }
        Ok(fetched)
    }

    fn settle(&self, delivery: &Delivery, verdict: Verdict) -> Result<(), TransportError> {
        self.transport.settle(delivery, verdict)
    }

    fn left(&self, stream: &str) -> Result<u64, TransportError> {
        self.transport.left(stream)
    }
}

#[test]
fn the_next_messages_are_fetched_during_the_work_and_given_back_when_it_stops() {
    fn law(transport: Arc<dyn Transport>) {
        send(&transport, 0..50);
        let (fetched, has_fetched) = channel();
        let watched = Watched { transport: transport.clone(), fetched: Mutex::new(fetched) };
        let settings = WorkerSettings { fetch: 1, ..settings() };
        let worker =
            Worker::new(Arc::new(watched), "stage", "in", settings).unwrap().into_stream("out").unwrap();
        let stop = Cancel::new();
        let did = worker.run(&stop, |items| {
            // The one it is at, and the next one.
            assert_eq!(
                (has_fetched.recv_timeout(PATIENCE), has_fetched.recv_timeout(PATIENCE)),
                (Ok(1), Ok(1))
            );
            stop.cancel();
            plus_one(items)
        });
        assert_eq!(did.unwrap().messages, 1);
        assert_eq!(has_fetched.try_recv(), Err(TryRecvError::Empty), "more than one batch ahead");
        let again = (0..4).any(|_| transport.fetch("in", 1, PATIENCE).unwrap()[0].attempt == 2);
        assert!(again, "what was fetched ahead was not given back");
    }
    over_each("the_next_messages_are_fetched_during_the_work", law);
}
