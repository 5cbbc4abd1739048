//! For how long nothing comes after a death, on request: a worker's against its lease, a server's against a program by hand.
#![cfg(feature = "nats")]

mod nats_server;

use async_nats::jetstream::{self, consumer::pull, stream};
use futures_util::StreamExt;
use nats_server::NatsServer;
use pipe_async::{Message, Nats, NatsOptions, StreamSettings, Transport, Verdict};
use pipe_core::Cancel;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

const STREAMS: StreamSettings = StreamSettings {
    lease: Duration::from_secs(2),
    max_bytes: 64 << 20,
    max_on_loan: 1_000,
    duplicate_window: Duration::from_secs(300),
    patience: Duration::from_secs(60),
    in_flight: 16,
};

/// What is allowed beyond the lease, or beyond the gap of the program by hand.
const MORE: Duration = Duration::from_secs(1);

fn connect(server: &NatsServer) -> Nats {
    Nats::connect(&NatsOptions::new([server.url.clone()]), STREAMS).unwrap()
}

fn message(n: u64) -> Message {
    Message { id: format!("m{n}"), payload: n.to_le_bytes().to_vec() }
}

#[test]
#[ignore = "measures times: cargo test -p pipe-async --features nats --test gaps -- --ignored --nocapture"]
fn what_a_dead_worker_had_comes_within_its_lease_and_a_second() {
    let Some(server) = NatsServer::start("what_a_dead_worker_had_comes") else { return };
    let lives = connect(&server);
    let mut gaps: Vec<Duration> = (0..5)
        .map(|n| {
            lives.publish("a", message(n)).unwrap().wait().unwrap();
            let dies = connect(&server);
            assert_eq!(dies.fetch("a", 1, STREAMS.patience).unwrap().len(), 1);
            let died = Instant::now();
            drop(dies);
            let again = lives.fetch("a", 1, STREAMS.patience).unwrap().remove(0);
            let gap = died.elapsed();
            assert_eq!(again.attempt, 2);
            lives.settle(&again, Verdict::Ack).unwrap();
            gap
        })
        .collect();
    gaps.sort_unstable();
    println!("after a worker's death, with a lease of {:?}: {gaps:?}", STREAMS.lease);
    assert!(gaps[4] <= STREAMS.lease + MORE);
}

/// The longest time between two messages that went there and back.
#[derive(Default)]
struct Longest {
    last: Option<Instant>,
    gap: Duration,
}

impl Longest {
    fn one_more(&mut self, all: &AtomicU64) {
        let now = Instant::now();
        self.gap = self.gap.max(self.last.map_or(Duration::ZERO, |last| now - last));
        self.last = Some(now);
        all.fetch_add(1, SeqCst);
    }
}

fn ours(nats: &Nats, stop: &Cancel, all: &AtomicU64) -> Duration {
    let (mut longest, mut n) = (Longest::default(), 0);
    while !stop.is_cancelled() {
        nats.publish("ours", message(n)).unwrap().wait().unwrap();
        for delivery in nats.fetch("ours", 16, STREAMS.lease).unwrap() {
            nats.settle(&delivery, Verdict::Ack).unwrap();
            longest.one_more(all);
        }
        n += 1;
    }
    longest.gap
}

/// Tries again every 50 ms, whatever goes wrong.
async fn by_hand(url: &str, stop: &Cancel, all: &AtomicU64) -> Duration {
    let context = jetstream::new(async_nats::connect(url).await.unwrap());
    let config = stream::Config {
        name: "hand".to_owned(),
        retention: stream::RetentionPolicy::WorkQueue,
        ..stream::Config::default()
    };
    let stream = context.create_stream(config).await.unwrap();
    let config = pull::Config { durable_name: Some("workers".to_owned()), ..pull::Config::default() };
    let consumer = stream.create_consumer(config).await.unwrap();
    let (mut longest, mut n) = (Longest::default(), 0u64);
    while !stop.is_cancelled() {
        let sent = match context.publish("hand", n.to_le_bytes().to_vec().into()).await {
            Ok(sent) => sent.await.is_ok(),
            Err(_) => false,
        };
        if let Ok(mut messages) = consumer.fetch().max_messages(16).messages().await {
            // An answer that is lost with its server never comes.
            let second = Duration::from_secs(1);
            while let Ok(Some(Ok(message))) = tokio::time::timeout(second, messages.next()).await {
                if message.ack().await.is_ok() {
                    longest.one_more(all);
                }
            }
        }
        if !sent {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        n += 1;
    }
    longest.gap
}

/// Dropped by a panic, it ends the others.
struct StopsAll<'s>(&'s Cancel);

impl Drop for StopsAll<'_> {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[test]
#[ignore = "measures times: cargo test -p pipe-async --features nats --test gaps -- --ignored --nocapture"]
fn after_a_servers_death_the_gap_is_that_of_a_program_by_hand_and_a_second_at_most() {
    let Some(mut server) = NatsServer::start("after_a_servers_death_the_gap") else { return };
    let (url, nats, stop) = (server.url.clone(), connect(&server), Cancel::new());
    let (of_ours, of_hand) = (AtomicU64::new(0), AtomicU64::new(0));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (ours, hand) = std::thread::scope(|scope| {
        let ours = scope.spawn(|| ours(&nats, &stop, &of_ours));
        let hand = scope.spawn(|| runtime.block_on(by_hand(&url, &stop, &of_hand)));
        // What goes on is waited for, and nothing else happens meanwhile.
        let both_do_more = || {
            let (ours, hand) = (of_ours.load(SeqCst) + 100, of_hand.load(SeqCst) + 100);
            let (began, give_up) = (Instant::now(), StopsAll(&stop));
            while of_ours.load(SeqCst) < ours || of_hand.load(SeqCst) < hand {
                assert!(
                    began.elapsed() < STREAMS.patience,
                    "they do not go on: {} of ours, {} by hand",
                    of_ours.load(SeqCst),
                    of_hand.load(SeqCst)
                );
                std::thread::sleep(Duration::from_millis(10));
            }
            std::mem::forget(give_up);
        };
        for _ in 0..3 {
            both_do_more();
            server.kill_and_start_again();
        }
        both_do_more();
        stop.cancel();
        (ours.join().unwrap(), hand.join().unwrap())
    });
    println!("after three deaths of a server: {ours:?} at most, by hand {hand:?}");
    assert!(ours <= hand + MORE);
}
