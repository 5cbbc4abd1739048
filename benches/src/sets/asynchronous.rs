//! `async`: operations in flight, against the combinators of `futures`, `futures-buffered` and tasks of tokio; and what operations need,
//! sockets, files and pools, against what programs by hand have for it.

mod in_flight;
mod rings;
mod shards;

use super::{Mode, Sizes};
use crate::bar::{Bar, Figure};
use crate::contender::{Contender, Role, contender};
use crate::contenders::{futures, futures_buffered, ours, tokio, tokio_files, tokio_pools, tokio_sockets};
use crate::metric::Metric;
use crate::workload::Workload;

const SET: &str = "async";

const READY: &str = "Operations that are over at once: what starting and releasing one costs.";
const YIELDS: &str = "Operations that are woken once: what a wake and a second poll cost.";
const SLEEPS: &str = "Operations that wait for a millisecond, as many at once as there is time to start.";
const WHEEL: &str = "The same; ours wait with `pipe_async::sleep`, the others with tokio's timer.";
const WHEEL_ON_MONOIO: &str = "The same, ours on monoio.";
const TIMED: &str = "The same, each with a timeout of five seconds that none reaches.";
const TIMED_WHEEL: &str = "The same; ours wait with `pipe_async::sleep`, the others with tokio's timer.";
const TAIL: &str = "1 ms each, every hundredth 100 ms, outputs in order: how much does a slow one hold up?";
const REQUESTS: &str = "Requests of 8 B to a server that sends them back, over 256 connections of a pool.";
const CPU: &str = "The same: what a request costs the processor, the server's work left out.";
const READS: &str = "4 KiB at random places of a file that is open and lies in the cache, 500 at once.";
const OPENED: &str = "The same, and the file is opened for each.";
const POOL: &str = "1,000 tasks share 50 connections, 1 ms each: how long does one wait for its turn?";
const POOL_TAIL: &str = "The same, of one wait in a thousand: who hands connections to whoever comes back lets the others starve.";

const REQUESTS_PY: &str = "benches/contenders/python/requests.py";

pub(crate) fn workloads(mode: Mode) -> Vec<Workload> {
    let cheap = mode.of(Sizes { smoke: 3_000, quick: 1_000_000, default: 3_000_000, full: 10_000_000 });
    let sleeping = mode.of(Sizes { smoke: 3_000, quick: 100_000, default: 1_000_000, full: 3_000_000 });
    let tail = mode.of(Sizes { smoke: 2_000, quick: 20_000, default: 100_000, full: 200_000 });
    let workload =
        |name, about, size, concurrency: u64| Workload::new(SET, name, about, size).parameter(concurrency);
    let times = |workload: Workload, of_buffered, of_unordered| {
        let workload = workload.bar(Bar::Of { name: "futures-buffered", least: of_buffered });
        workload.bar(Bar::Of { name: "buffer-unordered", least: of_unordered })
    };
    // Peers have source and fold in the task: with ours there as well the same work is compared, and on threads what these cost.
    let cheap_times = |workload, of_buffered, of_unordered| {
        let in_task = |of, least| Bar::Share { ours: "ours-in-task", of, times: 1, least };
        let workload = times(workload, of_buffered, of_unordered);
        workload.bar(in_task("futures-buffered", of_buffered)).bar(in_task("buffer-unordered", of_unordered))
    };
    let tasks_cpu = Bar::Times { figure: Figure::CpuTime, against: Role::Baseline, least: 4.0 };
    vec![
        cheap_times(workload("ready-100", READY, cheap, 100), 2.5, 6.0).with(ready()),
        cheap_times(workload("ready-10k", READY, cheap, 10_000), 2.5, 6.0).with(ready()),
        cheap_times(workload("ready-100k", READY, cheap, 100_000), 2.5, 6.0).with(ready()),
        cheap_times(workload("yields-100", YIELDS, cheap, 100), 2.0, 5.0).with(yielding()),
        cheap_times(workload("yields-10k", YIELDS, cheap, 10_000), 2.0, 5.0).with(yielding()),
        cheap_times(workload("yields-100k", YIELDS, cheap, 100_000), 2.0, 5.0).with(yielding()),
        times(workload("sleeps-10k", SLEEPS, sleeping, 10_000), 1.1, 10.0)
            .bar(tasks_cpu)
            .with(sleeping_contenders()),
        times(workload("sleeps-100k", SLEEPS, sleeping, 100_000), 1.0, 50.0).bar(tasks_cpu).with(
            sleeping_contenders().into_iter().filter(|contender| {
                // 50 us an operation: in a quick run it alone would take longer than all others.
                mode != Mode::Quick || contender.name != "buffer-unordered"
            }),
        ),
        workload("sleeps-timed-10k", TIMED, sleeping, 10_000).bar(Bar::peers(2.0)).with([
            contender!("ours", Ours, "ours/timeouts.rs", ours::timeouts::timed_out),
            contender!("futures-buffered", Peer, "futures_buffered.rs", futures_buffered::timed_out),
            contender!("buffer-unordered", Peer, "futures.rs", futures::timed_out),
        ]),
        workload("sleeps-timed-wheel-10k", TIMED_WHEEL, sleeping, 10_000).bar(Bar::peers(2.0)).with([
            contender!("ours", Ours, "ours/timeouts.rs", ours::timeouts::timed_out_in_wheel),
            contender!("futures-buffered", Peer, "futures_buffered.rs", futures_buffered::timed_out),
        ]),
        workload("ordered-tail", TAIL, tail, 1_000).bar(Bar::Of { name: "buffered", least: 1.5 }).with([
            contender!("ours", Ours, "ours/timeouts.rs", ours::timeouts::ordered),
            contender!("futures-buffered", Peer, "futures_buffered.rs", futures_buffered::ordered),
            contender!("buffered", Peer, "futures.rs", futures::ordered),
        ]),
    ]
    .into_iter()
    .chain(in_wheels(sleeping))
    .chain(in_flight::workloads(mode))
    .chain(io(mode))
    .chain(rings::workloads(mode))
    .chain([shards::computing(mode)])
    .collect()
}

/// Sleeps of our own, on both runtimes, against the best that waits with tokio's.
fn in_wheels(size: u64) -> [Workload; 4] {
    let workload = |name, about, concurrency: u64, ours| {
        let peer = contender!("futures-buffered", Peer, "futures_buffered.rs", futures_buffered::sleeping);
        Workload::new(SET, name, about, size).parameter(concurrency).bar(Bar::peers(1.5)).with([ours, peer])
    };
    let on_tokio = || contender!("ours", Ours, "ours/sleeps.rs", ours::sleeps::in_wheel);
    let on_monoio = || contender!("ours", Ours, "ours/sleeps.rs", ours::sleeps::in_wheel_on_monoio);
    [
        workload("sleeps-wheel-10k", WHEEL, 10_000, on_tokio()),
        workload("sleeps-wheel-100k", WHEEL, 100_000, on_tokio()),
        workload("sleeps-wheel-monoio-10k", WHEEL_ON_MONOIO, 10_000, on_monoio()),
        workload("sleeps-wheel-monoio-100k", WHEEL_ON_MONOIO, 100_000, on_monoio()),
    ]
}

/// What operations wait for in programs.
fn io(mode: Mode) -> [Workload; 6] {
    let requests = mode.of(Sizes { smoke: 3_000, quick: 100_000, default: 300_000, full: 1_000_000 });
    let reads = mode.of(Sizes { smoke: 3_000, quick: 50_000, default: 200_000, full: 500_000 });
    let acquired = mode.of(Sizes { smoke: 3_000, quick: 50_000, default: 100_000, full: 300_000 });
    let workload =
        |name, about, size, concurrency: u64| Workload::new(SET, name, about, size).parameter(concurrency);
    let cpu = |against, least| Bar::Times { figure: Figure::CpuTime, against, least };
    let reading = |name, about| {
        let workload = workload(name, about, reads, 500);
        let workload = workload.bar(Bar::peers(5.0)).bar(cpu(Role::Peer, 5.0));
        workload.bar(Bar::baseline(15.0)).bar(cpu(Role::Baseline, 15.0))
    };
    [
        workload("pooled-tcp", REQUESTS, requests, 256)
            .bar(Bar::peers(0.95))
            .bar(Bar::Share { ours: "ours-in-task", of: "tokio-tasks", times: 1, least: 0.95 })
            .with(requesting()),
        workload("request-cpu", CPU, requests, 256)
            .metric(Metric::CpuNanosecondsPerItem)
            .bar(Bar::peers(2.0))
            .bar(Bar::baseline(5.0))
            .with([
                contender!("ours", Ours, "ours/requests.rs", ours::requests::pooled),
                contender!("ours-in-task", Ours, "ours/requests.rs", ours::requests::pooled_in_task),
                contender!("tokio-tasks", Limit, "tokio_sockets.rs", tokio_sockets::requests),
                Contender::package("uvloop", REQUESTS_PY),
                Contender::python("asyncio", REQUESTS_PY, "streams"),
            ]),
        reading("cached-reads", READS).with([
            contender!("ours", Ours, "ours/pieces.rs", ours::pieces::kept),
            contender!("spawn-blocking", Peer, "tokio_files.rs", tokio_files::blocking_kept),
            contender!("tokio-fs", Baseline, "tokio_files.rs", tokio_files::files_kept),
        ]),
        reading("cached-reads-opened", OPENED).with([
            contender!("ours", Ours, "ours/pieces.rs", ours::pieces::opened),
            contender!("spawn-blocking", Peer, "tokio_files.rs", tokio_files::blocking_opened),
            contender!("tokio-fs", Baseline, "tokio_files.rs", tokio_files::files_opened),
        ]),
        workload("pool-acquire", POOL, acquired, 1_000)
            .metric(Metric::Percentile99)
            .bar(Bar::peers(1.0))
            .with([
                contender!("ours", Ours, "ours/connections.rs", ours::connections::acquire),
                contender!("ours-in-task", Ours, "ours/connections.rs", ours::connections::acquire_in_task),
                contender!("deadpool", Peer, "tokio_pools.rs", tokio_pools::deadpool),
                contender!("bb8", Peer, "tokio_pools.rs", tokio_pools::bb8),
            ]),
        workload("pool-acquire-tail", POOL_TAIL, acquired, 1_000)
            .metric(Metric::Percentile999)
            .bar(Bar::peers(1.0))
            .with([
                contender!("ours", Ours, "ours/connections.rs", ours::connections::acquire_999),
                contender!("deadpool", Peer, "tokio_pools.rs", tokio_pools::deadpool_999),
                contender!("bb8", Peer, "tokio_pools.rs", tokio_pools::bb8_999),
            ]),
    ]
}

fn requesting() -> [Contender; 3] {
    [
        contender!("ours", Ours, "ours/requests.rs", ours::requests::pooled),
        contender!("ours-in-task", Ours, "ours/requests.rs", ours::requests::pooled_in_task),
        contender!("tokio-tasks", Peer, "tokio_sockets.rs", tokio_sockets::requests),
    ]
}

fn ready() -> [Contender; 4] {
    [
        contender!("ours", Ours, "ours/operations.rs", ours::operations::ready),
        contender!("ours-in-task", Ours, "ours/operations.rs", ours::operations::ready_in_task),
        contender!("futures-buffered", Peer, "futures_buffered.rs", futures_buffered::ready),
        contender!("buffer-unordered", Peer, "futures.rs", futures::ready),
    ]
}

fn yielding() -> [Contender; 4] {
    [
        contender!("ours", Ours, "ours/operations.rs", ours::operations::yielding),
        contender!("ours-in-task", Ours, "ours/operations.rs", ours::operations::yielding_in_task),
        contender!("futures-buffered", Peer, "futures_buffered.rs", futures_buffered::yielding),
        contender!("buffer-unordered", Peer, "futures.rs", futures::yielding),
    ]
}

pub(super) fn sleeping_contenders() -> [Contender; 5] {
    [
        contender!("ours", Ours, "ours/sleeps.rs", ours::sleeps::sleeping),
        contender!("ours-monoio", Ours, "ours/sleeps.rs", ours::sleeps::on_monoio),
        contender!("futures-buffered", Peer, "futures_buffered.rs", futures_buffered::sleeping),
        contender!("buffer-unordered", Peer, "futures.rs", futures::sleeping),
        contender!("join-set", Baseline, "tokio.rs", tokio::join_set),
    ]
}
