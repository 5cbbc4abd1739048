//! Work as it is: compressing, hashing, drawing, counting. Time and memory are compared.

use super::SET;
use crate::bar::Bar;
use crate::contender::{Contender, contender};
use crate::contenders::{any_task, ours, words};
use crate::sets::{Mode, Sizes};
use crate::tasks::blocks::{Blake3, Sha256, Zstd};
use crate::tasks::mandelbrot::Mandelbrot;
use crate::tasks::task::Task;
use crate::workload::Workload;

const ZSTD: &str = "Blocks of 256 KiB of text, compressed by zstd at level 3, in order.";
const SHA: &str = "Blocks of 64 KiB, hashed by SHA-256, in order.";
const BLAKE: &str =
    "Blocks of 64 KiB, hashed by BLAKE3, in order: copying a block takes a part of that time.";
const MANDELBROT: &str = "A picture of the Mandelbrot set, row by row: those in the middle take long.";
const WORDS: &str = "How often each word is there, in blocks of 64 KiB of text.";

pub(crate) fn workloads(mode: Mode) -> Vec<Workload> {
    let zstd = mode.of(Sizes { smoke: 2, quick: 24, default: 200, full: 800 });
    let sha = mode.of(Sizes { smoke: 4, quick: 250, default: 2_000, full: 8_000 });
    let blake = mode.of(Sizes { smoke: 20, quick: 1_500, default: 12_000, full: 50_000 });
    let rows = mode.of(Sizes { smoke: 8, quick: 256, default: 1_024, full: 2_048 });
    let counted = mode.of(Sizes { smoke: 2, quick: 100, default: 800, full: 3_000 });
    let workload =
        |name, about, size, parameter: u64| Workload::new(SET, name, about, size).parameter(parameter);
    let all = [
        workload("zstd-blocks", ZSTD, zstd, 256 << 10).with(on::<Zstd>()),
        workload("sha256-blocks", SHA, sha, 64 << 10).with(on::<Sha256>()),
        workload("blake3-blocks", BLAKE, blake, 64 << 10).with(on::<Blake3>()),
        workload("mandelbrot", MANDELBROT, rows, 512).with(on::<Mandelbrot>()),
        workload("word-frequencies", WORDS, counted, 64 << 10).with(on_words()),
    ];
    all.map(|workload| workload.bar(Bar::peers(1.0)).bar(Bar::memory_of_peers())).into()
}

/// For the overview.
pub(crate) fn on_sha256() -> [Contender; 6] {
    on::<Sha256>()
}

fn on<T: Task>() -> [Contender; 6] {
    [
        contender!("ours", Ours, "ours/any_task.rs", ours::any_task::ordered::<T>),
        contender!("rayon-par-bridge-chunked", Peer, "any_task.rs", any_task::rayon_bridge::<T>),
        contender!("rayon-batches", Peer, "any_task.rs", any_task::rayon_batches::<T>),
        contender!("crossbeam-pool-chunked", Peer, "any_task.rs", any_task::crossbeam::<T>),
        contender!("orx-iterator", Peer, "any_task.rs", any_task::orx::<T>),
        contender!("loop", Baseline, "any_task.rs", any_task::sequential::<T>),
    ]
}

fn on_words() -> [Contender; 4] {
    [
        contender!("ours", Ours, "ours/words.rs", ours::words::parallel),
        contender!("rayon-par-bridge", Peer, "words.rs", words::rayon),
        contender!("crossbeam-pool", Peer, "words.rs", words::crossbeam),
        contender!("loop", Baseline, "words.rs", words::sequential),
    ]
}
