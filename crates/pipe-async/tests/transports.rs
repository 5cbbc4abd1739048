//! The laws of a transport, each run over every one there is.
#![cfg(feature = "transport")]

#[cfg(feature = "nats")]
mod nats_server;

use pipe_async::{
    Delivery, LocalTransport, Message, Published, StreamSettings, Transport, TransportError, Verdict,
};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Long enough that it is over only if something is wrong.
const PATIENCE: Duration = Duration::from_secs(20);

const SETTINGS: StreamSettings = StreamSettings {
    lease: Duration::from_millis(400),
    max_bytes: 64 << 10,
    max_on_loan: 50,
    duplicate_window: Duration::from_secs(60),
    patience: PATIENCE,
    in_flight: 16,
};

/// Runs a law over each transport, every time on streams of their own.
fn over_each(law: fn(&dyn Transport), name: &str) {
    over_each_with(SETTINGS, law, name);
}

fn over_each_with(settings: StreamSettings, law: fn(&dyn Transport), name: &str) {
    let _ = name;
    law(&LocalTransport::new(settings).unwrap());
    #[cfg(feature = "nats")]
    if let Some(server) = nats_server::NatsServer::start(name) {
        let options = pipe_async::NatsOptions::new([server.url.clone()]);
        law(&pipe_async::Nats::connect(&options, settings).unwrap());
    }
}

fn message(id: &str, payload: &[u8]) -> Message {
    Message { id: id.to_owned(), payload: payload.to_owned() }
}

fn send(transport: &dyn Transport, stream: &str, id: &str, payload: &[u8]) -> Published {
    transport.publish(stream, message(id, payload)).unwrap().wait().unwrap()
}

/// The next message, which has to come.
fn one(transport: &dyn Transport, stream: &str) -> Delivery {
    let mut fetched = transport.fetch(stream, 1, PATIENCE).unwrap();
    assert_eq!(fetched.len(), 1, "a message of {stream} did not come");
    fetched.remove(0)
}

fn is_empty(transport: &dyn Transport, stream: &str) -> bool {
    transport.fetch(stream, 10, Duration::ZERO).unwrap().is_empty()
}

#[test]
fn what_is_published_is_fetched_once_and_gone_when_acknowledged() {
    fn law(transport: &dyn Transport) {
        let receipts: Vec<_> = (0..200u32)
            .map(|n| transport.publish("a", message(&format!("m{n}"), &n.to_le_bytes())).unwrap())
            .collect();
        for receipt in receipts {
            assert_eq!(receipt.wait().unwrap(), Published::Stored);
        }
        let (mut seen, mut sequences) = (BTreeSet::new(), BTreeSet::new());
        while seen.len() < 200 {
            let fetched = transport.fetch("a", 30, PATIENCE).unwrap();
            assert!(!fetched.is_empty() && fetched.len() <= 30, "{} at once", fetched.len());
            for delivery in fetched {
                let n = u32::from_le_bytes(delivery.message.payload.as_slice().try_into().unwrap());
                assert_eq!((delivery.message.id.as_str(), delivery.attempt), (format!("m{n}").as_str(), 1));
                assert_eq!((&*delivery.stream, delivery.lease), ("a", SETTINGS.lease));
                assert!(seen.insert(n) && sequences.insert(delivery.sequence));
                transport.settle(&delivery, Verdict::Ack).unwrap();
            }
        }
        // Longer than the lease: what was not acknowledged would come again.
        let waited = transport.fetch("a", 1, SETTINGS.lease * 2).unwrap();
        assert!(waited.is_empty(), "{waited:?}");
    }
    over_each(law, "what_is_published_is_fetched_once_and_gone_when_acknowledged");
}

#[test]
fn fetching_waits_for_the_first_message_and_no_longer() {
    fn law(transport: &dyn Transport) {
        assert!(is_empty(transport, "a"));
        std::thread::scope(|scope| {
            let fetching = scope.spawn(|| one(transport, "a"));
            send(transport, "a", "m", b"late");
            assert_eq!(fetching.join().unwrap().message.payload, b"late");
        });
        let started = Instant::now();
        assert!(transport.fetch("b", 5, Duration::from_millis(50)).unwrap().is_empty());
        assert!(started.elapsed() >= Duration::from_millis(45) && started.elapsed() < PATIENCE);
    }
    over_each(law, "fetching_waits_for_the_first_message_and_no_longer");
}

#[test]
fn an_id_that_comes_again_is_a_duplicate_also_after_its_message_is_gone() {
    fn law(transport: &dyn Transport) {
        assert_eq!(send(transport, "a", "m", b"first"), Published::Stored);
        assert_eq!(send(transport, "a", "m", b"again"), Published::Duplicate);
        assert_eq!(send(transport, "b", "m", b"other stream"), Published::Stored);
        let delivery = one(transport, "a");
        assert_eq!(delivery.message.payload, b"first");
        transport.settle(&delivery, Verdict::Ack).unwrap();
        assert_eq!(send(transport, "a", "m", b"once more"), Published::Duplicate);
        assert!(is_empty(transport, "a"));
    }
    over_each(law, "an_id_that_comes_again_is_a_duplicate_also_after_its_message_is_gone");
}

#[test]
fn beyond_the_duplicate_window_an_id_is_a_new_message() {
    fn law(transport: &dyn Transport) {
        send(transport, "a", "m", b"first");
        let first = one(transport, "a");
        transport.settle(&first, Verdict::Ack).unwrap();
        // Until it is forgotten; servers look about once a second.
        let started = Instant::now();
        while send(transport, "a", "m", b"again") == Published::Duplicate {
            assert!(started.elapsed() < PATIENCE);
            assert!(transport.fetch("b", 1, Duration::from_millis(50)).unwrap().is_empty());
        }
        assert!(started.elapsed() > Duration::from_secs(2), "{:?}", started.elapsed());
        assert_eq!(one(transport, "a").message.payload, b"again");
    }
    let lease = Duration::from_millis(100);
    let (patience, duplicate_window) = (Duration::from_millis(2_300), Duration::from_millis(2_500));
    let settings = StreamSettings { lease, patience, duplicate_window, ..SETTINGS };
    over_each_with(settings, law, "beyond_the_duplicate_window_an_id_is_a_new_message");
}

#[test]
fn without_a_word_a_message_comes_again_after_its_lease() {
    fn law(transport: &dyn Transport) {
        send(transport, "a", "m", b"x");
        let mut last = one(transport, "a");
        for attempt in 2..=4 {
            let started = Instant::now();
            let again = one(transport, "a");
            assert_eq!((again.attempt, &again.message), (attempt, &last.message));
            assert!(started.elapsed() > SETTINGS.lease / 2, "{:?}", started.elapsed());
            last = again;
        }
        transport.settle(&last, Verdict::Ack).unwrap();
        assert!(transport.fetch("a", 1, SETTINGS.lease * 2).unwrap().is_empty());
    }
    over_each(law, "without_a_word_a_message_comes_again_after_its_lease");
}

#[test]
fn progress_begins_the_lease_again() {
    fn law(transport: &dyn Transport) {
        send(transport, "a", "m", b"x");
        let delivery = one(transport, "a");
        // Ten times a fifth: two leases, and a busy machine may be late by most of one.
        for _ in 0..10 {
            assert!(transport.fetch("a", 1, delivery.lease / 5).unwrap().is_empty());
            transport.settle(&delivery, Verdict::InProgress).unwrap();
        }
        assert_eq!(one(transport, "a").attempt, 2, "and once it is silent, the lease ends");
    }
    let lease = Duration::from_millis(1_500);
    over_each_with(StreamSettings { lease, ..SETTINGS }, law, "progress_begins_the_lease_again");
}

#[test]
fn a_message_given_back_comes_again_when_it_was_said_and_others_pass() {
    fn law(transport: &dyn Transport) {
        send(transport, "a", "first", b"1");
        send(transport, "a", "second", b"2");
        let first = one(transport, "a");
        assert_eq!(first.message.id, "first");
        let started = Instant::now();
        transport.settle(&first, Verdict::Retry(SETTINGS.lease * 2)).unwrap();
        let second = one(transport, "a");
        assert_eq!(second.message.id, "second");
        transport.settle(&second, Verdict::Ack).unwrap();
        let again = one(transport, "a");
        assert_eq!((again.message.id.as_str(), again.attempt), ("first", 2));
        assert!(started.elapsed() > SETTINGS.lease, "{:?}", started.elapsed());
        transport.settle(&again, Verdict::Retry(Duration::ZERO)).unwrap();
        assert_eq!(one(transport, "a").attempt, 3, "at once");
    }
    over_each(law, "a_message_given_back_comes_again_when_it_was_said_and_others_pass");
}

#[test]
fn an_acknowledgement_after_the_lease_counts() {
    fn law(transport: &dyn Transport) {
        send(transport, "a", "m", b"x");
        let late = one(transport, "a");
        let again = one(transport, "a");
        assert_eq!(again.attempt, 2);
        transport.settle(&late, Verdict::Ack).unwrap();
        assert!(transport.fetch("a", 1, SETTINGS.lease * 2).unwrap().is_empty());
        transport.settle(&again, Verdict::Ack).unwrap();
    }
    over_each(law, "an_acknowledgement_after_the_lease_counts");
}

#[test]
fn no_more_messages_are_on_loan_than_allowed() {
    fn law(transport: &dyn Transport) {
        for n in 0..60 {
            send(transport, "a", &format!("m{n}"), b"x");
        }
        let mut lent = Vec::new();
        while lent.len() < 50 {
            let more = transport.fetch("a", 60, PATIENCE).unwrap();
            assert!(!more.is_empty());
            lent.extend(more);
        }
        assert_eq!(lent.len(), 50);
        assert!(is_empty(transport, "a"));
        transport.settle(&lent[0], Verdict::Ack).unwrap();
        assert_eq!(one(transport, "a").attempt, 1);
    }
    let lease = PATIENCE;
    let settings = StreamSettings { lease, ..SETTINGS };
    over_each_with(settings, law, "no_more_messages_are_on_loan_than_allowed");
}

#[test]
fn a_full_stream_makes_the_publisher_wait_until_there_is_room() {
    fn law(transport: &dyn Transport) {
        let part = vec![7; 20 << 10];
        for n in 0..3 {
            assert_eq!(send(transport, "a", &format!("m{n}"), &part), Published::Stored);
        }
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| send(transport, "a", "m3", &part));
            // Nobody acknowledged: it cannot be there.
            let held = transport.fetch("a", 10, PATIENCE).unwrap();
            assert!(!held.is_empty() && held.len() <= 3);
            assert!(transport.fetch("b", 1, Duration::from_millis(100)).unwrap().is_empty());
            assert!(!waiting.is_finished());
            for delivery in &held {
                transport.settle(delivery, Verdict::Ack).unwrap();
            }
            assert_eq!(waiting.join().unwrap(), Published::Stored);
        });
    }
    over_each(law, "a_full_stream_makes_the_publisher_wait_until_there_is_room");
}

#[test]
fn a_stream_that_stays_full_is_an_error_when_patience_ends_and_what_is_in_it_stays() {
    fn law(transport: &dyn Transport) {
        let part = vec![7; 40 << 10];
        send(transport, "a", "m0", &part);
        let error = transport.publish("a", message("m1", &part)).unwrap().wait().unwrap_err();
        assert!(matches!(&error, TransportError::Full { stream, .. } if stream == "a"), "{error}");
        let there = one(transport, "a");
        assert_eq!(there.message.id, "m0");
        transport.settle(&there, Verdict::Ack).unwrap();
        assert_eq!(send(transport, "a", "m1", &part), Published::Stored, "its id was not spent");
    }
    let settings = StreamSettings { patience: Duration::from_millis(1_500), ..SETTINGS };
    over_each_with(settings, law, "a_stream_that_stays_full_is_an_error_when_patience_ends");
}

#[test]
fn what_no_stream_takes_is_refused_at_once() {
    fn law(transport: &dyn Transport) {
        for name in ["", "a.b", "a b", "a*", ">", "a/b", "\u{e4}", "a\r\nPUB b 1", &"a".repeat(201)] {
            let config = |error| matches!(error, TransportError::Config { field: "stream", .. });
            assert!(config(transport.publish(name, message("m", b"")).unwrap_err()), "{name:?}");
            assert!(config(transport.fetch(name, 1, PATIENCE).unwrap_err()), "{name:?}");
        }
        let error = transport.publish("a", message("m", &vec![0; 2 << 20])).unwrap_err();
        assert!(matches!(error, TransportError::TooLarge { .. }), "{error}");
    }
    over_each(law, "what_no_stream_takes_is_refused_at_once");
}

#[test]
fn several_who_fetch_share_the_messages() {
    fn law(transport: &dyn Transport) {
        for n in 0..100 {
            send(transport, "a", &format!("m{n}"), b"x");
        }
        let take = || {
            let mut ids = Vec::new();
            loop {
                let fetched = transport.fetch("a", 3, Duration::from_millis(200)).unwrap();
                if fetched.is_empty() {
                    return ids;
                }
                for delivery in fetched {
                    transport.settle(&delivery, Verdict::Ack).unwrap();
                    ids.push(delivery.message.id);
                }
            }
        };
        let ids: Vec<String> = std::thread::scope(|scope| {
            let takers = [scope.spawn(take), scope.spawn(take), scope.spawn(take)];
            takers.into_iter().flat_map(|taker| taker.join().unwrap()).collect()
        });
        assert_eq!((ids.len(), ids.iter().collect::<BTreeSet<_>>().len()), (100, 100));
    }
    let lease = PATIENCE;
    let settings = StreamSettings { lease, ..SETTINGS };
    over_each_with(settings, law, "several_who_fetch_share_the_messages");
}

#[test]
fn settings_that_can_do_nothing_are_errors() {
    let zero = Duration::ZERO;
    for (field, settings) in [
        ("lease", StreamSettings { lease: zero, ..SETTINGS }),
        ("max_bytes", StreamSettings { max_bytes: 0, ..SETTINGS }),
        ("max_on_loan", StreamSettings { max_on_loan: 0, ..SETTINGS }),
        ("patience", StreamSettings { patience: zero, ..SETTINGS }),
        ("in_flight", StreamSettings { in_flight: 0, ..SETTINGS }),
        ("duplicate_window", StreamSettings { duplicate_window: SETTINGS.lease, ..SETTINGS }),
        ("duplicate_window", StreamSettings { duplicate_window: PATIENCE, ..SETTINGS }),
        ("lease", StreamSettings { lease: Duration::MAX, ..SETTINGS }),
        ("patience", StreamSettings { patience: Duration::MAX, ..SETTINGS }),
        ("duplicate_window", StreamSettings { duplicate_window: Duration::MAX, ..SETTINGS }),
    ] {
        let error = LocalTransport::new(settings).unwrap_err();
        assert!(matches!(error, TransportError::Config { field: named, .. } if named == field), "{error}");
    }
}

#[test]
fn the_defaults_are_settings() {
    LocalTransport::new(StreamSettings::default()).unwrap();
}

#[test]
fn a_mark_that_comes_after_the_verdict_changes_nothing() {
    let settings = StreamSettings { lease: PATIENCE, ..SETTINGS };
    let transport = LocalTransport::new(settings).unwrap();
    send(&transport, "a", "m", b"x");
    let delivery = one(&transport, "a");
    let soon = Duration::from_millis(20);
    transport.settle(&delivery, Verdict::Retry(soon)).unwrap();
    transport.settle(&delivery, Verdict::InProgress).unwrap();
    let again = transport.fetch("a", 1, soon * 50).unwrap();
    assert_eq!(again.len(), 1, "the mark began a lease that nobody has");
    // Of an earlier loan: another worker has it by now.
    transport.settle(&delivery, Verdict::Retry(Duration::ZERO)).unwrap();
    assert!(is_empty(&transport, "a"));
}

#[test]
fn endless_spans_end_after_a_year_and_do_not_panic() {
    let transport = LocalTransport::new(SETTINGS).unwrap();
    send(&transport, "a", "m", b"x");
    let delivery = transport.fetch("a", 1, Duration::MAX).unwrap().remove(0);
    transport.settle(&delivery, Verdict::Retry(Duration::MAX)).unwrap();
    assert!(is_empty(&transport, "a"));
}

#[test]
fn messages_without_a_payload_fill_a_local_stream_too() {
    let settings = StreamSettings { patience: Duration::from_millis(1), ..SETTINGS };
    let transport = LocalTransport::new(settings).unwrap();
    let full = (0..1_000).find(|n| {
        let published = transport.publish("a", message(&format!("m{n}"), b"")).unwrap().wait();
        matches!(published, Err(TransportError::Full { .. }))
    });
    assert!(full.is_some(), "ids are for free");
}
