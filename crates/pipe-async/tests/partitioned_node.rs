//! Three servers with three replicas of each stream, each cut off from the others in turn and joined again: a ledger of what came out.
#![cfg(all(feature = "nats", target_os = "linux"))]

mod apart;
mod nats_server;

use pipe_async::{FrameLimits, Nats, NatsOptions, StreamSettings, StreamSink, Taken, Worker, WorkerSettings};
use pipe_core::{Cancel, Inline, from_iter};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

/// `PIPE_NODES_ITEMS` says another number.
const ITEMS: u64 = 120_000;

/// So long a node is away at most; who is connected to it may have nothing to do meanwhile.
const AWAY: Duration = Duration::from_secs(12);

const STREAMS: StreamSettings = StreamSettings {
    lease: Duration::from_secs(3),
    max_bytes: 64 << 20,
    max_on_loan: 1_000,
    duplicate_window: Duration::from_secs(900),
    patience: Duration::from_secs(300),
    in_flight: 64,
};

/// The sink knows ids, as one does that writes them with its rows. What it sees twice is counted, and printed.
#[test]
#[ignore = "a network of its own and some minutes: cargo test -p pipe-async --features nats --test partitioned_node -- --ignored --nocapture"]
fn each_of_three_nodes_is_cut_off_and_joined_again_and_no_item_is_lost_or_twice_in_a_sink_that_knows_ids() {
    if !apart::is_inside(
        "each_of_three_nodes_is_cut_off_and_joined_again_and_no_item_is_lost_or_twice_in_a_sink_that_knows_ids",
    ) {
        return;
    }
    let Some(nodes) = apart::three_nodes() else { return };
    let urls: Vec<String> = nodes.iter().map(|node| node.url.clone()).collect();
    let connect = || {
        let options = NatsOptions::new(urls.clone()).plaintext_over_the_network().replicas(3);
        Arc::new(Nats::connect(&options, STREAMS).unwrap())
    };
    let items = std::env::var("PIPE_NODES_ITEMS").map_or(ITEMS, |items| items.parse().unwrap());
    let (source, worker, ledger) = (connect(), connect(), connect());
    let limits = FrameLimits { items: 100, linger: None, ..FrameLimits::default() };
    let settings = WorkerSettings { limits, fetch: 16, max_attempts: 1_000, ..WorkerSettings::default() };
    // Told of each message that is new; it ends with the last.
    let (stop, (new, news)) = (Cancel::new(), channel());
    let (rows, again) = std::thread::scope(|scope| {
        scope.spawn(move || {
            let sink = StreamSink::new(source, "in", "test", limits).unwrap();
            from_iter(0..items).to(sink).run_on(&Inline).unwrap();
        });
        let stopped = stop.clone();
        scope.spawn(move || {
            let worker = Worker::new(worker, "square", "in", settings).unwrap().into_stream("out").unwrap();
            let square = |items: Taken<u64>| Ok(items.map(|n| (n, n * n)).collect::<Vec<_>>());
            worker.run(&stopped, square).unwrap();
        });
        let counting = scope.spawn(|| {
            let (mut rows, mut again) = (BTreeMap::<String, Vec<u64>>::new(), 0);
            let counter = Worker::new(ledger, "ledger", "out", settings).unwrap();
            let new = new;
            let counted = counter.run(&stop, |results: Taken<(u64, u64)>| {
                let id = results.id().to_owned();
                let results: Vec<u64> = results.map(|(n, _)| n).collect();
                match rows.get(&id) {
                    Some(before) => {
                        assert_eq!(*before, results, "one id, two contents");
                        again += 1;
                    }
                    None => {
                        rows.insert(id, results);
                        let _ = new.send(());
                    }
                }
                if rows.len() as u64 == items / 100 {
                    stop.cancel();
                }
                Ok(Vec::<()>::new())
            });
            counted.unwrap();
            (rows, again)
        });
        for node in &nodes {
            let quarter = (items / 100 / 4) as usize;
            let comes = news.iter().take(quarter).count() == quarter;
            assert!(comes, "it ended before each node was cut off");
            node.cut_off();
            // It is over when the others have gone on without it, or its time is.
            let gone = (0..quarter / 4).take_while(|_| news.recv_timeout(AWAY).is_ok()).count();
            node.join_again();
            println!("{}: {gone} messages came while it was cut off", node.url);
        }
        counting.join().unwrap()
    });
    let mut rows: Vec<u64> = rows.into_values().flatten().collect();
    rows.sort_unstable();
    assert!(rows.iter().copied().eq(0..items), "{} rows of {items}", rows.len());
    println!("{items} items, three nodes cut off, {again} messages again");
}
