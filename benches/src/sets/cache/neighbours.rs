//! Filters over neighbours, images, and bytes of a text, at 256 KiB.

use super::{Buffer, CACHED, on, python};
use crate::bar::Bar;
use crate::contender::{Contender, contender};
use crate::contenders::{neighbours, ours};
use crate::sets::Mode;
use crate::workload::Workload;

const FIR: &str = "A filter with 16 taps over f32.";
const AVERAGES: &str = "The mean of each 64 neighbours of a buffer of f32.";
const BLUR: &str = "A blur of 3 by 3 pixels over an image of 256 by 256 f32.";
const HISTOGRAM: &str = "How often each byte occurs, of 256 KiB at random.";
const GREY: &str = "The brightness of 87,381 pixels of three bytes.";
const COUNT: &str = "How often a byte occurs, which is one in 256.";

/// 256 KiB of bytes.
const BYTES: Buffer = Buffer { numbers: 1 << 18, calls: 50 };

/// Pixels of three bytes, 256 KiB.
const PIXELS: Buffer = Buffer { numbers: (1 << 18) / 3, calls: 50 };

pub(super) fn workloads(mode: Mode) -> Vec<Workload> {
    vec![
        on(mode, "fir-16-256k", FIR, CACHED).with(on_fir()).bar(Bar::peers(2.0)),
        on(mode, "moving-average-256k", AVERAGES, CACHED).with(on_averages()).bar(Bar::peers(3.0)),
        on(mode, "blur-256k", BLUR, CACHED).with(on_blur()).bar(Bar::peers(1.2)),
        on(mode, "histogram-256k", HISTOGRAM, BYTES).with(on_histogram()).bar(Bar::peers(1.2)),
        on(mode, "grey-256k", GREY, PIXELS).with(on_grey()).bar(Bar::peers(1.0)),
        on(mode, "byte-count-256k", COUNT, BYTES)
            .with(on_count())
            .bar(Bar::Of { name: "bytecount", least: 0.9 })
            .bar(Bar::Of { name: "memchr", least: 2.5 }),
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
