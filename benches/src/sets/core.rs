//! `core`: what the chain itself costs, on one thread, against the loop written by hand and against `std::iter`.

use super::{Mode, Sizes};
use crate::bar::Bar;
use crate::contender::{Contender, Need, contender};
use crate::contenders::{compile, hand, ours, std_iterator};
use crate::metric::Metric;
use crate::workload::Workload;

pub(crate) fn workloads(mode: Mode) -> Vec<Workload> {
    let numbers =
        mode.of(Sizes { smoke: 20_000, quick: 50_000_000, default: 100_000_000, full: 200_000_000 });
    let observed = mode.of(Sizes { smoke: 20_000, quick: 1_000_000, default: 2_000_000, full: 5_000_000 });
    // Whole batches; an item has hundreds of instructions.
    let batches = mode.of(Sizes { smoke: 10_240, quick: 51_200, default: 51_200, full: 51_200 });
    // Twice this runs under callgrind as well; the count hardly varies, so that a million says as much as more.
    let counted = mode.of(Sizes { smoke: 10_000, quick: 200_000, default: 1_000_000, full: 1_000_000 });
    let instructions = |workload: Workload| workload.metric(Metric::InstructionsPerItem).rounds_max(2);
    vec![
        fused_rows(mode),
        instructions(Workload::new(SET, "policy-skip-instructions", POLICY, counted)).with([
            contender!("ours", Ours, "ours/policies.rs", ours::policies::skipping),
            contender!("ours-fail", Limit, "ours/policies.rs", ours::policies::failing),
        ]),
        Workload::new(SET, "fused-numbers-predictable", PREDICTABLE, numbers).with(predictable()),
        Workload::new(SET, "fused-numbers-unpredictable", UNPREDICTABLE, numbers).with(unpredictable()),
        instructions(Workload::new(SET, "fused-numbers-predictable-instructions", COUNTED, counted))
            .with(predictable()),
        instructions(Workload::new(SET, "fused-numbers-unpredictable-instructions", COUNTED, counted))
            .with(unpredictable()),
        Workload::new(SET, "observed", OBSERVED, observed)
            .metric(Metric::CpuNanosecondsPerItem)
            .bar(Bar::limit(0.99))
            .with(on_observed()),
        instructions(Workload::new(SET, "observed-instructions", OBSERVED, batches))
            .bar(Bar::limit(0.998))
            .with(told()),
        instructions(Workload::new(SET, "interop-iterator-instructions", INTEROP, counted)).with([
            contender!("ours", Ours, "ours/interop.rs", ours::interop::iterated),
            contender!("ours-sink", Limit, "ours/interop.rs", ours::interop::sunk),
        ]),
        Workload::new(SET, "compile-64-adapters", COMPILE, 64)
            .metric(Metric::Seconds)
            .rounds_max(3)
            .not_in_smoke()
            .with([contender!("ours", Ours, "compile.rs", compile::sixty_four)
                .needs(Need::File(compile::EXAMPLE))]),
    ]
}

const SET: &str = "core";

const PREDICTABLE: &str =
    "Eight cheap numeric stages over 0..n and a sum; the filters nearly always pass, in a pattern.";
const UNPREDICTABLE: &str = "The same with filters on hashed bits: half, then three quarters pass.";
const COUNTED: &str = "The same chain under callgrind, at n and 2n items: the difference, per item.";
const POLICY: &str = "A stage that might fail and never does, under callgrind: the policy `skip` against `fail`. The bar is 3% more.";
const OBSERVED: &str = "Batches of 256 items and about 50 us: told to `Counters`, or to an observer that does nothing, and to nobody.";
const INTEROP: &str = "One map, iterated with `for` and summed, under callgrind; the same batches into a sink. The bar is one branch an item more.";
const COMPILE: &str =
    "cargo build --release of one example with 64 chained adapters, dependencies built; the bar is 10 s.";
const ROWS: &str =
    "Eight stages over rows borrowed from an in-memory log: parse, two filters, four maps, a sum.";

fn fused_rows(mode: Mode) -> Workload {
    let rows = mode.of(Sizes { smoke: 5_000, quick: 2_000_000, default: 4_000_000, full: 10_000_000 });
    Workload::new(SET, "fused-rows", ROWS, rows).with([
        contender!("ours", Ours, "ours/fused_rows.rs", ours::fused_rows::inline),
        contender!("std-iterator", Peer, "std_iterator.rs", std_iterator::fused_rows),
        contender!("hand-loop", Limit, "hand.rs", hand::fused_rows),
    ])
}

fn on_observed() -> [Contender; 3] {
    [
        contender!("ours", Ours, "ours/observed.rs", ours::observed::counted),
        contender!("ours-told", Ours, "ours/observed.rs", ours::observed::told),
        contender!("ours-unobserved", Limit, "ours/observed.rs", ours::observed::unobserved),
    ]
}

fn told() -> [Contender; 2] {
    [
        contender!("ours", Ours, "ours/observed.rs", ours::observed::told),
        contender!("ours-unobserved", Limit, "ours/observed.rs", ours::observed::unobserved),
    ]
}

fn predictable() -> [Contender; 3] {
    [
        contender!("ours", Ours, "ours/fused_numbers.rs", ours::fused_numbers::inline_predictable),
        contender!("std-iterator", Peer, "std_iterator.rs", std_iterator::fused_numbers_predictable),
        contender!("hand-loop", Limit, "hand.rs", hand::fused_numbers_predictable),
    ]
}

fn unpredictable() -> [Contender; 3] {
    [
        contender!("ours", Ours, "ours/fused_numbers.rs", ours::fused_numbers::inline_unpredictable),
        contender!("std-iterator", Peer, "std_iterator.rs", std_iterator::fused_numbers_unpredictable),
        contender!("hand-loop", Limit, "hand.rs", hand::fused_numbers_unpredictable),
    ]
}
