//! `cache`: numeric kernels in the caches and beyond them, tables that are looked into, results that are kept.
//!
//! Kernels are called again and again on one buffer, and the fastest block of calls counts. `copy` moves as many bytes as the kernel has
//! to, and is the limit beyond the caches.

use super::{Mode, Sizes};
use crate::contender::{Contender, Workload, contender};
use crate::contenders::{looks, neighbours, numeric, ours};

const SET: &str = "cache";

const AXPY: &str = "y = a x + y over f32: read two buffers, write one.";
const POLYNOMIAL: &str = "A polynomial of the fifth degree of each f32, in place.";
const CHAIN: &str = "Five operations on each f32, in place: subtract, scale, drop the sign, add, bound.";
const NORMALISE: &str = "Each f32 centred, scaled and bounded, in place.";
const SUM: &str = "The sum of a buffer of f32.";
const DOT: &str = "The scalar product of two buffers of f32.";
const RANGE: &str = "The least and the greatest of a buffer of f32.";
const EXP: &str = "e to the x of each f32; put back before each call, which takes no time.";
const SIGMOID: &str = "1 / (1 + exp(-x)) of each f32; put back before each call, which takes no time.";
const COMPACT: &str =
    "The numbers above zero, every second one at random, closed up. Put back before each call.";
const PROGRAM: &str = "Five operations that are known at run time only, as data, on each f32 in place.";
const FIR: &str = "A filter with 16 taps over f32.";
const AVERAGES: &str = "The mean of each 64 neighbours of a buffer of f32.";
const BLUR: &str = "A blur of 3 by 3 pixels over an image of 256 by 256 f32.";
const HISTOGRAM: &str = "How often each byte occurs.";
const GREY: &str = "The brightness of 65,536 pixels of three bytes.";
const COUNT: &str = "How often a byte occurs, which is one in 256.";
const PROBE: &str = "Looks into a hash table beyond the caches, half of which find.";
const WORDS: &str = "A function of some 400 ns over log-uniform keys up to 100,000; 2^16 results are kept.";
const KNOWN: &str =
    "A function of some 400 ns whose results are all known after the first thousand: what a hit costs.";
const CHEAP: &str = "A function of a few nanoseconds over keys that never come again: what a memo costs where it does not pay.";
const COUNTERS: &str =
    "Two threads, each with a counter of its own: on lines of their own, or next to each other.";
const SCORES: &str = "A pipeline over a column of f32: centred, scaled, bounded, exponentiated, added up.";

const PY: &str = "benches/contenders/python/numeric.py";

/// A buffer, and how many numbers are handled between two looks at the clock.
#[derive(Clone, Copy)]
struct Buffer {
    numbers: u64,
    calls: u64,
}

/// In the nearest cache: where what a call costs shows.
const NEAR: Buffer = Buffer { numbers: 1 << 10, calls: 2_000 };

/// 256 KiB: in the second level.
const CACHED: Buffer = Buffer { numbers: 1 << 16, calls: 50 };

/// One call of a block.
const ONCE: Buffer = Buffer { numbers: 1 << 16, calls: 1 };

pub(crate) fn workloads(mode: Mode) -> Vec<Workload> {
    // 128 MiB, and 512 MiB where bars are judged.
    let beyond = mode.of(Sizes { smoke: 1 << 12, quick: 1 << 25, default: 1 << 25, full: 1 << 27 });
    let beyond = Buffer { numbers: beyond, calls: 1 };
    // 64 MiB.
    let large = Buffer { numbers: beyond.numbers.min(1 << 24), calls: 1 };
    let on = |name, about, buffer: Buffer| {
        let calls = if mode == Mode::Smoke { 1 } else { buffer.calls };
        let workload = Workload::new(SET, name, about, buffer.numbers * calls).parameter(buffer.numbers);
        // The fastest of many blocks hardly varies, and the first ones warm up.
        workload.rounds_max(rounds(mode))
    };
    let mut all = vec![
        on("axpy-256k", AXPY, CACHED).with(on_axpy()),
        on("sum-256k", SUM, CACHED).with(on_sum()),
        on("exp-256k", EXP, ONCE).with(on_exp()),
        on("filter-256k", COMPACT, ONCE).with(on_filter()),
        on("run-time-chain-64m", PROGRAM, large).with(on_program()),
    ];
    all.extend(looked_up(mode));
    if mode == Mode::Quick {
        return all;
    }
    all.extend([
        on("axpy-4k", AXPY, NEAR).with(on_axpy()),
        on("axpy-beyond", AXPY, beyond).with(on_axpy()).with([parallel("axpy_numba_parallel")]),
        on("polynomial-4k", POLYNOMIAL, NEAR).with(on_polynomial()),
        on("polynomial-256k", POLYNOMIAL, CACHED).with(on_polynomial()),
        on("polynomial-beyond", POLYNOMIAL, beyond)
            .with(on_polynomial())
            .with([parallel("polynomial_numba_parallel")]),
        on("chain-4k", CHAIN, NEAR).with(on_chain()),
        on("chain-256k", CHAIN, CACHED).with(on_chain()),
        on("chain-beyond", CHAIN, beyond).with(on_chain()).with([parallel("chain5_numba_parallel")]),
        on("normalise-4k", NORMALISE, NEAR).with(on_normalise()),
        on("normalise-256k", NORMALISE, CACHED).with(on_normalise()),
        on("normalise-beyond", NORMALISE, beyond)
            .with(on_normalise())
            .with([parallel("normalised_numba_parallel")]),
        on("sum-beyond", SUM, beyond).with(on_sum()).with([parallel("sum_numba_parallel")]),
        on("dot-256k", DOT, CACHED).with(on_dot()),
        on("dot-beyond", DOT, beyond).with(on_dot()).with([parallel("dot_numba_parallel")]),
        on("min-max-256k", RANGE, CACHED).with(on_range()),
        on("min-max-beyond", RANGE, beyond).with(on_range()),
        on("sigmoid-256k", SIGMOID, ONCE).with(on_sigmoid()),
        on("fir-16-256k", FIR, CACHED).with(on_fir()),
        on("moving-average-256k", AVERAGES, CACHED).with(on_averages()),
        on("blur-256k", BLUR, CACHED).with(on_blur()),
        on("histogram-64k", HISTOGRAM, CACHED).with(on_histogram()),
        on("grey-192k", GREY, CACHED).with(on_grey()),
        on("byte-count-256k", COUNT, Buffer { numbers: 1 << 18, calls: 50 }).with(on_count()),
    ]);
    all
}

fn rounds(mode: Mode) -> usize {
    match mode {
        Mode::Smoke => 1,
        Mode::Quick | Mode::Default => 6,
        Mode::Full => 11,
    }
}

/// Tables, memos and whole pipelines.
fn looked_up(mode: Mode) -> Vec<Workload> {
    let sized =
        |name, about, sizes| Workload::new(SET, name, about, mode.of(sizes)).rounds_max(rounds(mode).max(3));
    let looks = Sizes { smoke: 10_000, quick: 1_000_000, default: 2_000_000, full: 4_000_000 };
    let keys = Sizes { smoke: 20_000, quick: 2_000_000, default: 4_000_000, full: 8_000_000 };
    // 16 bytes each: 64 MiB, and 256 MiB.
    let places = mode.of(Sizes { smoke: 1 << 12, quick: 1 << 22, default: 1 << 24, full: 1 << 24 });
    let column = Sizes { smoke: 1 << 12, quick: 1 << 24, default: 1 << 25, full: 1 << 27 };
    vec![
        sized("hash-probe", PROBE, looks).parameter(places).with([
            contender!("ours", Ours, "ours/looks.rs", ours::looks::probe),
            contender!("hash-map", Peer, "looks.rs", looks::probe_hash_map),
            contender!("plain-loop", Baseline, "looks.rs", looks::probe_loop),
        ]),
        sized("memo-words", WORDS, keys).parameter(100).with([
            contender!("ours", Ours, "ours/looks.rs", ours::looks::words),
            contender!("mutex-hash-map", Peer, "looks.rs", looks::words_in_map),
            contender!("each-time", Baseline, "looks.rs", looks::words_each_time),
        ]),
        sized("memo-known", KNOWN, keys).parameter(100).with([
            contender!("ours", Ours, "ours/looks.rs", ours::looks::known),
            contender!("mutex-hash-map", Peer, "looks.rs", looks::known_in_map),
        ]),
        sized("memo-cheap", CHEAP, Sizes { full: 1 << 25, default: 1 << 24, quick: 1 << 23, ..keys })
            .parameter(2)
            .with([
                contender!("ours", Ours, "ours/looks.rs", ours::looks::new),
                contender!("ours-without", Limit, "ours/looks.rs", ours::looks::new_unkept),
                contender!("each-time", Baseline, "looks.rs", looks::new_each_time),
            ]),
        sized("padded-counters", COUNTERS, Sizes { quick: 10_000_000, ..keys }).with([
            contender!("ours", Ours, "ours/looks.rs", ours::looks::counters),
            contender!("side-by-side", Baseline, "looks.rs", looks::counters_shared),
        ]),
        sized("scores", SCORES, column).parameter(mode.of(column)).with(on_scores()),
    ]
}

fn python(package: &'static str, function: &'static str) -> Contender {
    Contender::done_by(package, PY, function)
}

/// On all processors; in the caches it takes ten times as long as on one.
fn parallel(function: &'static str) -> Contender {
    python("numba", function).named("numba-parallel")
}

fn on_axpy() -> [Contender; 8] {
    [
        contender!("ours", Ours, "ours/elementwise.rs", ours::elementwise::axpy),
        contender!("native-loop", Peer, "numeric.rs", numeric::axpy_native),
        contender!("ndarray", Peer, "numeric.rs", numeric::axpy_ndarray),
        python("numpy", "axpy_numpy"),
        python("numexpr", "axpy_numexpr"),
        python("numba", "axpy_numba"),
        contender!("plain-loop", Baseline, "numeric.rs", numeric::axpy),
        contender!("copy", Limit, "numeric.rs", numeric::axpy_copied),
    ]
}

fn on_polynomial() -> [Contender; 8] {
    [
        contender!("ours", Ours, "ours/elementwise.rs", ours::elementwise::polynomial_fused),
        contender!("native-loop", Peer, "numeric.rs", numeric::polynomial_native),
        contender!("ndarray", Peer, "numeric.rs", numeric::polynomial_ndarray),
        python("numpy", "polynomial_numpy"),
        python("numexpr", "polynomial_numexpr"),
        python("numba", "polynomial_numba"),
        contender!("plain-loop", Baseline, "numeric.rs", numeric::polynomial_plain),
        contender!("copy", Limit, "numeric.rs", numeric::polynomial_copied),
    ]
}

fn on_chain() -> [Contender; 8] {
    [
        contender!("ours", Ours, "ours/elementwise.rs", ours::elementwise::chain5_fused),
        contender!("native-loop", Peer, "numeric.rs", numeric::chain5_native),
        contender!("ndarray", Peer, "numeric.rs", numeric::chain5_ndarray),
        python("numpy", "chain5_numpy"),
        python("numexpr", "chain5_numexpr"),
        python("numba", "chain5_numba"),
        contender!("plain-loop", Baseline, "numeric.rs", numeric::chain5_plain),
        contender!("copy", Limit, "numeric.rs", numeric::chain5_copied),
    ]
}

fn on_normalise() -> [Contender; 8] {
    [
        contender!("ours", Ours, "ours/elementwise.rs", ours::elementwise::normalised_fused),
        contender!("native-loop", Peer, "numeric.rs", numeric::normalised_native),
        contender!("ndarray", Peer, "numeric.rs", numeric::normalised_ndarray),
        python("numpy", "normalised_numpy"),
        python("numexpr", "normalised_numexpr"),
        python("numba", "normalised_numba"),
        contender!("plain-loop", Baseline, "numeric.rs", numeric::normalised_plain),
        contender!("copy", Limit, "numeric.rs", numeric::normalised_copied),
    ]
}

fn on_sum() -> [Contender; 8] {
    [
        contender!("ours", Ours, "ours/reductions.rs", ours::reductions::sum),
        contender!("native-loop", Peer, "numeric.rs", numeric::sum_native),
        contender!("ndarray", Peer, "numeric.rs", numeric::sum_ndarray),
        python("numpy", "sum_numpy"),
        python("numba", "sum_numba"),
        python("polars", "sum_polars"),
        contender!("plain-loop", Baseline, "numeric.rs", numeric::sum),
        contender!("copy", Limit, "numeric.rs", numeric::sum_copied),
    ]
}

fn on_dot() -> [Contender; 7] {
    [
        contender!("ours", Ours, "ours/reductions.rs", ours::reductions::dot),
        contender!("native-loop", Peer, "numeric.rs", numeric::dot_native),
        contender!("ndarray", Peer, "numeric.rs", numeric::dot_ndarray),
        python("numpy", "dot_numpy"),
        python("numba", "dot_numba"),
        contender!("plain-loop", Baseline, "numeric.rs", numeric::dot),
        contender!("copy", Limit, "numeric.rs", numeric::dot_copied),
    ]
}

fn on_range() -> [Contender; 7] {
    [
        contender!("ours", Ours, "ours/reductions.rs", ours::reductions::range),
        contender!("native-loop", Peer, "numeric.rs", numeric::range_native),
        python("numpy", "range_numpy"),
        python("numba", "range_numba"),
        python("polars", "range_polars"),
        contender!("plain-loop", Baseline, "numeric.rs", numeric::range),
        contender!("copy", Limit, "numeric.rs", numeric::range_copied),
    ]
}

fn on_exp() -> [Contender; 5] {
    [
        contender!("ours", Ours, "ours/elementwise.rs", ours::elementwise::exp),
        python("numpy", "exp_numpy"),
        python("numexpr", "exp_numexpr"),
        python("numba", "exp_numba"),
        contender!("plain-loop", Baseline, "numeric.rs", numeric::exp),
    ]
}

fn on_sigmoid() -> [Contender; 5] {
    [
        contender!("ours", Ours, "ours/elementwise.rs", ours::elementwise::sigmoid),
        python("numpy", "sigmoid_numpy"),
        python("numexpr", "sigmoid_numexpr"),
        python("numba", "sigmoid_numba"),
        contender!("plain-loop", Baseline, "numeric.rs", numeric::sigmoid),
    ]
}

fn on_filter() -> [Contender; 6] {
    [
        contender!("ours", Ours, "ours/elementwise.rs", ours::elementwise::compact),
        contender!("native-loop", Peer, "numeric.rs", numeric::compact_native),
        python("numpy", "compact_numpy"),
        python("numba", "compact_numba"),
        python("polars", "compact_polars"),
        contender!("plain-loop", Baseline, "numeric.rs", numeric::compact),
    ]
}

fn on_program() -> [Contender; 6] {
    [
        contender!("ours", Ours, "ours/elementwise.rs", ours::elementwise::chain5_program),
        python("numpy", "chain5_numpy"),
        python("numexpr", "chain5_numexpr"),
        python("polars", "chain5_polars"),
        contender!("ours-fused", Limit, "ours/elementwise.rs", ours::elementwise::chain5_fused),
        contender!("copy", Limit, "numeric.rs", numeric::chain5_copied),
    ]
}

pub(super) fn on_scores() -> [Contender; 7] {
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

fn on_fir() -> [Contender; 5] {
    [
        contender!("ours", Ours, "ours/neighbours.rs", ours::neighbours::fir),
        contender!("native-loop", Peer, "neighbours.rs", neighbours::fir_native),
        python("numpy", "fir_numpy"),
        python("numba", "fir_numba"),
        contender!("plain-loop", Baseline, "neighbours.rs", neighbours::fir),
    ]
}

fn on_averages() -> [Contender; 5] {
    [
        contender!("ours", Ours, "ours/neighbours.rs", ours::neighbours::averages),
        contender!("native-loop", Peer, "neighbours.rs", neighbours::averages_native),
        python("numpy", "averages_numpy"),
        python("numba", "averages_numba"),
        contender!("plain-loop", Baseline, "neighbours.rs", neighbours::averages),
    ]
}

fn on_blur() -> [Contender; 5] {
    [
        contender!("ours", Ours, "ours/neighbours.rs", ours::neighbours::blur),
        contender!("native-loop", Peer, "neighbours.rs", neighbours::blur_native),
        python("numpy", "blur_numpy"),
        python("numba", "blur_numba"),
        contender!("plain-loop", Baseline, "neighbours.rs", neighbours::blur),
    ]
}

fn on_histogram() -> [Contender; 5] {
    [
        contender!("ours", Ours, "ours/neighbours.rs", ours::neighbours::histogram),
        contender!("native-loop", Peer, "neighbours.rs", neighbours::histogram_native),
        python("numpy", "histogram_numpy"),
        python("numba", "histogram_numba"),
        contender!("plain-loop", Baseline, "neighbours.rs", neighbours::histogram),
    ]
}

fn on_grey() -> [Contender; 5] {
    [
        contender!("ours", Ours, "ours/neighbours.rs", ours::neighbours::grey),
        contender!("native-loop", Peer, "neighbours.rs", neighbours::grey_native),
        python("numpy", "grey_numpy"),
        python("numba", "grey_numba"),
        contender!("plain-loop", Baseline, "neighbours.rs", neighbours::grey),
    ]
}

fn on_count() -> [Contender; 6] {
    [
        contender!("ours", Ours, "ours/neighbours.rs", ours::neighbours::count),
        contender!("bytecount", Peer, "neighbours.rs", neighbours::count_bytecount),
        contender!("memchr", Peer, "neighbours.rs", neighbours::count_memchr),
        contender!("native-loop", Peer, "neighbours.rs", neighbours::count_native),
        python("numpy", "count_numpy"),
        contender!("plain-loop", Baseline, "neighbours.rs", neighbours::count),
    ]
}
