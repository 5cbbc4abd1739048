//! Three servers with three replicas of each stream, each killed in turn under load: a ledger of what came out.
#![cfg(feature = "nats")]

mod nats_server;

use nats_server::NatsServer;
use pipe_async::{FrameLimits, Nats, NatsOptions, StreamSettings, StreamSink, Taken, Worker, WorkerSettings};
use pipe_core::{Cancel, Inline, from_iter};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

/// `PIPE_NODES_ITEMS` says another number.
const ITEMS: u64 = 120_000;

const STREAMS: StreamSettings = StreamSettings {
    lease: Duration::from_secs(3),
    max_bytes: 64 << 20,
    max_on_loan: 1_000,
    duplicate_window: Duration::from_secs(600),
    patience: Duration::from_secs(120),
    in_flight: 64,
};

/// Servers that know each other by ports that were free a moment ago.
fn cluster(test: &str) -> Option<Vec<NatsServer>> {
    let free: Vec<_> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let ports: Vec<u16> = free.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
    drop(free);
    let routes: Vec<String> = ports.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
    let start = |(n, port): (usize, &u16)| {
        let routes = routes.join(", ");
        let configuration = format!(
            "server_name: n{n}\ncluster {{ name: three, listen: \"127.0.0.1:{port}\", routes: [{routes}] }}\n"
        );
        NatsServer::start_with(test, &configuration)
    };
    ports.iter().enumerate().map(start).collect()
}

fn connect(servers: &[NatsServer]) -> Arc<Nats> {
    let urls: Vec<String> = servers.iter().map(|server| server.url.clone()).collect();
    Arc::new(Nats::connect(&NatsOptions::new(urls).replicas(3), STREAMS).unwrap())
}

/// The sink knows ids, as one does that writes them with its rows. What it sees twice is counted, and printed.
#[test]
#[ignore = "three servers and a minute of a free machine: cargo test -p pipe-async --features nats --test three_nodes -- --ignored"]
fn each_of_three_nodes_is_killed_in_turn_and_no_item_is_lost_or_twice_in_a_sink_that_knows_ids() {
    let Some(mut servers) = cluster("each_of_three_nodes_is_killed_in_turn") else { return };
    let items = std::env::var("PIPE_NODES_ITEMS").map_or(ITEMS, |items| items.parse().unwrap());
    let (source, worker, ledger) = (connect(&servers), connect(&servers), connect(&servers));
    let limits = FrameLimits { items: 100, linger: None, ..FrameLimits::default() };
    let settings = WorkerSettings { limits, fetch: 16, max_attempts: 1_000, ..WorkerSettings::default() };
    let (stop, (kill, killing)) = (Cancel::new(), channel());
    let (seen, again) = std::thread::scope(|scope| {
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
            let (mut rows, mut again, mut messages) = (BTreeMap::<String, Vec<u64>>::new(), 0, 0);
            let counter = Worker::new(ledger, "ledger", "out", settings).unwrap();
            counter
                .run(&stop, |results: Taken<(u64, u64)>| {
                    let id = results.id().to_owned();
                    let results: Vec<u64> = results.map(|(n, _)| n).collect();
                    match rows.get(&id) {
                        Some(before) => {
                            assert_eq!(*before, results, "one id, two contents");
                            again += 1;
                        }
                        None => drop(rows.insert(id, results)),
                    }
                    messages += 1;
                    if (1..=3).any(|part| messages == part * (items / 100) / 4) {
                        let _ = kill.send(());
                    }
                    if rows.len() as u64 == items / 100 {
                        stop.cancel();
                    }
                    Ok(Vec::<()>::new())
                })
                .unwrap();
            drop(kill);
            (rows, again)
        });
        for (n, ()) in killing.iter().enumerate() {
            servers[n % 3].kill_and_start_again();
        }
        counting.join().unwrap()
    });
    let mut rows: Vec<u64> = seen.into_values().flatten().collect();
    rows.sort_unstable();
    assert!(rows.iter().copied().eq(0..items), "{} rows of {items}", rows.len());
    println!("{items} items, three kills, {again} messages again");
}
