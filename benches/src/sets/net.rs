//! `net`: a job over NATS JetStream, against a program written by hand on the same client, and against a request for each item.
//!
//! Server, source, workers and sink are on this machine, so what is compared is what they cost together. Each part has a connection of
//! its own. Streams are in files; what arrives is acknowledged when its results are stored, in all of them but the requests.

use super::{Mode, Sizes};
use crate::bar::Bar;
use crate::contender::{Contender, Need, Workers, contender};
use crate::contenders::{async_nats, ours};
use crate::tasks::costed::ROUNDS;
use crate::workload::Workload;

const SET: &str = "net";

const BATCHED: &str = "Items of 100 B, many in a message, through a stream, a worker and a stream.";
const LARGE: &str = "Items of 10 KB, ten in a message.";
const SINGLE: &str = "Items of 100 B, each in a message of its own.";
const REQUESTS: &str =
    "Items of 100 B: batches through streams against a request for each, one after the other.";
const COMPUTING: &str = "Items of 10 us of work, a hundred in a message: against one worker.";

pub(crate) fn workloads(mode: Mode) -> Vec<Workload> {
    let thousands = mode.of(Sizes { smoke: 3_000, quick: 500_000, default: 2_000_000, full: 5_000_000 });
    let hundreds = mode.of(Sizes { smoke: 3_000, quick: 300_000, default: 1_000_000, full: 3_000_000 });
    let large = mode.of(Sizes { smoke: 200, quick: 10_000, default: 30_000, full: 60_000 });
    let single = mode.of(Sizes { smoke: 200, quick: 20_000, default: 60_000, full: 200_000 });
    let requests = mode.of(Sizes { smoke: 300, quick: 5_000, default: 20_000, full: 50_000 });
    let costly = mode.of(Sizes { smoke: 300, quick: 50_000, default: 200_000, full: 1_000_000 });
    let workload = |name, about, size| Workload::new(SET, name, about, size);
    let computing = |name, workers| {
        let limit = contender!("one-worker", Limit, "ours/net.rs", ours::net::batches::<100, 100>);
        workload(name, COMPUTING, costly).parameter(ROUNDS[4].1).with(served([
            contender!("ours", Ours, "ours/net.rs", ours::net::batches::<100, 100>)
                .workers(Workers::Exactly(workers)),
            contender!("async-nats", Peer, "async_nats.rs", async_nats::batches::<100, 100>)
                .workers(Workers::Exactly(workers)),
            limit.workers(Workers::Exactly(1)),
        ]))
    };
    vec![
        workload("batched-1000", BATCHED, thousands).bar(Bar::peers(0.95)).with(served([
            one(contender!("ours", Ours, "ours/net.rs", ours::net::batches::<1_000, 100>)),
            one(contender!("async-nats", Peer, "async_nats.rs", async_nats::batches::<1_000, 100>)),
        ])),
        workload("batched-100", BATCHED, hundreds).bar(Bar::peers(0.95)).with(served([
            one(contender!("ours", Ours, "ours/net.rs", ours::net::batches::<100, 100>)),
            one(contender!("async-nats", Peer, "async_nats.rs", async_nats::batches::<100, 100>)),
        ])),
        workload("large-items", LARGE, large).bar(Bar::peers(0.95)).with(served([
            one(contender!("ours", Ours, "ours/net.rs", ours::net::batches::<10, 10_000>)),
            one(contender!("async-nats", Peer, "async_nats.rs", async_nats::batches::<10, 10_000>)),
        ])),
        workload("one-by-one", SINGLE, single).bar(Bar::peers(0.90)).with(served([
            one(contender!("ours", Ours, "ours/net.rs", ours::net::batches::<1, 100>)),
            one(contender!("async-nats", Peer, "async_nats.rs", async_nats::batches::<1, 100>)),
        ])),
        workload("against-requests", REQUESTS, requests).bar(Bar::baseline(10.0)).with(served([
            one(contender!("ours", Ours, "ours/net.rs", ours::net::batches::<1_000, 100>)),
            one(contender!("requests", Baseline, "async_nats.rs", async_nats::requests::<100>)),
        ])),
        // As far as two cores go; with more of them the bar of four workers would be 3.6.
        computing("workers-2", 2).bar(Bar::limit(1.8)),
        computing("workers-4", 4),
    ]
}

fn one(contender: Contender) -> Contender {
    contender.workers(Workers::Exactly(1))
}

fn served<const N: usize>(contenders: [Contender; N]) -> [Contender; N] {
    contenders.map(|contender| contender.needs(Need::NatsServer))
}
