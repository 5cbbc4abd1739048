//! Live sources: how long an item is on its way, and what waiting for the next one costs.

use super::SET;
use crate::bar::Bar;
use crate::contender::{Role, contender};
use crate::contenders::{ours, paced};
use crate::metric::Metric;
use crate::sets::{Mode, Sizes};
use crate::workload::Workload;

const SLOW: &str =
    "A source of 1,000 items/s, 1 us of work on each: from the source to the sink, at p99 of the items.";
const FAST: &str = "The same at 100,000 items/s.";
const IDLE: &str = "The processor time that goes into a source of 1,000 items/s, with 1 us of work on each.";

pub(crate) fn workloads(mode: Mode) -> Vec<Workload> {
    let slow = mode.of(Sizes { smoke: 10, quick: 100, default: 1_000, full: 5_000 });
    let fast = mode.of(Sizes { smoke: 200, quick: 10_000, default: 100_000, full: 500_000 });
    let latency = |name, about, size, per_second: u64| {
        let workload = Workload::new(SET, name, about, size).parameter(per_second);
        let workload = workload.metric(Metric::Percentile99).with([
            contender!("ours", Ours, "ours/paced.rs", ours::paced::parallel),
            contender!("crossbeam-pool", Peer, "paced.rs", paced::crossbeam),
        ]);
        workload.bar(Bar::peers(1.0))
    };
    vec![
        latency("latency-1k", SLOW, slow, 1_000),
        latency("latency-100k", FAST, fast, 100_000),
        Workload::new(SET, "idle-1k", IDLE, slow)
            .parameter(1_000)
            .metric(Metric::CpuPercent)
            .with([
                contender!("ours", Ours, "ours/paced.rs", ours::paced::parallel),
                contender!("crossbeam-pool", Peer, "paced.rs", paced::crossbeam),
                contender!("loop", Baseline, "paced.rs", paced::sequential),
            ])
            .bar(Bar::Above { against: Role::Baseline, most: 1.0 }),
    ]
}
