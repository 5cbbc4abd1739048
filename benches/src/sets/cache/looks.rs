//! Tables that are looked into, results that are kept, counters on lines of their own, and a whole pipeline.

use super::{SET, python, rounds};
use crate::bar::Bar;
use crate::contender::{Contender, contender};
use crate::contenders::{looks, ours};
use crate::metric::Metric;
use crate::sets::{Mode, Sizes};
use crate::workload::Workload;

const PROBE: &str = "Looks into a hash table of 256 MiB, half of which find.";
const HITS: &str = "Log-uniform keys up to 100,000: those that a memo with so many entries does not find.";
const WORDS: &str = "A function of some 400 ns over log-uniform keys up to 100,000; 2^16 results are kept.";
const KNOWN: &str =
    "A function of some 400 ns whose results are all known after the first thousand: what a hit costs.";
const UNIFORM: &str =
    "A function of some 400 ns over keys that never come again: what a memo costs that finds nothing.";
const CHEAP: &str = "A function of a few nanoseconds over keys that never come again: what a memo costs where it does not pay.";
const COUNTERS: &str =
    "Two threads, each with a counter of its own: on lines of their own, or next to each other.";
const SCORES: &str = "A pipeline over a column of f32: centred, scaled, bounded, exponentiated, added up.";

pub(super) fn workloads(mode: Mode) -> Vec<Workload> {
    let sized = |name, about, sizes| Workload::new(SET, name, about, mode.of(sizes)).rounds_max(rounds(mode));
    let looks = Sizes { smoke: 10_000, quick: 1_000_000, default: 2_000_000, full: 4_000_000 };
    let column = Sizes { smoke: 1 << 12, quick: 1 << 24, default: 1 << 25, full: 1 << 27 };
    // 16 bytes each: 256 MiB.
    let places = if mode == Mode::Smoke { 1 << 12 } else { 1 << 24 };
    let counts = Sizes { smoke: 20_000, quick: 10_000_000, default: 20_000_000, full: 40_000_000 };
    let mut all = vec![
        sized("hash-probe", PROBE, looks).parameter(places).with(on_probe()).bar(Bar::baseline(2.0)),
        sized("padded-counters", COUNTERS, counts)
            .with([
                contender!("ours", Ours, "ours/looks.rs", ours::looks::counters),
                contender!("side-by-side", Baseline, "looks.rs", looks::counters_shared),
            ])
            .bar(Bar::baseline(1.2)),
        sized("scores", SCORES, column)
            .parameter(mode.of(column))
            .with(on_scores())
            .bar(Bar::Of { name: "one-loop", least: 3.0 }),
    ];
    all.extend(memos(mode));
    all
}

fn memos(mode: Mode) -> [Workload; 6] {
    let keys = Sizes { smoke: 20_000, quick: 2_000_000, default: 4_000_000, full: 8_000_000 };
    let costly = Sizes { smoke: 20_000, quick: 500_000, default: 1_000_000, full: 4_000_000 };
    let cheap = Sizes { smoke: 20_000, quick: 1 << 23, default: 1 << 24, full: 1 << 25 };
    let on = |name, about, sizes, parameter| {
        let workload = Workload::new(SET, name, about, mode.of(sizes)).parameter(parameter);
        workload.rounds_max(rounds(mode))
    };
    let missed = |name, entries| {
        let workload = on(name, HITS, keys, entries).metric(Metric::PercentMissed);
        workload.with([contender!("ours", Ours, "ours/memo.rs", ours::memo::missed)])
    };
    let words = [
        contender!("ours", Ours, "ours/memo.rs", ours::memo::words),
        contender!("mutex-hash-map", Peer, "looks.rs", looks::words_in_map),
        contender!("each-time", Baseline, "looks.rs", looks::words_each_time),
    ];
    let known = [
        contender!("ours", Ours, "ours/memo.rs", ours::memo::known),
        contender!("mutex-hash-map", Peer, "looks.rs", looks::known_in_map),
    ];
    [
        missed("memo-hits-16k", 1 << 14).bar(Bar::AtMost(24.0)),
        missed("memo-hits-64k", 1 << 16).bar(Bar::AtMost(10.0)),
        on("memo-words", WORDS, keys, 100).with(words),
        on("memo-known", KNOWN, keys, 100).with(known).bar(Bar::peers(2.0)),
        on("memo-uniform", UNIFORM, costly, 100).with(on_new()).bar(Bar::limit(0.95)),
        on("memo-cheap", CHEAP, cheap, 2).with(on_new()).bar(Bar::limit(0.95)),
    ]
}

fn on_probe() -> [Contender; 3] {
    [
        contender!("ours", Ours, "ours/looks.rs", ours::looks::probe),
        contender!("hash-map", Peer, "looks.rs", looks::probe_hash_map),
        contender!("plain-loop", Baseline, "looks.rs", looks::probe_loop),
    ]
}

fn on_new() -> [Contender; 3] {
    [
        contender!("ours", Ours, "ours/memo.rs", ours::memo::new),
        contender!("without", Limit, "ours/memo.rs", ours::memo::new_unkept),
        contender!("each-time", Baseline, "looks.rs", looks::new_each_time),
    ]
}

pub(in crate::sets) fn on_scores() -> [Contender; 7] {
    [
        contender!("ours-tiled", Ours, "ours/scores.rs", ours::scores::tiled),
        contender!("ours-parallel", Ours, "ours/scores.rs", ours::scores::tiled_parallel),
        python("numpy", "scores_numpy"),
        python("numba", "scores_numba"),
        python("polars", "scores_polars"),
        contender!("one-loop", Baseline, "looks.rs", looks::scores_loop),
        contender!("step-by-step", Baseline, "looks.rs", looks::scores_step_by_step),
    ]
}
