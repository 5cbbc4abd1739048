//! What the executor itself costs: one worker against the plain loop, and many more workers than cores against one.

use super::{SET, items};
use crate::bar::Bar;
use crate::contender::{Contender, Workers, contender};
use crate::contenders::{any_task, hand, ours, rayon, reduce};
use crate::metric::Metric;
use crate::sets::Mode;
use crate::tasks::costed::ROUNDS;
use crate::tasks::skew::{Pareto, Skewed};
use crate::workload::Workload;

const ONE: &str = "One worker, where there is nothing to share: against the plain loop.";
const MANY: &str =
    "Eight workers for each core: what all of them together spend on an item of 1 us, against one worker.";

/// The names, in the order of [`ROUNDS`].
const ONE_WORKER: [&str; 5] =
    ["one-worker-0ns", "one-worker-10ns", "one-worker-100ns", "one-worker-1us", "one-worker-10us"];

pub(crate) fn workloads(mode: Mode) -> Vec<Workload> {
    let [_, ten, .., micro, _] = ROUNDS;
    let workload = |name, about, (nanoseconds, rounds)| {
        Workload::new(SET, name, about, items(mode, nanoseconds)).parameter(rounds)
    };
    let ordered = ONE_WORKER.into_iter().zip(ROUNDS).map(|(name, cost)| {
        workload(name, ONE, cost).with(alone(
            contender!("ours", Ours, "ours/ordered.rs", ours::ordered::parallel),
            contender!("loop", Baseline, "hand.rs", hand::ordered),
        ))
    });
    let others = [
        workload("one-worker-unordered-10ns", ONE, ten).with(alone(
            contender!("ours", Ours, "ours/ordered.rs", ours::ordered::parallel_unordered),
            contender!("loop", Baseline, "hand.rs", hand::unordered),
        )),
        workload("one-worker-reduce-10ns", ONE, ten).with(alone(
            contender!("ours", Ours, "ours/reduce.rs", ours::reduce::iterator),
            contender!("loop", Baseline, "reduce.rs", reduce::iterator_loop),
        )),
        workload("one-worker-pareto", ONE, (6_000, 6_000)).with(alone(
            contender!("ours", Ours, "ours/any_task.rs", ours::any_task::ordered::<Skewed<Pareto>>),
            contender!("loop", Baseline, "any_task.rs", any_task::sequential::<Skewed<Pareto>>),
        )),
    ];
    let many = |one: Contender| one.workers(Workers::PerCore(8));
    let oversubscribed =
        workload("oversubscribed-1us", MANY, micro).metric(Metric::CpuNanosecondsPerItem).with([
            many(contender!("ours", Ours, "ours/ordered.rs", ours::ordered::parallel)),
            many(contender!("rayon-batches", Peer, "rayon.rs", rayon::batches_ordered)),
            contender!("one-worker", Limit, "ours/ordered.rs", ours::ordered::parallel)
                .workers(Workers::Exactly(1)),
        ]);
    let all = ordered.chain(others).map(|workload| workload.bar(Bar::baseline(1.0 / 1.02)));
    all.chain([oversubscribed.bar(Bar::limit(1.0 / 1.10))]).collect()
}

fn alone(ours: Contender, sequential: Contender) -> [Contender; 2] {
    [ours.workers(Workers::Exactly(1)), sequential]
}
