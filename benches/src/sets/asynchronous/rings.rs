//! Reads and requests through io_uring, against a loop on it that is written for the one case, and against fio.

use super::SET;
use crate::bar::Bar;
use crate::contender::{Need, contender};
use crate::contenders::{fio, ours, ring};
use crate::sets::{Mode, Sizes};
use crate::workload::Workload;

const DIRECT: &str = "4 KiB at random places of a file, past the system's cache, 32 at the disk at once.";
const CACHED: &str =
    "4 KiB at random places of a file that lies in the cache, through io_uring, 128 at once.";
const REQUESTS: &str =
    "Requests of 8 B to a server that sends them back, through io_uring, over 256 connections.";

pub(super) fn workloads(mode: Mode) -> [Workload; 3] {
    let direct = mode.of(Sizes { smoke: 3_000, quick: 30_000, default: 100_000, full: 300_000 });
    let cached = mode.of(Sizes { smoke: 3_000, quick: 200_000, default: 500_000, full: 2_000_000 });
    let requests = mode.of(Sizes { smoke: 3_000, quick: 100_000, default: 300_000, full: 1_000_000 });
    let workload =
        |name, about, size, concurrency: u64| Workload::new(SET, name, about, size).parameter(concurrency);
    [
        // In line four operations wait for each place at the disk: so it has 32 at all times, as fio's.
        workload("direct-reads", DIRECT, direct, 32)
            .bar(Bar::Of { name: "fio", least: 0.95 })
            .bar(Bar::Share { ours: "ours-in-line", of: "fio", times: 1, least: 0.95 })
            .with([
                contender!("ours", Ours, "ours/rings.rs", ours::rings::direct).needs(Need::DirectReads),
                contender!("ours-in-line", Ours, "ours/rings.rs", ours::rings::direct_in_line)
                    .needs(Need::DirectReads),
                contender!("fio", Peer, "fio.rs", fio::direct).needs(Need::Fio),
                contender!("raw-ring", Limit, "ring.rs", ring::direct_reads).needs(Need::DirectReads),
            ]),
        workload("ring-reads", CACHED, cached, 128).bar(Bar::limit(0.8)).with([
            contender!("ours-monoio", Ours, "ours/on_monoio.rs", ours::on_monoio::cached).needs(Need::Ring),
            contender!("ours", Ours, "ours/rings.rs", ours::rings::cached).needs(Need::Ring),
            contender!("raw-ring", Limit, "ring.rs", ring::cached_reads).needs(Need::Ring),
        ]),
        workload("ring-tcp", REQUESTS, requests, 256).bar(Bar::limit(0.9)).with([
            contender!("ours-monoio", Ours, "ours/on_monoio.rs", ours::on_monoio::requests).needs(Need::Ring),
            contender!("raw-ring", Limit, "ring.rs", ring::requests).needs(Need::Ring),
        ]),
    ]
}
