//! `parallel`: items from an opaque iterator, work of a known cost on all cores, one serial sink.

use super::{Mode, Sizes};
use crate::contender::{Contender, Metric, Workload, contender};
use crate::contenders::{crossbeam, hand, ours, pariter, rayon};
use crate::tasks::costed::ROUNDS;

const SET: &str = "parallel";

/// Name and sentence of the workloads with outputs in order, in the order of [`ROUNDS`].
const ORDERED: [(&str, &str); 5] = [
    ("ordered-0ns", "No work at all: what moving items costs, and whether the executor notices."),
    ("ordered-10ns", "10 ns of work an item, outputs in order."),
    ("ordered-100ns", "100 ns of work an item, outputs in order."),
    ("ordered-1us", "1 us of work an item, outputs in order."),
    ("ordered-10us", "10 us of work an item, outputs in order."),
];
const PANIC: &str =
    "A stage panics a quarter into its items: the time from there to the error. The bar is 10 ms.";
const UNORDERED: (&str, &str) = ("unordered-100ns", "100 ns of work an item, outputs in any order.");

pub(crate) fn workloads(mode: Mode) -> Vec<Workload> {
    let workload = |(name, about): (&'static str, &'static str), (nanoseconds, rounds): (u64, u64)| {
        Workload::new(SET, name, about, items(mode, nanoseconds)).parameter(rounds)
    };
    let in_order = ORDERED.into_iter().zip(ROUNDS).map(|(name, cost)| workload(name, cost).with(ordered()));
    in_order.chain([workload(UNORDERED, ROUNDS[2]).with(unordered()), panic_returns(mode)]).collect()
}

fn panic_returns(mode: Mode) -> Workload {
    let items = mode.of(Sizes { smoke: 20_000, quick: 4_000_000, default: 10_000_000, full: 10_000_000 });
    Workload::new(SET, "panic-returns", PANIC, items).metric(Metric::Seconds).with([
        contender!("ours", Ours, "ours/panics.rs", ours::panics::parallel),
        contender!("rayon", Peer, "rayon.rs", rayon::panic_returns),
    ])
}

/// As many as keep one thread busy for a time that scheduling does not blur.
fn items(mode: Mode, nanoseconds: u64) -> u64 {
    let millis = match mode {
        Mode::Smoke => return 20_000 / (nanoseconds / 100 + 1),
        Mode::Quick => 150,
        Mode::Default => 300,
        Mode::Full => 1_000,
    };
    // What a peer takes to move an item; and one of them holds all outputs in memory, which sets a limit as well.
    millis * 1_000_000 / (nanoseconds + 6)
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
