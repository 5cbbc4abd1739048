//! What workers and sinks promise, over each transport: every item goes through, and is there once.
#![cfg(feature = "transport")]

mod meddled;
#[cfg(feature = "nats")]
mod nats_server;
mod work;

use meddled::{Meddle, meddled};
use pipe_async::{
    Delivery, FrameLimits, LocalTransport, Message, Receipt, StreamSettings, StreamSink, Taken, Transport,
    TransportError, Verdict, Worker, WorkerSettings,
};
use pipe_core::{Cancel, Inline, Sink, Source, from_iter};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::mpsc::{Sender, TryRecvError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use work::{
    FRAMES, PATIENCE, STREAMS, once, out, over_each, over_each_with, plus_one, run, send, settings, worker,
};

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

/// Tells of each mark.
struct Marks(Mutex<Sender<u64>>);

impl Meddle for Marks {
    fn settle(
        &self,
        through: &dyn Transport,
        delivery: &Delivery,
        verdict: Verdict,
    ) -> Result<(), TransportError> {
        if verdict == Verdict::InProgress {
            let _ = self.0.lock().unwrap().send(delivery.sequence);
        }
        through.settle(delivery, verdict)
    }
}

/// What a mark is good for is a law of transports. A busy machine may be late with one here, so that the message comes again, and leaves its results once.
#[test]
fn a_stage_that_takes_longer_than_the_lease_marks_its_message_all_the_while() {
    fn law(transport: Arc<dyn Transport>) {
        send(&transport, 0..10);
        let (marks, has_marked) = channel();
        run(&meddled(&transport, &Arc::new(Marks(Mutex::new(marks)))), |items| {
            if items.attempt() == 1 {
                // Three to a lease: with four of them it is over.
                (0..4).for_each(|_| assert_eq!(has_marked.recv_timeout(PATIENCE), Ok(1)));
            }
            plus_one(items)
        });
        assert_eq!(out(&transport), once(1..11));
    }
    let streams = StreamSettings { lease: Duration::from_millis(150), ..STREAMS };
    over_each_with(streams, "a_stage_that_takes_longer_than_the_lease", law);
}

/// Writes down what was stored and what was acknowledged.
#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Meddle for Log {
    fn publish(
        &self,
        through: &dyn Transport,
        stream: &str,
        message: Message,
    ) -> Result<Receipt, TransportError> {
        let receipt = through.publish(stream, message)?;
        let (answer, late) = Receipt::pending();
        let published = receipt.wait();
        self.0.lock().unwrap().push(format!("stored in {stream}"));
        answer.give(published);
        Ok(late)
    }

    fn settle(
        &self,
        through: &dyn Transport,
        delivery: &Delivery,
        verdict: Verdict,
    ) -> Result<(), TransportError> {
        if verdict == Verdict::Ack {
            self.0.lock().unwrap().push(format!("acknowledged {}", delivery.stream));
        }
        through.settle(delivery, verdict)
    }
}

#[test]
fn results_are_safe_before_their_message_is_acknowledged() {
    fn law(transport: Arc<dyn Transport>) {
        send(&transport, 0..10);
        let log = Arc::new(Log::default());
        run(&meddled(&transport, &log), |items| {
            let fails = |n| if n == 3 { Err("three") } else { Ok(n) };
            Ok(items.pipeline().try_map(fails).collect().run_on(&Inline)?.value)
        });
        assert_eq!(*log.0.lock().unwrap(), ["stored in in-dead", "stored in out", "acknowledged in"]);
    }
    over_each("results_are_safe_before_their_message_is_acknowledged", law);
}

/// This many acknowledgements are lost. Nothing else would tell of it until the lease ends, so it ends at once.
struct Lossy(AtomicU32);

impl Meddle for Lossy {
    fn settle(
        &self,
        through: &dyn Transport,
        delivery: &Delivery,
        verdict: Verdict,
    ) -> Result<(), TransportError> {
        let is_lost = verdict == Verdict::Ack
            && self.0.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
        through.settle(delivery, if is_lost { Verdict::Retry(Duration::ZERO) } else { verdict })
    }
}

#[test]
fn a_message_that_is_delivered_again_after_its_results_were_stored_leaves_them_once() {
    fn law(transport: Arc<dyn Transport>) {
        send(&transport, 0..100);
        let lossy = Arc::new(Lossy(AtomicU32::new(4)));
        let did = run(&meddled(&transport, &lossy), plus_one);
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

/// Tells of each fetch that brought something.
struct Watched(Mutex<Sender<usize>>);

impl Meddle for Watched {
    fn fetch(
        &self,
        through: &dyn Transport,
        stream: &str,
        most: usize,
        wait: Duration,
    ) -> Result<Vec<Delivery>, TransportError> {
        let fetched = through.fetch(stream, most, wait)?;
        if !fetched.is_empty() {
            let _ = self.0.lock().unwrap().send(fetched.len());
        }
        Ok(fetched)
    }
}

#[test]
fn the_next_messages_are_fetched_during_the_work_and_given_back_when_it_stops() {
    fn law(transport: Arc<dyn Transport>) {
        send(&transport, 0..50);
        let (fetched, has_fetched) = channel();
        let watched = meddled(&transport, &Arc::new(Watched(Mutex::new(fetched))));
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

#[test]
fn a_worker_that_is_at_a_slow_message_keeps_no_more_than_the_next_one_from_another() {
    fn law(transport: Arc<dyn Transport>) {
        send(&transport, 0..1_000);
        let (slow, quick) = (worker(&transport), worker(&transport));
        let is_enough = Cancel::new();
        let ((begun, has_begun), (done, is_done)) = (channel(), channel());
        std::thread::scope(|scope| {
            let slow = scope.spawn(move || {
                let stop = Cancel::new();
                let at_one = |items: Taken<u64>| {
                    begun.send(()).unwrap();
                    // Until the other one has done all but two.
                    is_done.recv_timeout(PATIENCE).unwrap();
                    stop.cancel();
                    plus_one(items)
                };
                slow.run(&stop, at_one).unwrap()
            });
            has_begun.recv_timeout(PATIENCE).unwrap();
            let mut messages = 0;
            let others = quick.run(&is_enough, |items: Taken<u64>| {
                messages += 1;
                if messages == 98 {
                    is_enough.cancel();
                    done.send(()).unwrap();
                }
                plus_one(items)
            });
            assert_eq!((others.unwrap().messages, slow.join().unwrap().messages), (98, 1));
        });
    }
    over_each("a_worker_that_is_at_a_slow_message", law);
}
