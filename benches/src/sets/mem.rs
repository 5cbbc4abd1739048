//! `mem`: pools against pools and against the allocator, and a pipeline of records that own memory.

use super::{Mode, Sizes};
use crate::contender::{Contender, Workload, contender};
use crate::contenders::{buffers, ours, records};

const SET: &str = "mem";

const ONE: &str = "A buffer of 4 KiB is got, written to and given back, on one thread.";
const TWO: &str = "The same on two threads at once, from one pool.";

const RECORDS: &str =
    "Records of a number, a text and 16 floats: parse, filter, upper case and scale, reduce.";

pub(crate) fn workloads(mode: Mode) -> Vec<Workload> {
    let pairs = mode.of(Sizes { smoke: 20_000, quick: 10_000_000, default: 20_000_000, full: 40_000_000 });
    let records = mode.of(Sizes { smoke: 5_000, quick: 2_000_000, default: 2_000_000, full: 2_000_000 });
    vec![
        Workload::new(SET, "pool-get-put-1", ONE, pairs).parameter(1).with(pools()),
        Workload::new(SET, "pool-get-put-2", TWO, pairs).parameter(2).with(pools()),
        Workload::new(SET, "records-2m", RECORDS, records).with([
            contender!("ours-arena", Ours, "ours/records.rs", ours::records::in_arena),
            contender!("ours-pool", Ours, "ours/records.rs", ours::records::pooled),
            contender!("std-iterator", Peer, "records.rs", records::std_iterator),
            contender!("naive-collect", Baseline, "records.rs", records::naive_collect),
            contender!("free-list", Limit, "records.rs", records::free_list),
            contender!("bumpalo", Limit, "records.rs", records::bump),
        ]),
    ]
}

fn pools() -> [Contender; 7] {
    [
        contender!("ours", Ours, "ours/pools.rs", ours::pools::pool),
        contender!("ours-limited", Ours, "ours/pools.rs", ours::pools::limited),
        contender!("ours-simple", Ours, "ours/pools.rs", ours::pools::simple),
        contender!("object-pool", Peer, "buffers.rs", buffers::object_pool),
        contender!("opool", Peer, "buffers.rs", buffers::opool),
        contender!("mutex-vec", Baseline, "buffers.rs", buffers::mutex_vec),
        contender!("malloc", Baseline, "buffers.rs", buffers::malloc),
    ]
}
