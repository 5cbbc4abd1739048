//! `parallel`: work on all cores, against the executors of the field at their best and against what no executor can beat.

mod cost;
mod four_stages;
mod kernels;
mod live;
mod reduce;
mod scaling;
mod skew;
mod stopping;
mod streams;

pub(super) use kernels::on_sha256;

use super::Mode;
use crate::workload::Workload;

const SET: &str = "parallel";

pub(crate) fn workloads(mode: Mode) -> Vec<Workload> {
    let mut workloads = streams::workloads(mode);
    workloads.extend(reduce::workloads(mode));
    workloads.extend(skew::workloads(mode));
    workloads.extend(four_stages::workloads(mode));
    workloads.extend(kernels::workloads(mode));
    workloads.extend(stopping::workloads(mode));
    workloads.extend(live::workloads(mode));
    workloads.extend(cost::workloads(mode));
    workloads.extend(scaling::workloads(mode));
    workloads
}

/// As many items of this cost as keep one thread busy for a time that scheduling does not blur; few in a quick run, which has
/// many workloads to get through.
fn items(mode: Mode, nanoseconds: u64) -> u64 {
    let millis = match mode {
        Mode::Smoke => return 20_000 / (nanoseconds / 100 + 1) + 1,
        Mode::Quick => 40,
        Mode::Default => 300,
        Mode::Full => 1_000,
    };
    // What a peer takes to move an item; and one of them holds all outputs in memory, which sets a limit as well.
    millis * 1_000_000 / (nanoseconds + 6) + 1
}
