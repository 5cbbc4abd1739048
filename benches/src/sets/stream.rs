//! `stream`: large files of lines, folded into small results.

use super::{Mode, Sizes, fitted};
use crate::contender::{Contender, Metric, Workload, contender};
use crate::contenders::{bufread, ours, rayon};
use crate::host::Capacity;
use crate::inputs::Input;

const SET: &str = "stream";

const STATIONS: &str = "Minimum, mean and maximum of each of 413 weather stations, from lines of `name;value` in one large file.";
const SMALL: &str = "The same on a file that Python gets through in a second or two.";
const LOG: &str = "Requests per path and status, from an Apache log in the combined format.";
const MEMORY: &str =
    "The peak resident memory of the stations program, on a file and on one many times as large.";

pub(crate) fn workloads(mode: Mode, capacity: Capacity) -> Vec<Workload> {
    let sized = |input: Input, sizes: Sizes| fitted(mode, input, mode.of(sizes), capacity);
    let stations = Sizes { smoke: 20_000, quick: 2_000_000, default: 20_000_000, full: 100_000_000 };
    let small = Sizes { smoke: 20_000, quick: 300_000, default: 1_000_000, full: 1_000_000 };
    let log = Sizes { smoke: 10_000, quick: 300_000, default: 2_000_000, full: 10_000_000 };
    vec![
        Workload::new(SET, "stations", STATIONS, sized(Input::Stations, stations))
            .input(Input::Stations)
            .with(on_stations()),
        Workload::new(SET, "stations-small", SMALL, sized(Input::Stations, small))
            .input(Input::Stations)
            .with(on_stations())
            .with([Contender::python("python-generator", "benches/contenders/python/stations.py")]),
        Workload::new(SET, "access-log", LOG, sized(Input::AccessLog, log)).input(Input::AccessLog).with([
            contender!("ours-parallel", Ours, "ours/access_log.rs", ours::access_log::parallel),
            contender!("rayon-memmap-foldhash", Peer, "rayon.rs", rayon::access_log),
            contender!("bufread-hashmap", Baseline, "bufread.rs", bufread::access_log),
        ]),
        constant_memory(mode, capacity),
    ]
}

fn on_stations() -> [Contender; 5] {
    [
        contender!("ours-parallel", Ours, "ours/stations.rs", ours::stations::parallel),
        contender!("ours-inline", Ours, "ours/stations.rs", ours::stations::inline),
        contender!("rayon-memmap-hashmap", Peer, "rayon.rs", rayon::stations_hashmap),
        contender!("rayon-memmap-foldhash", Peer, "rayon.rs", rayon::stations_foldhash),
        contender!("bufread-hashmap", Baseline, "bufread.rs", bufread::stations),
    ]
}

/// About 40 MB, and ten times that, or a hundred times in a full run.
fn constant_memory(mode: Mode, capacity: Capacity) -> Workload {
    let times = if mode == Mode::Full { 100 } else { 10 };
    let sizes = Sizes { smoke: 5_000, quick: 300_000, default: 3_000_000, full: 3_000_000 };
    let small = fitted(mode, Input::Stations, mode.of(sizes) * times, capacity) / times;
    let program = contender!("ours-small-input", Ours, "ours/stations.rs", ours::stations::parallel);
    Workload::new(SET, "constant-memory", MEMORY, small)
        .input(Input::Stations)
        .metric(Metric::PeakBytes)
        .rounds_max(3)
        .with([program.clone(), program.named("ours-large-input").times(times)])
}
