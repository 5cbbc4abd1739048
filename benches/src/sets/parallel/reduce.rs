//! Sums without a sink, over what can be split and over what cannot.

use super::{SET, items};
use crate::bar::Bar;
use crate::contender::{Contender, contender};
use crate::contenders::{orx, ours, paralight, reduce};
use crate::sets::Mode;
use crate::tasks::costed::ROUNDS;
use crate::workload::Workload;

const RANGE: &str = "The sum over a range, of which every executor can take any part.";
const SLICE: &str = "The sum over a slice, of which every executor can take any part.";
const ITERATOR: &str = "The sum over an iterator that hides its length and cannot be split.";

pub(crate) fn workloads(mode: Mode) -> Vec<Workload> {
    let [none, ten, ..] = ROUNDS;
    let workload = |name, about, (nanoseconds, rounds)| {
        Workload::new(SET, name, about, items(mode, nanoseconds)).parameter(rounds)
    };
    vec![
        workload("reduce-range-0ns", RANGE, none).with(over_range()).bar(Bar::peers(1.0)),
        workload("reduce-range-10ns", RANGE, ten).with(over_range()).bar(Bar::peers(1.0)),
        workload("reduce-slice-0ns", SLICE, none).with(over_slice()).bar(Bar::peers(1.0)),
        workload("reduce-slice-10ns", SLICE, ten).with(over_slice()).bar(Bar::peers(1.0)),
        workload("reduce-iterator-0ns", ITERATOR, none).with(over_iterator()).bar(Bar::peers(1.15)),
        workload("reduce-iterator-10ns", ITERATOR, ten).with(over_iterator()).bar(Bar::peers(1.15)),
    ]
}

fn over_range() -> [Contender; 6] {
    [
        contender!("ours", Ours, "ours/reduce.rs", ours::reduce::range),
        contender!("rayon-range", Peer, "reduce.rs", reduce::rayon_range),
        contender!("orx-range", Peer, "orx.rs", orx::reduce_range),
        contender!("paralight-range", Peer, "paralight.rs", paralight::reduce_range),
        contender!("counter-chunked", Peer, "reduce.rs", reduce::counter),
        contender!("loop", Baseline, "reduce.rs", reduce::range_loop),
    ]
}

fn over_slice() -> [Contender; 6] {
    [
        contender!("ours", Ours, "ours/reduce.rs", ours::reduce::slice),
        contender!("ours-by-index", Ours, "ours/reduce.rs", ours::reduce::slice_by_index),
        contender!("rayon-slice", Peer, "reduce.rs", reduce::rayon_slice),
        contender!("orx-slice", Peer, "orx.rs", orx::reduce_slice),
        contender!("paralight-slice", Peer, "paralight.rs", paralight::reduce_slice),
        contender!("loop", Baseline, "reduce.rs", reduce::slice_loop),
    ]
}

fn over_iterator() -> [Contender; 5] {
    [
        contender!("ours", Ours, "ours/reduce.rs", ours::reduce::iterator),
        contender!("rayon-par-bridge-chunked", Peer, "reduce.rs", reduce::rayon_bridge),
        contender!("crossbeam-pool-chunked", Peer, "reduce.rs", reduce::crossbeam),
        contender!("orx-iterator", Peer, "orx.rs", orx::reduce_iterator),
        contender!("loop", Baseline, "reduce.rs", reduce::iterator_loop),
    ]
}
