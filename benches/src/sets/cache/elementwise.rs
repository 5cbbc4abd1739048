//! What happens to each number by itself: from 4 KiB to 512 MiB, on one worker and on two.

use super::{BEYOND, CACHED, LARGE, NEAR, ONCE, bar, on, parallel, python, unless_quick};
use crate::bar::Bar;
use crate::contender::{Contender, Role, Workers, contender};
use crate::contenders::{numeric, ours};
use crate::metric::Metric;
use crate::sets::Mode;
use crate::workload::Workload;

const AXPY: Chain = Chain {
    about: "y = a x + y over f32: read two buffers, write one.",
    names: ["axpy-4k", "axpy-256k", "axpy-64m", "axpy-512m", "axpy-512m-two"],
    in_rust: on_axpy,
    in_python: ["axpy_numpy", "axpy_numexpr", "axpy_numba", "axpy_numba_parallel"],
    on_two: contender!("ours", Ours, "ours/in_blocks.rs", ours::in_blocks::axpy),
};
const POLYNOMIAL: Chain = Chain {
    about: "A polynomial of the fifth degree of each f32, in place.",
    names: ["polynomial-4k", "polynomial-256k", "polynomial-64m", "polynomial-512m", "polynomial-512m-two"],
    in_rust: on_polynomial,
    in_python: ["polynomial_numpy", "polynomial_numexpr", "polynomial_numba", "polynomial_numba_parallel"],
    on_two: contender!("ours", Ours, "ours/in_blocks.rs", ours::in_blocks::polynomial_fused),
};
const CHAIN: Chain = Chain {
    about: "Five operations on each f32, in place: subtract, scale, drop the sign, add, bound.",
    names: ["chain-4k", "chain-256k", "chain-64m", "chain-512m", "chain-512m-two"],
    in_rust: on_chain,
    in_python: ["chain5_numpy", "chain5_numexpr", "chain5_numba", "chain5_numba_parallel"],
    on_two: contender!("ours", Ours, "ours/in_blocks.rs", ours::in_blocks::chain5_program),
};
const NORMALISE: Chain = Chain {
    about: "Each f32 centred, scaled and bounded, in place.",
    names: ["normalise-4k", "normalise-256k", "normalise-64m", "normalise-512m", "normalise-512m-two"],
    in_rust: on_normalise,
    in_python: ["normalised_numpy", "normalised_numexpr", "normalised_numba", "normalised_numba_parallel"],
    on_two: contender!("ours", Ours, "ours/in_blocks.rs", ours::in_blocks::normalised_program),
};

const EXP: &str = "e to the x of each f32; put back before each call, which takes no time.";
const SIGMOID: &str = "1 / (1 + exp(-x)) of each f32; put back before each call, which takes no time.";
const COMPACT: &str =
    "The numbers above zero, every second one at random, closed up. Put back before each call.";
const PROGRAM: &str = "Five operations that are known at run time only, as data, on each f32 in place.";
const ALIGNED: &str =
    "y = a x + y over 4 KiB: buffers that begin with a line of the cache, and ones that begin beside it.";

/// A kernel in all sizes.
struct Chain {
    about: &'static str,
    names: [&'static str; 5],
    /// Ours first, then peers, the plain loop, and the copy.
    in_rust: fn() -> [Contender; 5],
    /// NumPy, numexpr, Numba, and Numba on all processors.
    in_python: [&'static str; 4],
    /// Ours through a pipeline of blocks.
    on_two: Contender,
}

pub(super) fn workloads(mode: Mode) -> Vec<Workload> {
    let chains = [AXPY, CHAIN, POLYNOMIAL, NORMALISE];
    // A quick run has time for two of them beyond the caches.
    let beyond = if mode == Mode::Quick { &chains[..2] } else { &chains[..] };
    let mut all: Vec<Workload> = chains.iter().flat_map(|chain| chain.in_cache(mode)).collect();
    all.extend(beyond.iter().flat_map(|chain| chain.beyond(mode)));
    all.extend([
        on(mode, "exp-256k", EXP, ONCE).with(on_exp()).bar(Bar::peers(1.3)),
        on(mode, "sigmoid-256k", SIGMOID, ONCE).with(on_sigmoid()).bar(Bar::peers(1.3)),
        on(mode, "filter-256k", COMPACT, ONCE)
            .with(on_filter(mode))
            .bar(Bar::Of { name: "numba", least: 2.5 })
            .bar(Bar::Of { name: "numpy", least: 10.0 }),
        on(mode, "run-time-chain-64m", PROGRAM, LARGE)
            .with(on_program(mode))
            .bar(Bar::limit(0.7))
            .bar(Bar::peers(2.5)),
        on(mode, "aligned-4k", ALIGNED, NEAR).with(on_aligned()).bar(Bar::baseline(1.2)),
    ]);
    all
}

impl Chain {
    fn in_cache(&self, mode: Mode) -> [Workload; 2] {
        // What one call costs, in nanoseconds: so that both bars are about one figure.
        let near = on(mode, self.names[0], self.about, NEAR).metric(Metric::NanosecondsPerCall);
        let above = Bar::Above { against: Role::Peer, most: 20.0 };
        let near = near.with((self.in_rust)()).with(unless_quick(mode, self.in_python()));
        let cached =
            on(mode, self.names[1], self.about, CACHED).with((self.in_rust)()).with(self.in_python());
        [near.bar(Bar::peers(1.0)).bar(above), cached.bar(Bar::peers(1.0))]
    }

    fn beyond(&self, mode: Mode) -> Vec<Workload> {
        let sized = |name, buffer| {
            let workload = on(mode, name, self.about, buffer).with((self.in_rust)());
            let workload = workload.with(unless_quick(mode, self.in_python()));
            // Filling such a buffer takes longer than the calls.
            let quick = mode == Mode::Quick;
            let workload = if quick { workload.without(&["ndarray", "plain-loop"]) } else { workload };
            workload.bar(bar(buffer, Bar::peers(1.0)))
        };
        let in_python = [python("numexpr", self.in_python[1]), parallel(self.in_python[3])];
        let [_, _, _, _, copy] = (self.in_rust)();
        let two = [self.on_two.clone(), copy].into_iter().chain(unless_quick(mode, in_python));
        let two = two.map(|contender| contender.workers(Workers::Exactly(2)));
        let two = on(mode, self.names[4], self.about, BEYOND).with(two).bar(Bar::limit(0.95));
        let mut all = vec![sized(self.names[3], BEYOND), two];
        if mode != Mode::Quick {
            all.push(sized(self.names[2], LARGE));
        }
        all
    }

    fn in_python(&self) -> [Contender; 3] {
        let [numpy, numexpr, numba, _] = self.in_python;
        [python("numpy", numpy), python("numexpr", numexpr), python("numba", numba)]
    }
}

fn on_one(contenders: [Contender; 5]) -> [Contender; 5] {
    contenders.map(|contender| contender.workers(Workers::Exactly(1)))
}

fn on_axpy() -> [Contender; 5] {
    on_one([
        contender!("ours", Ours, "ours/elementwise.rs", ours::elementwise::axpy),
        contender!("native-loop", Peer, "numeric.rs", numeric::axpy_native),
        contender!("ndarray", Peer, "numeric.rs", numeric::axpy_ndarray),
        contender!("plain-loop", Baseline, "numeric.rs", numeric::axpy),
        contender!("copy", Limit, "numeric.rs", numeric::axpy_copied),
    ])
}

fn on_polynomial() -> [Contender; 5] {
    on_one([
        contender!("ours", Ours, "ours/elementwise.rs", ours::elementwise::polynomial_fused),
        contender!("native-loop", Peer, "numeric.rs", numeric::polynomial_native),
        contender!("ndarray", Peer, "numeric.rs", numeric::polynomial_ndarray),
        contender!("plain-loop", Baseline, "numeric.rs", numeric::polynomial_plain),
        contender!("copy", Limit, "numeric.rs", numeric::polynomial_copied),
    ])
}

fn on_chain() -> [Contender; 5] {
    on_one([
        contender!("ours", Ours, "ours/elementwise.rs", ours::elementwise::chain5_fused),
        contender!("native-loop", Peer, "numeric.rs", numeric::chain5_native),
        contender!("ndarray", Peer, "numeric.rs", numeric::chain5_ndarray),
        contender!("plain-loop", Baseline, "numeric.rs", numeric::chain5_plain),
        contender!("copy", Limit, "numeric.rs", numeric::chain5_copied),
    ])
}

fn on_normalise() -> [Contender; 5] {
    on_one([
        contender!("ours", Ours, "ours/elementwise.rs", ours::elementwise::normalised_fused),
        contender!("native-loop", Peer, "numeric.rs", numeric::normalised_native),
        contender!("ndarray", Peer, "numeric.rs", numeric::normalised_ndarray),
        contender!("plain-loop", Baseline, "numeric.rs", numeric::normalised_plain),
        contender!("copy", Limit, "numeric.rs", numeric::normalised_copied),
    ])
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

fn on_filter(mode: Mode) -> Vec<Contender> {
    let mut all = vec![
        contender!("ours", Ours, "ours/elementwise.rs", ours::elementwise::compact),
        contender!("native-loop", Peer, "numeric.rs", numeric::compact_native),
        python("numpy", "compact_numpy"),
        python("numba", "compact_numba"),
        contender!("plain-loop", Baseline, "numeric.rs", numeric::compact),
    ];
    all.extend(unless_quick(mode, [python("polars", "compact_polars")]));
    all
}

fn on_program(mode: Mode) -> Vec<Contender> {
    let mut all = vec![
        contender!("ours", Ours, "ours/elementwise.rs", ours::elementwise::chain5_program),
        python("numpy", "chain5_numpy"),
        python("numexpr", "chain5_numexpr"),
        contender!("fused", Limit, "ours/elementwise.rs", ours::elementwise::chain5_fused),
    ];
    all.extend(unless_quick(mode, [python("polars", "chain5_polars")]));
    all
}

fn on_aligned() -> [Contender; 2] {
    [
        contender!("ours", Ours, "ours/elementwise.rs", ours::elementwise::axpy),
        contender!("unaligned", Baseline, "ours/elementwise.rs", ours::elementwise::axpy_unaligned),
    ]
}
