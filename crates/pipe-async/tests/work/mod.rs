//! What laws of workers share: streams, a worker that ends when there is nothing left, and what came out.
#![allow(dead_code, reason = "each test file uses a part")]

use crate::meddled::{Meddle, meddled};
#[cfg(feature = "nats")]
use crate::nats_server;
use pipe_async::{
    Delivery, FrameLimits, LocalTransport, StreamSettings, StreamSink, Taken, Transport, TransportError,
    Verdict, Worked, Worker, WorkerSettings,
};
use pipe_core::{Cancel, Inline, RunError, Source, exponential, from_iter};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Long enough that it is over only if something is wrong.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// No lease ends by itself: see [`Loans`].
pub(crate) const STREAMS: StreamSettings = StreamSettings {
    lease: PATIENCE,
    max_bytes: 8 << 20,
    max_on_loan: 1_000,
    duplicate_window: Duration::from_secs(600),
    patience: PATIENCE,
    in_flight: 16,
};

pub(crate) const FRAMES: FrameLimits =
    FrameLimits { items: 10, target_bytes: 4 << 10, max_bytes: 8 << 10, max_items: 100, linger: None };

pub(crate) fn settings() -> WorkerSettings {
    WorkerSettings {
        max_attempts: 3,
        backoff: exponential(9).first(Duration::from_millis(1)).most(Duration::from_millis(5)),
        idle: Some(PATIENCE),
        limits: FRAMES,
        ..WorkerSettings::default()
    }
}

/// Runs a law over each transport.
pub(crate) fn over_each(name: &str, law: fn(Arc<dyn Transport>)) {
    over_each_with(STREAMS, name, law);
}

pub(crate) fn over_each_with(streams: StreamSettings, name: &str, law: fn(Arc<dyn Transport>)) {
    let _ = name;
    law(Arc::new(LocalTransport::new(streams).unwrap()));
    #[cfg(feature = "nats")]
    if let Some(server) = nats_server::NatsServer::start(name) {
        let options = pipe_async::NatsOptions::new([server.url.clone()]);
        law(Arc::new(pipe_async::Nats::connect(&options, streams).unwrap()));
    }
}

pub(crate) fn send(transport: &Arc<dyn Transport>, items: std::ops::Range<u64>) {
    let sink = StreamSink::new(Arc::new(transport.clone()), "in", "test", FRAMES).unwrap();
    from_iter(items).to(sink).run_on(&Inline).unwrap();
}

pub(crate) fn worker(transport: &Arc<dyn Transport>) -> Worker {
    let worker = Worker::new(Arc::new(transport.clone()), "stage", "in", settings()).unwrap();
    worker.into_stream("out").unwrap()
}

/// Works on the stream until nothing is left of it.
pub(crate) fn run(
    transport: &Arc<dyn Transport>,
    work: impl FnMut(Taken<u64>) -> Result<Vec<u64>, RunError>,
) -> Worked {
    until_empty(transport, "in", worker, work)
}

fn until_empty<In: Serialize + DeserializeOwned, Out: Serialize + DeserializeOwned>(
    transport: &Arc<dyn Transport>,
    stream: &'static str,
    worker: impl FnOnce(&Arc<dyn Transport>) -> Worker,
    work: impl FnMut(Taken<In>) -> Result<Vec<Out>, RunError>,
) -> Worked {
    let stop = Cancel::new();
    let transport = meddled(transport, &Arc::new(UntilEmpty { stream, stop: stop.clone() }));
    worker(&transport).run(&stop, work).unwrap()
}

/// Says stop when nothing is left: as idleness for this long would, and no time is waited.
struct UntilEmpty {
    stream: &'static str,
    stop: Cancel,
}

impl Meddle for UntilEmpty {
    fn fetch(
        &self,
        through: &dyn Transport,
        stream: &str,
        most: usize,
        wait: Duration,
    ) -> Result<Vec<Delivery>, TransportError> {
        let fetched = through.fetch(stream, most, wait.min(Duration::from_millis(20)))?;
        // In this order: messages go from the stream to its suspects.
        let streams = [self.stream.to_owned(), format!("{}-suspect", self.stream)];
        let is_empty = |stream: &String| through.left(stream).map(|left| left == 0);
        if fetched.is_empty() && is_empty(&streams[0])? && is_empty(&streams[1])? {
            self.stop.cancel();
        }
        Ok(fetched)
    }
}

/// Items by how often they are in the stream; empties it.
pub(crate) fn out(transport: &Arc<dyn Transport>) -> BTreeMap<u64, u32> {
    let mut counts = BTreeMap::new();
    let worker = |transport: &Arc<dyn Transport>| {
        Worker::new(Arc::new(transport.clone()), "count", "out", settings()).unwrap()
    };
    let counted = until_empty(transport, "out", worker, |items: Taken<u64>| {
        items.for_each(|item| *counts.entry(item).or_default() += 1);
        Ok(Vec::<()>::new())
    });
    assert_eq!(counted.letters, 0);
    counts
}

pub(crate) fn once(items: impl IntoIterator<Item = u64>) -> BTreeMap<u64, u32> {
    items.into_iter().map(|item| (item, 1)).collect()
}

pub(crate) fn plus_one(items: Taken<u64>) -> Result<Vec<u64>, RunError> {
    Ok(items.pipeline().map(|n| n + 1).collect().run_on(&Inline)?.value)
}

/// What is on loan, so that a test can say when the leases end. To give a message back at once counts as a delivery, as a lease that ends does.
#[derive(Default)]
pub(crate) struct Loans(Mutex<Vec<Delivery>>);

impl Loans {
    /// The leases of all that is on loan end.
    pub(crate) fn end(&self, transport: &Arc<dyn Transport>) {
        let loans = std::mem::take(&mut *self.0.lock().unwrap());
        loans.iter().for_each(|loan| transport.settle(loan, Verdict::Retry(Duration::ZERO)).unwrap());
    }
}

impl Meddle for Loans {
    fn fetch(
        &self,
        through: &dyn Transport,
        stream: &str,
        most: usize,
        wait: Duration,
    ) -> Result<Vec<Delivery>, TransportError> {
        let fetched = through.fetch(stream, most, wait)?;
        self.0.lock().unwrap().extend(fetched.iter().cloned());
        Ok(fetched)
    }

    fn settle(
        &self,
        through: &dyn Transport,
        delivery: &Delivery,
        verdict: Verdict,
    ) -> Result<(), TransportError> {
        if verdict != Verdict::InProgress {
            let is_it = |loan: &Delivery| {
                loan.stream == delivery.stream
                    && (loan.sequence, loan.attempt) == (delivery.sequence, delivery.attempt)
            };
            self.0.lock().unwrap().retain(|loan| !is_it(loan));
        }
        through.settle(delivery, verdict)
    }
}
