//! `mem`: pools against pools and against the allocator, and a pipeline of records that own memory.

use super::{Mode, Sizes};
use crate::contender::{Contender, Need, Role, contender};
use crate::contenders::{buffers, ours, records, slow_sink};
use crate::metric::Metric;
use crate::workload::Workload;

const SET: &str = "mem";

const ONE: &str = "A buffer of 4 KiB is got, written to and given back, on one thread.";
const TWO: &str = "The same on two threads at once, from one pool.";

const RECORDS: &str =
    "Records of a number, a text and 16 floats: parse, filter, upper case and scale, reduce.";

const LIMITED: &str = "The program of slow-sink without a limit of its own, in a control group of 128 MiB and in none, where it may take 256 MiB.";
const CALLS: &str = "How often these records make a program ask for memory and give it back: the larger of two runs, the smaller subtracted.";
const CPU: &str = "The instructions inside malloc, free and what they call, that these records cost, as callgrind counts them.";
const SLOW: &str = "A text of which one line in 10,000 has 8 MiB, through 64 MiB into a sink that takes it slower than it comes.";

pub(crate) fn workloads(mode: Mode) -> Vec<Workload> {
    let pairs = mode.of(Sizes { smoke: 20_000, quick: 10_000_000, default: 20_000_000, full: 40_000_000 });
    let records = mode.of(Sizes { smoke: 5_000, quick: 2_000_000, default: 2_000_000, full: 2_000_000 });
    // Counted at so many and at twice as many.
    let counted = mode.of(Sizes { smoke: 2_000, quick: 20_000, default: 20_000, full: 1_000_000 });
    let limited = mode.of(Sizes { smoke: 20_000, quick: 270_000, default: 540_000, full: 1_080_000 });
    let slow = mode.of(Sizes { smoke: 80_000, quick: 270_000, default: 540_000, full: 5_400_000 });
    vec![
        Workload::new(SET, "pool-get-put-1", ONE, pairs).parameter(1).with(pools()),
        Workload::new(SET, "pool-get-put-2", TWO, pairs).parameter(2).with(pools()),
        Workload::new(SET, "slow-sink", SLOW, slow)
            .metric(Metric::PeakOver { budget: ours::MEMORY_LIMIT as u64 })
            .rounds_max(3)
            .with(on_slow())
            .at_most(f64::from(32 << 20))
            // With an arena for each thread, the allocator may keep the budget once for each of them.
            .with([contender!("ours-parallel", Ours, "ours/slow_sink.rs", ours::slow_sink::parallel)])
            .with(not_ours()),
        Workload::new(SET, "memory-limited", LIMITED, limited).rounds_max(6).with(on_limited()),
        Workload::new(SET, "records-2m", RECORDS, records).with(on_records()),
        Workload::new(SET, "records-2m-allocator-calls", CALLS, counted)
            .metric(Metric::AllocatorCallsPerItem)
            .rounds_max(2)
            .with(counted_records())
            // A tenth of what the naive program needs.
            .at_most(0.96),
        Workload::new(SET, "records-2m-allocator-cpu", CPU, counted)
            .metric(Metric::AllocatorInstructionsPerItem)
            .rounds_max(2)
            .with(counted_records()),
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

/// Those of which one is compared with the others, since each takes a minute.
fn counted_records() -> impl Iterator<Item = Contender> {
    on_records().into_iter().filter(|one| matches!(one.role, Role::Ours | Role::Baseline))
}

pub(super) fn on_records() -> [Contender; 6] {
    [
        contender!("ours-arena", Ours, "ours/records.rs", ours::records::in_arena),
        contender!("ours-pool", Ours, "ours/records.rs", ours::records::pooled),
        contender!("std-iterator", Peer, "records.rs", records::std_iterator),
        contender!("naive-collect", Baseline, "records.rs", records::naive_collect),
        contender!("free-list", Limit, "records.rs", records::free_list),
        contender!("bumpalo", Limit, "records.rs", records::bump),
    ]
}

fn on_slow() -> [Contender; 5] {
    [
        contender!("ours-parallel-one-arena", Ours, "ours/slow_sink.rs", ours::slow_sink::parallel)
            .environment("MALLOC_ARENA_MAX", "1"),
        contender!("ours-inline", Ours, "ours/slow_sink.rs", ours::slow_sink::inline),
        contender!("ours-lazy-prefetch", Ours, "ours/slow_sink.rs", ours::slow_sink::lazy),
        contender!("ours-async-tokio", Ours, "ours/slow_sink.rs", ours::slow_sink::on_tokio),
        contender!("ours-async-monoio", Ours, "ours/slow_sink.rs", ours::slow_sink::on_monoio),
    ]
}

fn not_ours() -> [Contender; 2] {
    [
        contender!("channel-of-10000", Baseline, "slow_sink.rs", slow_sink::channel),
        contender!("plain-loop", Limit, "slow_sink.rs", slow_sink::plain_loop),
    ]
}

fn on_limited() -> [Contender; 3] {
    [
        contender!("ours-in-half", Ours, "ours/memory_limited.rs", ours::memory_limited::in_half)
            .needs(Need::MemoryGroup),
        contender!("plain-loop-in-half", Baseline, "slow_sink.rs", slow_sink::plain_loop_in_half)
            .needs(Need::MemoryGroup),
        contender!("unlimited", Limit, "ours/memory_limited.rs", ours::memory_limited::unlimited),
    ]
}
