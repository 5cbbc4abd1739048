//! Items from an opaque iterator, work of a known cost on all cores, one serial sink.

use super::{SET, items};
use crate::bar::Bar;
use crate::contender::{Contender, contender};
use crate::contenders::{crossbeam, hand, ours, pariter, rayon};
use crate::sets::Mode;
use crate::tasks::costed::ROUNDS;
use crate::workload::Workload;

/// Name and sentence of the workloads with outputs in order, in the order of [`ROUNDS`].
const ORDERED: [(&str, &str); 5] = [
    ("ordered-0ns", "No work at all: what moving items costs, and whether the executor notices."),
    ("ordered-10ns", "10 ns of work an item, outputs in order."),
    ("ordered-100ns", "100 ns of work an item, outputs in order."),
    ("ordered-1us", "1 us of work an item, outputs in order."),
    ("ordered-10us", "10 us of work an item, outputs in order."),
];
/// The same with outputs in any order, in the order of the first of [`ROUNDS`].
const UNORDERED: [(&str, &str); 3] = [
    ("unordered-0ns", "No work at all, outputs in any order."),
    ("unordered-10ns", "10 ns of work an item, outputs in any order."),
    ("unordered-100ns", "100 ns of work an item, outputs in any order."),
];

/// What is to be reached in order: against the loop where nothing parallel pays, against the best peer elsewhere.
const BARS: [Bar; 5] =
    [Bar::baseline(0.95), Bar::peers(1.25), Bar::peers(1.08), Bar::peers(1.0), Bar::peers(1.0)];

pub(crate) fn workloads(mode: Mode) -> Vec<Workload> {
    let workload = |(name, about): (&'static str, &'static str), (nanoseconds, rounds): (u64, u64)| {
        Workload::new(SET, name, about, items(mode, nanoseconds)).parameter(rounds)
    };
    let in_order = ORDERED.into_iter().zip(ROUNDS).zip(BARS).map(|((name, cost), bar)| {
        let workload = workload(name, cost).with(ordered()).bar(bar);
        if cost.0 < 1_000 { workload } else { workload.bar(Bar::cpu_of_baseline(1.02)) }
    });
    let in_any = UNORDERED.into_iter().zip(ROUNDS);
    let in_any = in_any.map(|(name, cost)| workload(name, cost).with(unordered()).bar(Bar::peers(1.05)));
    in_order.chain(in_any).collect()
}

fn ordered() -> [Contender; 6] {
    [
        contender!("ours", Ours, "ours/ordered.rs", ours::ordered::parallel),
        contender!("rayon-par-bridge-chunked", Peer, "rayon.rs", rayon::par_bridge_ordered),
        contender!("rayon-batches", Peer, "rayon.rs", rayon::batches_ordered),
        contender!("crossbeam-pool-chunked", Peer, "crossbeam.rs", crossbeam::pool_ordered),
        contender!("pariter-chunked", Peer, "pariter.rs", pariter::chunked),
        contender!("loop", Baseline, "hand.rs", hand::ordered),
    ]
}

fn unordered() -> [Contender; 5] {
    [
        contender!("ours", Ours, "ours/ordered.rs", ours::ordered::parallel_unordered),
        contender!("rayon-par-bridge-chunked", Peer, "rayon.rs", rayon::par_bridge_unordered),
        contender!("rayon-batches", Peer, "rayon.rs", rayon::batches_unordered),
        contender!("crossbeam-pool-chunked", Peer, "crossbeam.rs", crossbeam::pool_unordered),
        contender!("loop", Baseline, "hand.rs", hand::unordered),
    ]
}
