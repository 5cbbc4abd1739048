//! How soon a run is over that ends early, and work within work.

use super::{SET, items};
use crate::bar::Bar;
use crate::contender::contender;
use crate::contenders::{nested, ours, rayon, stops};
use crate::metric::Metric;
use crate::sets::{Mode, Sizes};
use crate::tasks::nested::INNER;
use crate::workload::Workload;

const PANIC: &str = "A stage panics a quarter into its items of 100 ns: the time from there to the error.";
const CANCELLED: &str = "Runs on items of 10 us that are cancelled by one of these: the time from there to the end, at p99 of the runs.";
const PANICKED: &str = "The same, ended by a panic.";
const NESTED: &str = "Items that are parallel work on a thousand items of 100 ns each, on the same executor.";

pub(crate) fn workloads(mode: Mode) -> Vec<Workload> {
    let many = mode.of(Sizes { smoke: 20_000, quick: 1_000_000, default: 10_000_000, full: 10_000_000 });
    let runs = mode.of(Sizes { smoke: 3, quick: 40, default: 300, full: 1_000 });
    let runs = |name, about| Workload::new(SET, name, about, runs).metric(Metric::Percentile99);
    vec![
        Workload::new(SET, "panic-returns", PANIC, many)
            .metric(Metric::Seconds)
            .with([
                contender!("ours", Ours, "ours/panics.rs", ours::panics::parallel),
                contender!("rayon", Peer, "rayon.rs", rayon::panic_returns),
            ])
            .bar(Bar::AtMost(0.01)),
        runs("cancel-returns-p99", CANCELLED)
            .with([
                contender!("ours", Ours, "ours/stops.rs", ours::stops::cancelled),
                contender!("rayon-flag", Peer, "stops.rs", stops::rayon_flag),
            ])
            .bar(Bar::AtMost(200e-6)),
        runs("panic-returns-p99", PANICKED)
            .with([
                contender!("ours", Ours, "ours/stops.rs", ours::stops::panicked),
                contender!("rayon", Peer, "stops.rs", stops::rayon_panic),
            ])
            .bar(Bar::AtMost(200e-6)),
        Workload::new(SET, "nested", NESTED, items(mode, 100 * INNER))
            .with([
                contender!("ours", Ours, "ours/nested.rs", ours::nested::parallel),
                contender!("rayon", Peer, "nested.rs", nested::rayon),
                contender!("loop", Baseline, "nested.rs", nested::sequential),
            ])
            .bar(Bar::peers(1.0)),
    ]
}
