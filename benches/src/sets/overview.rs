//! `overview`: one workload for each type of work, against what a user would write first, the best of the field, and what nobody can beat. The
//! contenders are those of the other sets; those have the details.

use super::{Mode, Sizes, asynchronous, cache, fitted, mem, parallel, stream};
use crate::admission::Skipped;
use crate::bar::Bar;
use crate::contender::{Contender, contender};
use crate::contenders::{futures_buffered, ours, tokio, trivial};
use crate::host::{self, Capacity};
use crate::inputs::Input;
use crate::workload::Workload;

pub(crate) const SET: &str = "overview";

const MEMORY: &str = "Two million records that own memory: parse, filter, upper case and scale, reduce.";
const SIMD: &str =
    "A score for each number of a column, in several steps over more numbers than the caches hold.";
const IO: &str =
    "Operations that wait for a millisecond, up to 10,000 in flight; the naive program has a task for each.";
const FILES: &str = "Minimum, mean and maximum of each of 413 stations, from one large file of lines.";
const CORES: &str =
    "Blocks of 64 KiB, hashed by SHA-256, in order, on all cores; the naive program uses one.";
const REQUESTS: &str = "Requests that take a millisecond each; the naive program awaits one after the other.";
const WORST: &str =
    "1,000 numbers, written as text: so little that everything that a pipeline does beside it shows.";

/// Without what no machine of ours has: see [`unmeasured`].
pub(crate) fn workloads(mode: Mode, capacity: Capacity) -> Vec<Workload> {
    let on = |name, about, sizes: Sizes| Workload::new(SET, name, about, mode.of(sizes));
    let records = Sizes { smoke: 5_000, quick: 2_000_000, default: 2_000_000, full: 2_000_000 };
    let column = Sizes { smoke: 1 << 12, quick: 1 << 24, default: 1 << 25, full: 1 << 27 };
    let waits = Sizes { smoke: 3_000, quick: 100_000, default: 1_000_000, full: 3_000_000 };
    let blocks = Sizes { smoke: 4, quick: 250, default: 2_000, full: 8_000 };
    let requests = Sizes { smoke: 300, quick: 1_000, default: 2_000, full: 5_000 };
    let worst = Sizes { smoke: 1_000, quick: 1_000, default: 1_000, full: 1_000 };
    let rows = fitted(mode, Input::Stations, mode.of(stream::STATIONS_ROWS), capacity);
    let all_cores = if host::workers() >= 4 { 3.0 } else { 1.9 };
    let least = |workload: Workload, least| workload.bar(Bar::baseline(least));
    vec![
        least(on("memory-bound", MEMORY, records).with(mem::on_records()), 3.0),
        least(on("cpu-bound-simd", SIMD, column).parameter(mode.of(column)).with(cache::on_scores()), 3.0),
        least(on("io-bound", IO, waits).parameter(10_000).with(asynchronous::sleeping_contenders()), 3.0),
        least(
            Workload::new(SET, "large-files", FILES, rows)
                .input(Input::Stations)
                .with(stream::on_stations())
                .with(stream::queries(stream::STATIONS_PY)),
            3.0,
        ),
        least(on("multi-core", CORES, blocks).parameter(64 << 10).with(parallel::on_sha256()), all_cores),
        least(on("one-by-one-requests", REQUESTS, requests).parameter(1_000).with(on_requests()), 3.0),
        least(on("worst-case", WORST, worst).with(on_worst()), 0.9),
    ]
}

/// What is a type of work as well, and was measured on no machine so far: told, and not left out.
pub(crate) fn unmeasured() -> Skipped {
    let why = "not measured: no machine with a CUDA device has run the benchmarks".to_owned();
    Skipped { set: SET, workload: "gpu", contender: "ours", why }
}

fn on_requests() -> [Contender; 5] {
    [
        contender!("ours", Ours, "ours/sleeps.rs", ours::sleeps::sleeping),
        contender!("ours-in-task", Ours, "ours/sleeps.rs", ours::sleeps::sleeping_in_task),
        contender!("futures-buffered", Peer, "futures_buffered.rs", futures_buffered::sleeping),
        contender!("join-set", Peer, "tokio.rs", tokio::join_set),
        contender!("one-by-one", Baseline, "tokio.rs", tokio::one_by_one),
    ]
}

fn on_worst() -> [Contender; 3] {
    [
        contender!("ours", Ours, "ours/trivial.rs", ours::trivial::parallel),
        contender!("rayon", Peer, "trivial.rs", trivial::rayon),
        contender!("iterator", Baseline, "trivial.rs", trivial::iterator),
    ]
}
