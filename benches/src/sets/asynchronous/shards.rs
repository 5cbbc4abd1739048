//! Operations that compute, on one driver and on one for each core.

use super::SET;
use crate::bar::Bar;
use crate::contender::{Workers, contender};
use crate::contenders::{ours, tokio};
use crate::sets::{Mode, Sizes};
use crate::workload::Workload;

const COMPUTING: &str = "Operations that are woken once and then compute for 10 us, on all cores.";

pub(super) fn computing(mode: Mode) -> Workload {
    let size = mode.of(Sizes { smoke: 3_000, quick: 50_000, default: 200_000, full: 1_000_000 });
    Workload::new(SET, "computing", COMPUTING, size).parameter(1_000).bar(Bar::peers(1.0)).with([
        contender!("ours", Ours, "ours/shards.rs", ours::shards::computing),
        contender!("ours-one-shard", Ours, "ours/shards.rs", ours::shards::computing)
            .workers(Workers::Exactly(1)),
        contender!("tokio-tasks", Peer, "tokio.rs", tokio::computing),
    ])
}
