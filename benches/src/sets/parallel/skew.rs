//! Items of very different cost, against the same work shared out evenly by who knows what each will cost.

use super::{SET, items};
use crate::bar::Bar;
use crate::contender::{Contender, contender};
use crate::contenders::{any_task, ours};
use crate::sets::Mode;
use crate::tasks::skew::{Costs, First, Giant, Pareto, Rare, Skewed, Tail};
use crate::workload::Workload;

const PARETO: &str = "2 us an item at least and 6 us in the mean, with a long tail (Pareto).";
const RARE: &str = "1 us an item, and 1 ms for one in a thousand.";
const TAIL: &str = "1 us an item, and 100 us for each of the last hundredth.";
const GIANT: &str = "20 us an item, and one in the middle that takes half as long as all others together.";
const FIRST: &str =
    "20 ms for the first item, 6 us for the others: what is lost to who looks first whether threads pay.";

pub(crate) fn workloads(mode: Mode) -> Vec<Workload> {
    let in_order = [
        workload::<Pareto>(mode, "skew-pareto-ordered", PARETO, 6_000).with(ordered::<Pareto>()),
        workload::<Rare>(mode, "skew-rare-ordered", RARE, 2_000).with(ordered::<Rare>()),
        workload::<Tail>(mode, "skew-tail-ordered", TAIL, 2_000).with(ordered::<Tail>()),
        workload::<Giant>(mode, "skew-giant-ordered", GIANT, 30_000).with(ordered::<Giant>()),
        workload::<First>(mode, "skew-first-ordered", FIRST, 6_000).with(ordered::<First>()),
    ];
    let in_any = [
        workload::<Pareto>(mode, "skew-pareto-unordered", PARETO, 6_000).with(unordered::<Pareto>()),
        workload::<Rare>(mode, "skew-rare-unordered", RARE, 2_000).with(unordered::<Rare>()),
        workload::<Tail>(mode, "skew-tail-unordered", TAIL, 2_000).with(unordered::<Tail>()),
        workload::<Giant>(mode, "skew-giant-unordered", GIANT, 30_000).with(unordered::<Giant>()),
    ];
    let in_order = in_order.into_iter().map(|workload| workload.bar(Bar::limit(0.97)));
    in_order.chain(in_any.into_iter().map(|workload| workload.bar(Bar::limit(0.98)))).collect()
}

/// The mean cost in nanoseconds is its parameter.
fn workload<C: Costs>(mode: Mode, name: &'static str, about: &'static str, mean: u64) -> Workload {
    Workload::new(SET, name, about, items(mode, mean).max(200)).parameter(mean)
}

fn ordered<C: Costs>() -> [Contender; 7] {
    [
        contender!("ours", Ours, "ours/any_task.rs", ours::any_task::ordered::<Skewed<C>>),
        contender!("rayon-par-bridge-chunked", Peer, "any_task.rs", any_task::rayon_bridge::<Skewed<C>>),
        contender!("rayon-batches", Peer, "any_task.rs", any_task::rayon_batches::<Skewed<C>>),
        contender!("crossbeam-pool-chunked", Peer, "any_task.rs", any_task::crossbeam::<Skewed<C>>),
        contender!("pariter-chunked", Peer, "any_task.rs", any_task::pariter::<Skewed<C>>),
        contender!("orx-iterator", Peer, "any_task.rs", any_task::orx::<Skewed<C>>),
        contender!("even-shares", Limit, "any_task.rs", any_task::even_shares::<C>),
    ]
}

fn unordered<C: Costs>() -> [Contender; 5] {
    [
        contender!("ours", Ours, "ours/any_task.rs", ours::any_task::unordered::<Skewed<C>>),
        contender!(
            "rayon-par-bridge-chunked",
            Peer,
            "any_task.rs",
            any_task::rayon_bridge_unordered::<Skewed<C>>
        ),
        contender!("crossbeam-pool-chunked", Peer, "any_task.rs", any_task::crossbeam_unordered::<Skewed<C>>),
        contender!("orx-iterator", Peer, "any_task.rs", any_task::orx_unordered::<Skewed<C>>),
        contender!("even-shares", Limit, "any_task.rs", any_task::even_shares_unordered::<C>),
    ]
}
