//! What `.retry` keeps back of several rows at once, with far less room than they want.

use pipe_core::{Order, exponential, from_iter};
use pipe_parallel::Parallel;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// Items of a record: 80 KiB, more than a buffer.
const OUTPUTS: u64 = 10_000;
const RECORDS: u64 = 24;

/// Fails at the last output of every third record, once for each.
struct Flaky(Vec<AtomicBool>);

impl Flaky {
    fn new() -> Self {
        Flaky((0..RECORDS).map(|_| AtomicBool::new(false)).collect())
    }

    fn pass(&self, item: u64) -> Result<u64, &'static str> {
        let (record, output) = (item / OUTPUTS, item % OUTPUTS);
        let fails = output + 1 == OUTPUTS && record.is_multiple_of(3);
        if fails && !self.0[record as usize].swap(true, Relaxed) { Err("once") } else { Ok(item) }
    }
}

fn explode(record: u64) -> std::ops::Range<u64> {
    record * OUTPUTS..(record + 1) * OUTPUTS
}

/// A record from its last output.
fn implode(item: u64) -> Option<u64> {
    (item % OUTPUTS + 1 == OUTPUTS).then_some(item / OUTPUTS)
}

#[test]
fn rows_one_behind_the_other_that_keep_outputs_back_all_end_with_room_for_one_record() {
    for (workers, limit, order) in
        [(2, 100 << 10, Order::Preserve), (6, 100 << 10, Order::Preserve), (6, 300 << 10, Order::Any)]
    {
        let (first, second, third) = (Flaky::new(), Flaky::new(), Flaky::new());
        let again = || exponential(2).first(Duration::ZERO);
        let row = from_iter(0..RECORDS).flat_map(explode).try_map(|item| first.pass(item)).retry(again());
        let row = row.scan(|| (), |(), item| item).filter_map(implode);
        let row = row.flat_map(explode).try_map(|item| second.pass(item)).retry(again());
        let row = row.scan(|| (), |(), item| item).filter_map(implode);
        let row = row.flat_map(explode).try_map(|item| third.pass(item)).retry(again());
        let parallel = Parallel::new().workers(workers).memory_limit(limit).spread_at_once();
        let row = if order == Order::Preserve { row } else { row.unordered() };
        let mut all = row.collect().run_on(&parallel).expect("each passes in its second attempt").value;
        if order == Order::Any {
            all.sort_unstable();
        }
        assert!(all.into_iter().eq(0..RECORDS * OUTPUTS));
    }
}
