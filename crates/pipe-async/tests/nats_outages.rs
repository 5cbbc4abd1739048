//! Servers that go away, and streams that somebody else has made.
#![cfg(feature = "nats")]

mod nats_server;

use async_nats::jetstream::{self, consumer, stream};
use nats_server::NatsServer;
use pipe_async::{
    FrameLimits, Message, Nats, NatsOptions, StreamSettings, StreamSink, Taken, Transport, TransportError,
    Verdict, Worker, WorkerSettings,
};
use pipe_core::{Cancel, Inline, from_iter};
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
    });
    let nats = connect(&server, StreamSettings { patience: Duration::from_secs(20), ..STREAMS });
    for name in ["retention", "discard", "duplicate_window", "max_deliver"] {
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
