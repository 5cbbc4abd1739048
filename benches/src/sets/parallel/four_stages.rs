//! Four stages over lines, serial, parallel, parallel and serial in order, against a pipeline of oneTBB in C++ and a pool in Python.

use super::SET;
use crate::bar::Bar;
use crate::contender::{Contender, contender};
use crate::contenders::{number_lines, ours};
use crate::inputs::Input;
use crate::sets::{Mode, Sizes};
use crate::workload::Workload;

const ABOUT: &str =
    "Lines of four numbers: read, taken apart, worked on, and taken in order, in four stages.";
const SMALL: &str = "The same on a file that Python gets through in a second.";

/// Compiled by `cargo xtask peers`.
const TBB: &str = "tbb_lines";
const TBB_SOURCE: &str = "benches/contenders/cpp/tbb_lines.cpp";
const PYTHON: &str = "benches/contenders/python/number_lines.py";

pub(crate) fn workloads(mode: Mode) -> Vec<Workload> {
    let lines = mode.of(Sizes { smoke: 5_000, quick: 400_000, default: 3_000_000, full: 10_000_000 });
    let few = mode.of(Sizes { smoke: 2_000, quick: 10_000, default: 50_000, full: 200_000 });
    let workload = |name, about, size| {
        Workload::new(SET, name, about, size).input(Input::NumberLines).with([
            contender!("ours", Ours, "ours/number_lines.rs", ours::number_lines::parallel),
            contender!("loop", Baseline, "number_lines.rs", number_lines::sequential),
        ])
    };
    vec![
        workload("four-stages", ABOUT, lines).with(in_cpp()).bar(Bar::peers(1.25)),
        workload("four-stages-small", SMALL, few).with([Contender::python(
            "python-multiprocessing",
            PYTHON,
            "imap",
        )]),
    ]
}

/// An item is a line, 256 lines that are cut by hand, or 64 KiB of whole lines; these also with all parallel work in one filter.
fn in_cpp() -> [Contender; 4] {
    [
        Contender::native("tbb-pipeline", TBB, (TBB_SOURCE, "lines")),
        Contender::native("tbb-pipeline-chunked", TBB, (TBB_SOURCE, "chunks")),
        Contender::native("tbb-pipeline-blocks", TBB, (TBB_SOURCE, "blocks")),
        Contender::native("tbb-pipeline-blocks-fused", TBB, (TBB_SOURCE, "blocks_fused")),
    ]
}
