//! What is promised of operations in flight: that so many of them bring so many times as much, in little memory, at the rate that
//! was asked for, and whoever takes what they give.

use super::SET;
use crate::bar::Bar;
use crate::contender::{Axis, Contender, Point, contender};
use crate::contenders::{futures, futures_buffered, ours, threads, tokio};
use crate::metric::Metric;
use crate::sets::{Mode, Sizes};
use crate::workload::Workload;

const IN_FLIGHT: &str = "Operations that wait for 10 ms, with 1 to 10,000 of them in flight: how close is that to as many times one alone?";
const MEMORY: &str =
    "Operations that wait for half a second, 100,000 in flight at once; of threads a tenth of that.";
const CONSUMER: &str = "Operations that wait for 10 ms, 100 at once; who takes an output computes for 50 us: how long is one under way?";
const RATE: &str = "1,000 operations a second may start: how far from it are they in the long run?";
const WINDOW: &str =
    "The same: how many more than a tenth of it and the burst start within 100 ms, in the worst of them?";

pub(super) fn workloads(mode: Mode) -> Vec<Workload> {
    let rounds = mode.of(Sizes { smoke: 2, quick: 30, default: 50, full: 200 });
    let held = mode.of(Sizes { smoke: 1_000, quick: 100_000, default: 100_000, full: 100_000 });
    let consumed = mode.of(Sizes { smoke: 200, quick: 5_000, default: 20_000, full: 100_000 });
    let workload = |name, about, size| Workload::new(SET, name, about, size);
    let mut all = vec![
        in_flight(workload("in-flight", IN_FLIGHT, rounds)),
        workload("memory-100k", MEMORY, held)
            .parameter(100_000)
            .metric(Metric::PeakBytes)
            .bar(Bar::peers(1.0))
            .bar(Bar::baseline(1.0))
            .bar(Bar::Share { ours: "ours-in-task", of: "futures-buffered", times: 1, least: 1.0 })
            .with([
                contender!("ours", Ours, "ours/in_flight.rs", ours::in_flight::long),
                contender!("ours-in-task", Ours, "ours/in_flight.rs", ours::in_flight::long_in_task),
                contender!("futures-buffered", Peer, "futures_buffered.rs", futures_buffered::long),
                contender!("threads", Baseline, "threads.rs", threads::a_tenth),
            ]),
        workload("slow-consumer", CONSUMER, consumed)
            .parameter(100)
            .metric(Metric::Percentile999)
            // A fifth more than its own time, and 2 ms.
            .bar(Bar::AtMost(0.014))
            .with([
                contender!("ours", Ours, "ours/in_flight.rs", ours::in_flight::slow_consumer),
                contender!("futures-buffered", Peer, "futures_buffered.rs", futures_buffered::slow_consumer),
                contender!("buffer-unordered", Peer, "futures.rs", futures::slow_consumer),
            ]),
    ];
    all.extend(rates(mode));
    all
}

/// A point for each number of operations, and the bar of each.
fn in_flight(workload: Workload) -> Workload {
    const POINTS: [(u64, [&str; 2]); 5] = [
        (1, ["ours-1", "futures-buffered-1"]),
        (10, ["ours-10", "futures-buffered-10"]),
        (100, ["ours-100", "futures-buffered-100"]),
        (1_000, ["ours-1k", "futures-buffered-1k"]),
        (10_000, ["ours-10k", "futures-buffered-10k"]),
    ];
    let at = |contender: Contender, name, size| {
        let point = Some(Point { curve: contender.name, size, axis: Axis::Operations });
        // As long for each of them: so many times as many operations.
        Contender { name, point, ..contender.times(size) }
    };
    let alone = contender!("alone", Limit, "tokio.rs", tokio::alone);
    let mut workload = workload.parameter(1);
    for (size, [our_name, their_name]) in POINTS {
        let ours = contender!("ours", Ours, "ours/in_flight.rs", ours::in_flight::answers);
        let theirs = contender!("futures-buffered", Peer, "futures_buffered.rs", futures_buffered::answers);
        let share = Bar::Share { ours: our_name, of: alone.name, times: size, least: 0.9 };
        workload = workload.bar(share).with([at(ours, our_name, size), at(theirs, their_name, size)]);
    }
    workload.with([alone])
}

fn rates(mode: Mode) -> [Workload; 4] {
    let operations = mode.of(Sizes { smoke: 100, quick: 1_000, default: 2_000, full: 10_000 });
    let workload = |name, about, burst| {
        Workload::new(SET, name, about, operations).parameter(burst).metric(Metric::PercentOff)
    };
    let in_the_long_run = contender!("ours", Ours, "ours/in_flight.rs", ours::in_flight::rate);
    let in_any_window = contender!("ours", Ours, "ours/in_flight.rs", ours::in_flight::rate_in_any_window);
    [
        workload("rate-burst-1", RATE, 1)
            .bar(Bar::AtMost(1.0))
            .with([in_the_long_run.clone(), contender!("interval", Baseline, "tokio.rs", tokio::interval)]),
        workload("rate-burst-50", RATE, 50).bar(Bar::AtMost(1.0)).with([in_the_long_run]),
        workload("rate-window-1", WINDOW, 1).bar(Bar::AtMost(0.0)).with([
            in_any_window.clone(),
            contender!("interval", Baseline, "tokio.rs", tokio::interval_in_any_window),
        ]),
        workload("rate-window-50", WINDOW, 50).bar(Bar::AtMost(0.0)).with([in_any_window]),
    ]
}
