//! `async`: operations in flight, against the combinators of `futures`, `futures-buffered` and tasks of tokio.

use super::{Mode, Sizes};
use crate::contender::{Contender, Workload, contender};
use crate::contenders::{futures, futures_buffered, ours, tokio};

const SET: &str = "async";

const READY: &str = "Operations that are over at once: what starting and releasing one costs.";
const YIELDS: &str = "Operations that are woken once: what a wake and a second poll cost.";
const SLEEPS: &str = "Operations that wait for a millisecond, as many at once as there is time to start.";
const TIMED: &str = "The same, each with a timeout of five seconds that none reaches.";
const TAIL: &str = "1 ms each, every hundredth 100 ms, outputs in order: how much does a slow one hold up?";

pub(crate) fn workloads(mode: Mode) -> Vec<Workload> {
    let cheap = mode.of(Sizes { smoke: 3_000, quick: 1_000_000, default: 3_000_000, full: 10_000_000 });
    let sleeping = mode.of(Sizes { smoke: 3_000, quick: 100_000, default: 1_000_000, full: 3_000_000 });
    let tail = mode.of(Sizes { smoke: 2_000, quick: 20_000, default: 100_000, full: 200_000 });
    let workload =
        |name, about, size, concurrency: u64| Workload::new(SET, name, about, size).parameter(concurrency);
    vec![
        workload("ready-100", READY, cheap, 100).with(ready()),
        workload("ready-10k", READY, cheap, 10_000).with(ready()),
        workload("ready-100k", READY, cheap, 100_000).with(ready()),
        workload("yields-100", YIELDS, cheap, 100).with(yielding()),
        workload("yields-10k", YIELDS, cheap, 10_000).with(yielding()),
        workload("yields-100k", YIELDS, cheap, 100_000).with(yielding()),
        workload("sleeps-10k", SLEEPS, sleeping, 10_000).with(sleeping_contenders()),
        workload("sleeps-100k", SLEEPS, sleeping, 100_000).with(sleeping_contenders().into_iter().filter(
            |contender| {
                // 50 us an operation: in a quick run it alone would take longer than all others.
                mode != Mode::Quick || contender.name != "buffer-unordered"
            },
        )),
        workload("sleeps-timed-10k", TIMED, sleeping, 10_000).with([
            contender!("ours", Ours, "ours/timeouts.rs", ours::timeouts::timed_out),
            contender!("futures-buffered", Peer, "futures_buffered.rs", futures_buffered::timed_out),
            contender!("buffer-unordered", Peer, "futures.rs", futures::timed_out),
        ]),
        workload("ordered-tail", TAIL, tail, 1_000).with([
            contender!("ours", Ours, "ours/timeouts.rs", ours::timeouts::ordered),
            contender!("futures-buffered", Peer, "futures_buffered.rs", futures_buffered::ordered),
            contender!("buffered", Peer, "futures.rs", futures::ordered),
        ]),
    ]
}

fn ready() -> [Contender; 3] {
    [
        contender!("ours", Ours, "ours/operations.rs", ours::operations::ready),
        contender!("futures-buffered", Peer, "futures_buffered.rs", futures_buffered::ready),
        contender!("buffer-unordered", Peer, "futures.rs", futures::ready),
    ]
}

fn yielding() -> [Contender; 3] {
    [
        contender!("ours", Ours, "ours/operations.rs", ours::operations::yielding),
        contender!("futures-buffered", Peer, "futures_buffered.rs", futures_buffered::yielding),
        contender!("buffer-unordered", Peer, "futures.rs", futures::yielding),
    ]
}

pub(super) fn sleeping_contenders() -> [Contender; 5] {
    [
        contender!("ours", Ours, "ours/operations.rs", ours::operations::sleeping),
        contender!("ours-monoio", Ours, "ours/operations.rs", ours::operations::on_monoio),
        contender!("futures-buffered", Peer, "futures_buffered.rs", futures_buffered::sleeping),
        contender!("buffer-unordered", Peer, "futures.rs", futures::sleeping),
        contender!("join-set", Baseline, "tokio.rs", tokio::join_set),
    ]
}
