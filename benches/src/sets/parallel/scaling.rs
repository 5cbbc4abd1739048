//! The same stream on one worker, on two, and so on to all cores: only where `--scaling` asks for it.

use super::{SET, items};
use crate::contender::{Contender, Workers, contender};
use crate::contenders::{hand, ours};
use crate::host;
use crate::sets::Mode;
use crate::tasks::costed::ROUNDS;
use crate::workload::Workload;

const MICRO: &str =
    "1 us of work an item, outputs in order, on each number of workers up to that of the cores.";
const TEN: &str =
    "10 us of work an item, outputs in order, on each number of workers up to that of the cores.";

pub(crate) fn workloads(mode: Mode) -> Vec<Workload> {
    let [.., micro, ten] = ROUNDS;
    let workload = |name, about, (nanoseconds, rounds)| {
        // As long on all cores as the other workloads are on one.
        let size = items(mode, nanoseconds) * host::workers() as u64;
        Workload::new(SET, name, about, size).parameter(rounds).scaling().with(on_each(host::workers()))
    };
    vec![workload("scaling-1us", MICRO, micro), workload("scaling-10us", TEN, ten)]
}

/// One of ours for each number of workers: the one with all comes first, because it is the one that is meant.
fn on_each(cores: usize) -> Vec<Contender> {
    let one = |workers: usize| {
        // A handful of names, for as long as the program runs.
        let name: &'static str = format!("ours-on-{workers}").leak();
        let ours = contender!("ours", Ours, "ours/ordered.rs", ours::ordered::parallel);
        ours.named(name).workers(Workers::Exactly(workers))
    };
    let sequential = contender!("loop", Baseline, "hand.rs", hand::ordered);
    (1..=cores).rev().map(one).chain([sequential]).collect()
}
