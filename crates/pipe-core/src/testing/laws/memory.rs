//! Memory is bounded.

use super::one_item_may_become;
use super::work::{after, until_nothing_is_made};
use crate::error::RunError;
use crate::report::Report;
use crate::source::from_iter;
use crate::testing::build::at_once;
use crate::testing::{Counted, Live, Provable};
use crate::weigh::Weigh;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

/// Items that become many times what a buffer holds come out whole and in order.
pub fn an_exploding_item_comes_in_order(executor: &dyn Provable) {
    explode(executor);
}

/// The outputs of exploding items that are alive at once take at most `bytes`: the memory limit of the executor, and one buffer of
/// 64 KiB that each worker fills and one that it holds back.
pub fn an_exploding_item_stays_within(executor: &dyn Provable, bytes: usize) {
    let alive = explode(executor).most() * size_of::<Counted<u64>>();
    assert!(alive <= bytes, "outputs of {alive} bytes were alive at once, {bytes} are allowed");
}

fn explode(executor: &dyn Provable) -> Live {
    let live = Live::new();
    let (out, per_item) = (live.clone(), 100_000u64);
    let delivered = Arc::new(AtomicU64::new(0));
    let next = delivered.clone();
    from_iter(0..6u64)
        .flat_map(move |n| (0..per_item).map(move |k| n * per_item + k))
        .map(move |n| out.item(n))
        .for_each(move |item| assert_eq!(item.value, next.fetch_add(1, SeqCst), "out of order"))
        .run_on(executor)
        .expect("nothing fails");
    assert_eq!((delivered.load(SeqCst), live.now()), (6 * per_item, 0));
    // An item that explodes behind an edge, and behind a serial stage.
    let count = from_iter(0..2u64)
        .edge()
        .flat_map(move |n| (0..per_item).map(move |k| n * per_item + k))
        .scan(
            || 0u64,
            |seen, n| {
                *seen += 1;
                n + 1 - *seen
            },
        )
        .flat_map(|zero| [zero, 1])
        .fold(|| 0, |sum, n| *sum += n, |all, part| *all += part)
        .run_on(executor);
    assert_eq!(count.expect("nothing fails").value, 2 * per_item, "out of order, or not all");
    live
}

/// A sink that stands still stops the source: of items on their way there are never more than `bytes`. What that may be: the memory
/// limit, and for each worker a batch being read (256 KiB), a buffer that it fills and one that it hands on (64 KiB each) per segment.
pub fn a_slow_sink_slows_the_source(executor: &dyn Provable, bytes: usize) {
    const ITEM: usize = 256;
    let live = Live::new();
    let (made, watched) = (live.clone(), live.clone());
    let items = (0..(bytes / ITEM * 4).max(20_000) as u64).map(move |n| made.item([n; ITEM / 8 - 1]));
    let mut written = 0u64;
    let slow = move |item: Counted<[u64; ITEM / 8 - 1]>| {
        drop(item);
        written += 1;
        if written % 10_000 == 5 {
            until_nothing_is_made(&watched);
        }
    };
    let worked = |item: Counted<[u64; ITEM / 8 - 1]>| {
        after(item.value[0], 100);
        item
    };
    from_iter(items).map(worked).edge().map(worked).for_each(slow).run_on(executor).expect("nothing fails");
    let alive = live.most() * size_of::<Counted<[u64; ITEM / 8 - 1]>>();
    assert!(alive <= bytes, "items of {alive} bytes were on their way at once, {bytes} are allowed");
    assert_eq!(live.now(), 0);
}

/// Items that own memory are weighed wherever they wait: of what they own at most `bytes` is alive at once.
pub fn weighed_items_stay_within(executor: &dyn Provable, bytes: usize) {
    const OWNED: usize = 16 << 10;
    let live = Live::new();
    let made = live.clone();
    let items = (0..(bytes / OWNED * 4) as u64).map(move |n| made.item(vec![n as u8; OWNED]));
    let chain = from_iter(items).weighed().map(|item: Counted<Vec<u8>>| {
        after(u64::from(item.value[0]), 1_000);
        item
    });
    let report = chain.edge().map(|item| item).scan(|| (), |(), item| item).for_each(drop).run_on(executor);
    report.expect("nothing fails");
    let alive = live.most() * OWNED;
    assert!(alive <= bytes, "items that own {alive} bytes were on their way at once, {bytes} are allowed");
}

/// An accumulator that outgrows the limit ends the run with the typed error, also if it weighs more than it says where it lies.
pub fn accumulators_count_against_the_limit(executor: &dyn Provable) {
    struct Grows(usize);
    impl Weigh for Grows {
        fn heap(&self) -> usize {
            self.0
        }
    }
    let grow = |limit: usize| {
        let fold = from_iter(0..100_000u64).map(|n| after(n, 5)).fold(
            || Grows(0),
            move |grows, _| grows.0 += limit / 10_000,
            |all, part| all.0 += part.0,
        );
        fold.weighed().run_on(executor).map(|report| report.peak_bytes)
    };
    let limit = executor.says().expect("its settings make sense").memory_limit;
    match grow(limit.max(10_000)) {
        Err(RunError::Budget { wanted, limit: said, .. }) => {
            assert!(said == limit && wanted > limit, "{wanted} of {said}");
        }
        other => panic!("accumulators of ten times the limit: {other:?}"),
    }
    let peak = grow(limit / 20).expect("half of the limit fits");
    assert!(peak > limit / 20, "the report says that {peak} bytes were in use at most");
}

/// What `.retry` keeps back until its record has passed the segment counts against the limit, and comes back when an attempt has failed.
pub fn outputs_kept_back_count_against_the_limit(executor: &dyn Provable) {
    let limit = executor.says().expect("its settings make sense").memory_limit;
    // Below some buffers of 64 KiB a record may fit into the one that is not full yet.
    let record = (limit / 2).min(1 << 20);
    let report = keep_back(executor, record, &Live::new(), Behind::Folds);
    let least = if record < 256 << 10 { 0 } else { record / 2 };
    let peak = report.peak_bytes;
    assert!(peak >= least, "{peak} bytes in use at most, while a record of {record} was kept back");
}

/// Records of `record` bytes, which all workers keep back at once: together they never have more than `bytes`, whether a fold is behind
/// them, a sink that takes them in order, or one in any order. What that may be: the memory limit, one record beside it, and for each
/// worker a buffer that it fills and one that it puts aside (64 KiB each).
pub fn outputs_kept_back_stay_within(executor: &dyn Provable, record: usize, bytes: usize) {
    for behind in [Behind::Folds, Behind::TakesInOrder, Behind::TakesInAnyOrder] {
        let live = Live::new();
        keep_back(executor, record, &live, behind);
        let alive = live.most() * KEPT;
        assert!(
            alive <= bytes,
            "{behind:?}: outputs of {alive} bytes were kept back at once, {bytes} are allowed"
        );
        assert_eq!(live.now(), 0);
    }
}

/// What is behind the stage that keeps its outputs back.
#[derive(Debug, Clone, Copy)]
enum Behind {
    /// Each worker takes its own: it waits for nobody.
    Folds,
    /// One place after the other is taken, so that what passed in its last attempt may still have to wait.
    TakesInOrder,
    TakesInAnyOrder,
}

/// What an item weighs.
const KEPT: usize = size_of::<Counted<[u64; 7]>>();

/// Twelve records, each of which becomes `record` bytes and passes in its second attempt.
fn keep_back(executor: &dyn Provable, record: usize, live: &Live, behind: Behind) -> Report<u64> {
    const RECORDS: u64 = 12;
    let (made, outputs) = (live.clone(), (record / KEPT) as u64);
    let failed: Arc<[AtomicBool]> = (0..RECORDS).map(|_| AtomicBool::new(false)).collect();
    let begin = failed.clone();
    let chain = from_iter(0..RECORDS)
        .flat_map(move |n| (0..outputs).map(move |k| [n, k, 0, 0, 0, 0, 0]))
        .map(move |item| made.item([after(item[0], 20), item[1], 0, 0, 0, 0, 0]))
        .try_map(move |item| {
            let [n, k, ..] = item.value;
            let ends = k + 1 == outputs;
            if ends && !failed[n as usize].swap(true, SeqCst) { Err("the last one, once") } else { Ok(item) }
        })
        .retry(at_once(2));
    let taken = Arc::new(AtomicU64::new(0));
    let seen = taken.clone();
    let take = move |_| _ = seen.fetch_add(1, SeqCst);
    let report = match behind {
        Behind::Folds => chain
            .edge()
            .fold(|| 0, |count, _| *count += 1, |all: &mut u64, part| *all += part)
            .run_on(executor),
        Behind::TakesInOrder => {
            chain.for_each(take).run_on(executor).map(|report| report.map(|()| taken.load(SeqCst)))
        }
        Behind::TakesInAnyOrder => chain
            .unordered()
            .for_each(take)
            .run_on(executor)
            .map(|report| report.map(|()| taken.load(SeqCst))),
    };
    let report = report.expect("each record passes in its second attempt");
    assert_eq!(report.value, RECORDS * outputs);
    assert!(begin.iter().all(|failed| failed.load(SeqCst)));
    report
}

/// With limits from 4 KiB to 1 MiB: what explodes, waits for a slow sink, is kept back or owns memory stays within them, one item may become ten thousand
/// or a million (in release a hundred million), and [`any_memory_limit_will_do`].
///
/// `make` makes an executor with that limit. `beside` says how many bytes may be alive beside it, in a plan of this many rows of parallel
/// stages: what workers fill and hand on.
pub fn within_limits(make: &dyn Fn(usize) -> Box<dyn Provable>, beside: &dyn Fn(usize) -> usize) {
    for limit in [4 << 10, 64 << 10, 1 << 20] {
        let executor = make(limit);
        an_exploding_item_stays_within(&*executor, limit + beside(1));
        a_slow_sink_slows_the_source(&*executor, limit + beside(2));
        // An item owns 16 KiB.
        if limit >= 64 << 10 {
            weighed_items_stay_within(&*executor, limit + beside(3));
        }
        outputs_kept_back_stay_within(&*executor, limit / 2, limit + limit / 2 + beside(2));
    }
    let most = if cfg!(debug_assertions) { 1_000_000 } else { 100_000_000 };
    for outputs in [1, 10_000, most] {
        one_item_may_become(&*make(1 << 20), outputs, (1 << 20) + beside(2));
    }
    any_memory_limit_will_do(make);
}

/// A limit of one byte, of one item, of a few: the outputs are right, or the run ends with the typed error where an item alone is larger.
/// It never hangs and never gives something else. `make` makes an executor with that limit.
pub fn any_memory_limit_will_do(make: &dyn Fn(usize) -> Box<dyn Provable>) {
    for limit in [1, 7, 8, 9, 64, 1_000, 4_096, 1 << 20] {
        let executor = make(limit);
        let chain = from_iter(0..3_000u64).map(|n| after(n, 200)).flat_map(|n| [n, n]).edge();
        let chain = chain.scan(|| 0, |_, n| n).map(|n| after(n, 50)).batch(2).map(|pair| pair[0]);
        match chain.collect().run_on(&*executor) {
            Ok(report) => {
                assert!(report.value == (0..3_000).collect::<Vec<_>>(), "limit {limit}: other outputs")
            }
            // A pair is a vector of two.
            Err(RunError::Budget { .. }) if limit < size_of::<Vec<u64>>() + 2 * size_of::<u64>() => {}
            Err(error) => panic!("limit {limit}: {error}"),
        }
    }
}
