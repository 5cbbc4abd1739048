//! What becomes of what fails, over each transport: a letter that names its item, while the others go on.
#![cfg(feature = "transport")]

mod meddled;
#[cfg(feature = "nats")]
mod nats_server;
mod work;

use meddled::{Meddle, meddled};
use pipe_async::{
    Letter, LocalTransport, Message, Receipt, StreamSink, Taken, Transport, TransportError, Verdict, Worker,
    replay,
};
use pipe_core::{Cancel, Inline, RunError, Source};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::Duration;
use work::{FRAMES, Loans, PATIENCE, STREAMS, once, out, over_each, plus_one, run, send, settings, worker};

/// The letters, which stay.
fn letters(transport: &Arc<dyn Transport>) -> Vec<Letter> {
    let fetched = transport.fetch("in-dead", 10, PATIENCE).unwrap();
    let mut letters: Vec<_> = fetched.iter().map(|delivery| Letter::read(delivery).unwrap()).collect();
    fetched.iter().for_each(|delivery| transport.settle(delivery, Verdict::Retry(Duration::ZERO)).unwrap());
    letters.sort_by(|a, b| (&a.id, a.index).cmp(&(&b.id, b.index)));
    letters
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
        let loans = Arc::new(Loans::default());
        let lent = meddled(&transport, &loans);
        let did = loop {
            match catch_unwind(AssertUnwindSafe(|| run(&lent, dies))) {
                Ok(did) => break did,
                Err(_) => deaths += 1,
            }
            assert!(deaths < 20, "it goes on for ever");
            loans.end(&transport);
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

/// Its worker ends when it is to send the message of this number, from 0, into a stream.
struct Ends {
    stream: &'static str,
    at: u32,
    seen: AtomicU32,
}

impl Ends {
    fn at(stream: &'static str, at: u32) -> Arc<Self> {
        Arc::new(Ends { stream, at, seen: AtomicU32::new(0) })
    }
}

impl Meddle for Ends {
    fn publish(
        &self,
        through: &dyn Transport,
        stream: &str,
        message: Message,
    ) -> Result<Receipt, TransportError> {
        if stream == self.stream && self.seen.fetch_add(1, SeqCst) == self.at {
            return Err(TransportError::Closed);
        }
        through.publish(stream, message)
    }
}

#[test]
fn an_item_is_not_lost_if_it_fails_at_the_last_attempt_its_worker_ends_and_then_it_succeeds() {
    fn law(transport: Arc<dyn Transport>) {
        send(&transport, 0..10);
        let loans = Arc::new(Loans::default());
        let ends = meddled(&meddled(&transport, &loans), &Ends::at("in-dead", 0));
        let is_bad = AtomicBool::new(true);
        let stage = |items: Taken<u64>| {
            let fails = |n| if n == 3 && is_bad.load(SeqCst) { Err("not now") } else { Ok(n) };
            Ok(items.pipeline().try_map(fails).collect().run_on(&Inline)?.value)
        };
        let ended = worker(&ends).run(&Cancel::new(), stage).unwrap_err();
        assert!(matches!(ended, TransportError::Closed), "{ended}");
        is_bad.store(false, SeqCst);
        loans.end(&transport);
        run(&ends, stage);
        assert_eq!(out(&transport), once(0..10));
    }
    over_each("an_item_is_not_lost_if_it_fails_at_the_last_attempt", law);
}

#[test]
fn outputs_made_without_an_item_do_not_pass_for_those_made_with_it() {
    fn law(transport: Arc<dyn Transport>) {
        send(&transport, 0..10);
        let loans = Arc::new(Loans::default());
        let ends = meddled(&meddled(&transport, &loans), &Ends::at("out", 1));
        let is_bad = AtomicBool::new(false);
        // Two frames of ten. Without an item the second begins with a later one, and the first holds what had been in the second.
        let stage = |items: Taken<u64>| {
            let fails = |n| if n == 3 && is_bad.load(SeqCst) { Err("not now") } else { Ok(n) };
            let pipeline = items.pipeline().try_map(fails).flat_map(|n| [n, n + 100]);
            Ok(pipeline.collect().run_on(&Inline)?.value)
        };
        worker(&ends).run(&Cancel::new(), stage).unwrap_err();
        is_bad.store(true, SeqCst);
        loans.end(&transport);
        assert_eq!(run(&ends, stage).letters, 1);
        let out = out(&transport);
        let missing: Vec<u64> = (0..10).flat_map(|n| [n, n + 100]).filter(|n| !out.contains_key(n)).collect();
        assert!(missing.is_empty(), "{missing:?} are neither output nor letter");
    }
    over_each("outputs_made_without_an_item_do_not_pass_for_those_made_with_it", law);
}

/// Takes no message for a stream that is larger than this.
struct Narrow {
    stream: &'static str,
    limit: usize,
}

impl Meddle for Narrow {
    fn publish(
        &self,
        through: &dyn Transport,
        stream: &str,
        message: Message,
    ) -> Result<Receipt, TransportError> {
        let (bytes, limit) = (message.payload.len() + message.id.len(), self.limit);
        if stream == self.stream && bytes > limit {
            return Err(TransportError::TooLarge { stream: stream.to_owned(), bytes, limit });
        }
        through.publish(stream, message)
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
        let narrow = Arc::new(Narrow { stream: "in-dead", limit: 2 << 10 });
        let did = run(&meddled(&transport, &narrow), plus_one);
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
        let narrow = Arc::new(Narrow { stream: "out", limit: 100 });
        let did = run(&meddled(&transport, &narrow), |items| {
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
