//! Three servers with three replicas of each stream, each killed in turn under load: a ledger of what came out.
#![cfg(feature = "nats")]

mod ledger;
mod nats_server;

use nats_server::NatsServer;
use pipe_async::{Nats, NatsOptions, StreamSettings};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

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

/// The sink knows ids, as one does that writes them with its rows. What it sees twice is counted, and printed.
#[test]
#[ignore = "three servers and a minute of a free machine: cargo test -p pipe-async --features nats --test three_nodes -- --ignored"]
fn each_of_three_nodes_is_killed_in_turn_and_no_item_is_lost_or_twice_in_a_sink_that_knows_ids() {
    let Some(mut servers) = cluster("each_of_three_nodes_is_killed_in_turn") else { return };
    let items = ledger::items();
    let quarter = (items / ledger::MESSAGE / 4) as usize;
    let urls: Vec<String> = servers.iter().map(|server| server.url.clone()).collect();
    let connect = || Arc::new(Nats::connect(&NatsOptions::new(urls.clone()).replicas(3), STREAMS).unwrap());
    let again = ledger::kept(items, connect, |news| {
        for server in &mut servers {
            assert_eq!(news.iter().take(quarter).count(), quarter, "it ended before each node was killed");
            server.kill_and_start_again();
        }
    });
    println!("{items} items, three kills, {again} messages again");
}
