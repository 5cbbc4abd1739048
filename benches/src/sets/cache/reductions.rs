//! Many numbers become one: in the second level of the cache, and beyond all of them.

use super::{BEYOND, CACHED, on, parallel, python, unless_quick};
use crate::bar::Bar;
use crate::contender::{Contender, Workers, contender};
use crate::contenders::{numeric, ours};
use crate::sets::Mode;
use crate::workload::Workload;

const SUM: &str = "The sum of a buffer of f32.";
const DOT: &str = "The scalar product of two buffers of f32.";
const RANGE: &str = "The least and the greatest of a buffer of f32.";

pub(super) fn workloads(mode: Mode) -> Vec<Workload> {
    let cached = |workload: Workload| workload.bar(Bar::baseline(3.0)).bar(Bar::peers(1.5));
    let in_polars = |function| unless_quick(mode, [python("polars", function)]);
    let mut all = vec![
        cached(on(mode, "sum-256k", SUM, CACHED).with(on_sum()).with(of_sum()).with(in_polars("sum_polars"))),
        cached(on(mode, "dot-256k", DOT, CACHED).with(on_dot()).with(of_dot())),
        cached(
            on(mode, "min-max-256k", RANGE, CACHED)
                .with(on_range())
                .with(of_range())
                .with(in_polars("range_polars")),
        ),
    ];
    let sum = on(mode, "sum-512m", SUM, BEYOND).with(on_sum()).bar(Bar::limit(0.95));
    if mode == Mode::Quick {
        all.push(sum.without(&["ndarray", "plain-loop"]));
    } else {
        all.push(sum.with(of_sum()).with([parallel("sum_numba_parallel")]));
        let dot = on(mode, "dot-512m", DOT, BEYOND).with(on_dot()).with(of_dot());
        all.push(dot.with([parallel("dot_numba_parallel")]).bar(Bar::limit(0.95)));
        let range = on(mode, "min-max-512m", RANGE, BEYOND).with(on_range()).with(of_range());
        all.push(range.bar(Bar::limit(0.95)));
    }
    all
}

fn of_sum() -> [Contender; 2] {
    [python("numpy", "sum_numpy"), python("numba", "sum_numba")]
}

fn of_dot() -> [Contender; 2] {
    [python("numpy", "dot_numpy"), python("numba", "dot_numba")]
}

fn of_range() -> [Contender; 2] {
    [python("numpy", "range_numpy"), python("numba", "range_numba")]
}

fn on_one<const N: usize>(contenders: [Contender; N]) -> [Contender; N] {
    contenders.map(|contender| contender.workers(Workers::Exactly(1)))
}

fn on_sum() -> [Contender; 5] {
    on_one([
        contender!("ours", Ours, "ours/reductions.rs", ours::reductions::sum),
        contender!("native-loop", Peer, "numeric.rs", numeric::sum_native),
        contender!("ndarray", Peer, "numeric.rs", numeric::sum_ndarray),
        contender!("plain-loop", Baseline, "numeric.rs", numeric::sum),
        contender!("copy", Limit, "numeric.rs", numeric::sum_copied),
    ])
}

fn on_dot() -> [Contender; 5] {
    on_one([
        contender!("ours", Ours, "ours/reductions.rs", ours::reductions::dot),
        contender!("native-loop", Peer, "numeric.rs", numeric::dot_native),
        contender!("ndarray", Peer, "numeric.rs", numeric::dot_ndarray),
        contender!("plain-loop", Baseline, "numeric.rs", numeric::dot),
        contender!("copy", Limit, "numeric.rs", numeric::dot_copied),
    ])
}

fn on_range() -> [Contender; 4] {
    on_one([
        contender!("ours", Ours, "ours/reductions.rs", ours::reductions::range),
        contender!("native-loop", Peer, "numeric.rs", numeric::range_native),
        contender!("plain-loop", Baseline, "numeric.rs", numeric::range),
        contender!("copy", Limit, "numeric.rs", numeric::range_copied),
    ])
}
