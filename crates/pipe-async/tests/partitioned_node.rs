//! Three servers with three replicas of each stream, each cut off from the others in turn and joined again: a ledger of what came out.
#![cfg(all(feature = "nats", target_os = "linux"))]

mod apart;
mod ledger;
mod nats_server;

use pipe_async::{Nats, NatsOptions, StreamSettings};
use std::sync::Arc;
use std::time::Duration;

/// This long a node is away at most; who is connected to it may have nothing to do meanwhile.
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
    let items = ledger::items();
    let quarter = (items / ledger::MESSAGE / 4) as usize;
    let again = ledger::kept(items, connect, |news| {
        for node in &nodes {
            assert_eq!(news.iter().take(quarter).count(), quarter, "it ended before each node was cut off");
            node.cut_off();
            // It is over when the others have gone on without it, or its time is.
            let gone = (0..quarter / 4).take_while(|_| news.recv_timeout(AWAY).is_ok()).count();
            node.join_again();
            println!("{}: {gone} messages came while it was cut off", node.url);
        }
    });
    println!("{items} items, three nodes cut off, {again} messages again");
}
