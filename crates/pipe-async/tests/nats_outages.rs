//! Servers that go away, and streams that somebody else has made.
#![cfg(feature = "nats")]

mod nats_server;

use async_nats::jetstream::{self, consumer, stream};
use nats_server::NatsServer;
use pipe_async::{
    FrameLimits, Letter, Message, Nats, NatsOptions, StreamSettings, StreamSink, Taken, Transport,
    TransportError, Verdict, Worker, WorkerSettings,
};
use pipe_core::{Cancel, Inline, from_iter};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

const STREAMS: StreamSettings = StreamSettings {
    lease: Duration::from_millis(600),
    max_bytes: 8 << 20,
    max_on_loan: 1_000,
    duplicate_window: Duration::from_secs(60),
    patience: Duration::from_secs(2),
    in_flight: 16,
};

fn connect(server: &NatsServer, settings: StreamSettings) -> Nats {
    Nats::connect(&NatsOptions::new([server.url.clone()]), settings).unwrap()
}

fn message(id: &str) -> Message {
    Message { id: id.to_owned(), payload: vec![7] }
}

#[test]
fn a_worker_ends_with_its_patience_when_the_server_is_gone_and_the_client_has_no_room() {
    let Some(server) = NatsServer::start("a_worker_ends_with_its_patience") else { return };
    let nats = Arc::new(connect(&server, STREAMS));
    let sink = StreamSink::new(nats.clone(), "in", "test", FrameLimits::default()).unwrap();
    from_iter(0..10u64).to(sink).run_on(&Inline).unwrap();
    let (ended, has_ended) = channel();
    std::thread::spawn(move || {
        let worker = Worker::new(nats.clone(), "stage", "in", WorkerSettings::default()).unwrap();
        nats.publish("other", message("m")).unwrap().wait().unwrap();
        let other = nats.fetch("other", 1, Duration::from_secs(20)).unwrap().remove(0);
        let mut server = Some(server);
        let worked = worker.run(&Cancel::new(), |items: Taken<u64>| {
            drop(server.take());
            // More than the client keeps for a server that is away.
            let told = (0..5_000).try_for_each(|_| nats.settle(&other, Verdict::Retry(Duration::ZERO)));
            assert!(matches!(told, Err(TransportError::Unavailable { .. })), "{told:?}");
            items.for_each(drop);
            Ok(Vec::<u64>::new())
        });
        let _ = ended.send(worked.map(|_| ()));
    });
    // Patience once for the words, once for the worker's own, and the rest for a busy machine.
    let worked = has_ended.recv_timeout(STREAMS.patience * 8).expect("the worker still waits");
    assert!(matches!(worked, Err(TransportError::Unavailable { .. })), "{worked:?}");
}

/// Of settings with which a test would not end if it were tried for as long as they allow.
const FOR_EVER: StreamSettings = StreamSettings {
    patience: Duration::from_secs(3600),
    duplicate_window: Duration::from_secs(3 * 3600),
    ..STREAMS
};

/// Long enough that it is over only if something is wrong.
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn a_server_without_room_for_a_stream_is_an_error_with_its_own_words_after_a_few_seconds() {
    let test = "a_server_without_room_for_a_stream";
    let Some(server) = NatsServer::start_with(test, "jetstream { max_file_store: 1MB }") else { return };
    let nats = Arc::new(connect(&server, FOR_EVER));
    let (ended, has_ended) = channel();
    let publishing = (nats.clone(), ended.clone());
    std::thread::spawn(move || {
        publishing.1.send(publishing.0.publish("a", message("m")).unwrap().wait().map(drop))
    });
    std::thread::spawn(move || ended.send(nats.fetch("b", 1, Duration::ZERO).map(drop)));
    for _ in 0..2 {
        let error = has_ended.recv_timeout(LIMIT).expect("it still tries").unwrap_err();
        assert!(matches!(error, TransportError::Refused { .. }), "{error}");
        assert!(error.to_string().contains("insufficient storage resources"), "{error}");
    }
}

#[test]
fn a_worker_that_is_stopped_while_the_server_is_away_ends_all_the_same() {
    let Some(server) = NatsServer::start("a_worker_that_is_stopped_while_the_server_is_away") else { return };
    let nats = Arc::new(connect(&server, FOR_EVER));
    let sink = StreamSink::new(nats.clone(), "in", "test", FrameLimits::default()).unwrap();
    from_iter(0..10u64).to(sink).run_on(&Inline).unwrap();
    let (stop, (ended, has_ended)) = (Cancel::new(), channel());
    std::thread::spawn(move || {
        let worker = Worker::new(nats, "stage", "in", WorkerSettings::default()).unwrap();
        let worker = worker.into_stream("out").unwrap();
        let mut server = Some(server);
        let worked = worker.run(&stop, |items: Taken<u64>| {
            drop(server.take());
            stop.cancel();
            Ok(items.collect::<Vec<_>>())
        });
        let _ = ended.send(worked);
    });
    let worked = has_ended.recv_timeout(LIMIT).expect("the worker still waits").unwrap();
    assert_eq!((worked.messages, worked.letters), (0, 0), "nothing has arrived, so nothing is done");
}

#[test]
fn the_lease_of_a_delivery_is_the_one_that_the_server_keeps() {
    let Some(server) = NatsServer::start("the_lease_of_a_delivery_is_the_one") else { return };
    let first = connect(&server, STREAMS);
    first.publish("a", message("m")).unwrap().wait().unwrap();
    let other = connect(&server, StreamSettings { lease: STREAMS.lease * 10, ..STREAMS });
    let fetched = other.fetch("a", 1, Duration::from_secs(20)).unwrap();
    assert_eq!(fetched[0].lease, STREAMS.lease);
}

#[test]
fn a_stream_that_would_lose_messages_is_an_error_at_once() {
    let Some(server) = NatsServer::start("a_stream_that_would_lose_messages") else { return };
    let work_queue = |name: &str| stream::Config {
        name: name.to_owned(),
        subjects: vec![name.to_owned()],
        retention: stream::RetentionPolicy::WorkQueue,
        discard: stream::DiscardPolicy::New,
        max_bytes: 1 << 20,
        duplicate_window: STREAMS.duplicate_window,
        ..stream::Config::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let context = jetstream::new(async_nats::connect(&server.url).await.unwrap());
        let retention = stream::RetentionPolicy::Limits;
        context.create_stream(stream::Config { retention, ..work_queue("retention") }).await.unwrap();
        let discard = stream::DiscardPolicy::Old;
        context.create_stream(stream::Config { discard, ..work_queue("discard") }).await.unwrap();
        let duplicate_window = STREAMS.patience;
        let short = stream::Config { duplicate_window, ..work_queue("duplicate_window") };
        context.create_stream(short).await.unwrap();
        let limited = context.create_stream(work_queue("max_deliver")).await.unwrap();
        let config = consumer::pull::Config {
            durable_name: Some("workers".to_owned()),
            max_deliver: 3,
            ..consumer::pull::Config::default()
        };
        limited.create_consumer(config).await.unwrap();
        let waiting = context.create_stream(work_queue("backoff")).await.unwrap();
        let config = consumer::Config {
            durable_name: Some("workers".to_owned()),
            ack_policy: consumer::AckPolicy::Explicit,
            backoff: vec![STREAMS.lease, STREAMS.lease * 2],
            max_deliver: -1,
            ..consumer::Config::default()
        };
        // The client's own settings of pull consumers have no such list; those of other programs may.
        let made: Result<consumer::Consumer<consumer::Config>, _> = waiting.create_consumer(config).await;
        made.unwrap();
    });
    let nats = connect(&server, StreamSettings { patience: Duration::from_secs(20), ..STREAMS });
    for name in ["retention", "discard", "duplicate_window", "max_deliver", "backoff"] {
        for error in [
            nats.publish(name, message("m")).unwrap().wait().unwrap_err(),
            nats.fetch(name, 1, Duration::ZERO).unwrap_err(),
        ] {
            assert!(
                matches!(error, TransportError::Config { field, .. } if field == name),
                "{name}: {error}"
            );
        }
    }
}

#[test]
fn what_the_streams_own_limit_forbids_is_an_error_at_once_and_a_letter_where_it_was_a_result() {
    let Some(server) = NatsServer::start("what_the_streams_own_limit_forbids") else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let context = jetstream::new(async_nats::connect(&server.url).await.unwrap());
        let narrow = stream::Config {
            name: "narrow".to_owned(),
            subjects: vec!["narrow".to_owned(), "narrow.*".to_owned()],
            retention: stream::RetentionPolicy::WorkQueue,
            discard: stream::DiscardPolicy::New,
            max_bytes: 1 << 20,
            max_message_size: 200,
            duplicate_window: STREAMS.duplicate_window,
            ..stream::Config::default()
        };
        context.create_stream(narrow).await.unwrap();
    });
    // With this patience the test would not end if it were tried again.
    let nats = Arc::new(connect(&server, StreamSettings { patience: Duration::from_secs(50), ..STREAMS }));
    let large = Message { id: "m".to_owned(), payload: vec![7; 300] };
    let error = nats.publish("narrow", large).unwrap().wait().unwrap_err();
    assert!(matches!(error, TransportError::TooLarge { bytes: 301, limit: 200, .. }), "{error}");

    let sink = StreamSink::new(nats.clone(), "in", "test", FrameLimits::default()).unwrap();
    from_iter(0..20u64).to(sink).run_on(&Inline).unwrap();
    let settings =
        WorkerSettings { max_attempts: 1, idle: Some(Duration::from_secs(1)), ..WorkerSettings::default() };
    let worker = Worker::new(nats.clone(), "stage", "in", settings).unwrap().into_stream("narrow").unwrap();
    let worked =
        worker.run(&Cancel::new(), |items: Taken<u64>| Ok(items.map(|n| u64::MAX - n).collect::<Vec<_>>()));
    assert_eq!(worked.unwrap().letters, 1);
    let letter = Letter::read(&nats.fetch("in-dead", 1, Duration::from_secs(20)).unwrap()[0]).unwrap();
    assert!(letter.error.contains("at most 200 are allowed"), "{letter}");
}

/// A server that comes back has its streams, but of messages that have left them it has forgotten the ids. So nothing is lost, and what was on
/// its way may be there twice, under the same id.
#[test]
fn a_server_that_is_killed_and_comes_back_loses_nothing_and_who_knows_ids_has_each_item_once() {
    let Some(mut server) = NatsServer::start("a_server_that_is_killed_and_comes_back") else { return };
    const ITEMS: u64 = 30_000;
    let patient = StreamSettings { patience: Duration::from_secs(50), ..STREAMS };
    let connect = || Arc::new(connect(&server, patient));
    let (source, worker, ledger) = (connect(), connect(), connect());
    let limits = FrameLimits { items: 100, linger: None, ..FrameLimits::default() };
    let settings = WorkerSettings { limits, fetch: 16, max_attempts: 100, ..WorkerSettings::default() };
    let stop = Cancel::new();
    let (kill, killing) = channel();
    let (seen, redelivered) = std::thread::scope(|scope| {
        scope.spawn(move || {
            let sink = StreamSink::new(source, "in", "test", limits).unwrap();
            from_iter(0..ITEMS).to(sink).run_on(&Inline).unwrap();
        });
        let stopped = stop.clone();
        let working = scope.spawn(move || {
            let worker = Worker::new(worker, "square", "in", settings).unwrap().into_stream("out").unwrap();
            let square = |items: Taken<u64>| Ok(items.map(|n| (n, n * n)).collect::<Vec<_>>());
            worker.run(&stopped, square).unwrap()
        });
        let counting = scope.spawn(|| {
            let (mut messages, mut seen) = (0, BTreeMap::<String, Vec<u64>>::new());
            let counter = Worker::new(ledger, "ledger", "out", settings).unwrap();
            let worked = counter.run(&stop, |items: Taken<(u64, u64)>| {
                let id = items.id().to_owned();
                let items: Vec<u64> = items.map(|(n, _)| n).collect();
                // The same id has the same items.
                assert_eq!(*seen.entry(id).or_insert_with(|| items.clone()), items);
                messages += 1;
                if messages % 100 == 50 {
                    let _ = kill.send(());
                }
                if seen.values().map(Vec::len).sum::<usize>() as u64 == ITEMS {
                    stop.cancel();
                }
                Ok(Vec::<()>::new())
            });
            drop(kill);
            worked.map(|_| seen).unwrap()
        });
        for () in killing {
            server.kill_and_start_again();
        }
        (counting.join().unwrap(), working.join().unwrap().redelivered)
    });
    let mut items: Vec<u64> = seen.into_values().flatten().collect();
    items.sort_unstable();
    assert!(items.iter().copied().eq(0..ITEMS), "{} items, {redelivered} messages again", items.len());
}
