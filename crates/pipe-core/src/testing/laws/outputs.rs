//! What comes out when nothing goes wrong.

use super::work::{after, work};
use crate::rows;
use crate::source::{from_iter, from_source};
use crate::stage::{Emit, Flow, Stage, Step};
use crate::testing::{Provable, Pull, ScriptedSink, ScriptedSource, TextSource, VirtualClock};
use std::num::ParseIntError;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::time::Duration;

/// Items that cost very different amounts of work come out in the order in which they went in.
pub fn outputs_come_in_order(executor: &dyn Provable) {
    let heavy = |n: u64| if n.is_multiple_of(97) { 2_000 } else { n % 7 };
    let script = (0..400u64).map(|k| Pull::Give((k * 10..k * 10 + 10).collect()));
    let chain = from_source(ScriptedSource::new(script)).map(move |n| after(n, heavy(n)));
    let ran = chain.edge().filter(|n| n % 3 != 0).edge().map(move |n| after(n, heavy(n + 1))).collect();
    let outputs = ran.run_on(executor).expect("nothing fails").value;
    assert!(outputs == (0..4_000).filter(|n| n % 3 != 0).collect::<Vec<_>>(), "out of order, or incomplete");
}

/// With `.unordered()` the outputs are the same, in any order.
pub fn unordered_outputs_are_the_same_multiset(executor: &dyn Provable) {
    let ran = from_iter(0..50_000u64).map(|n| work(n, n % 64)).unordered().collect().run_on(executor);
    let mut outputs = ran.expect("nothing fails").value;
    let mut expected: Vec<u64> = (0..50_000).map(|n| work(n, n % 64)).collect();
    outputs.sort_unstable();
    expected.sort_unstable();
    assert!(outputs == expected, "the multisets differ");
}

/// No item, one commit; a fold gives its start.
pub fn an_empty_input_commits_the_sink(executor: &dyn Provable) {
    let (sink, log) = ScriptedSink::new();
    let report = from_iter(Vec::<u8>::new()).map(|n| n).to(sink).run_on(executor).expect("nothing fails");
    assert_eq!((log.items(), log.commits(), log.drops(), report.taken()), (vec![], 1, 1, 0));
    let (sink, log) = ScriptedSink::new();
    let none = from_source(ScriptedSource::<u8>::new([]));
    none.map(|n| n).scan(|| 0, |_, n| n).edge().map(|n| n).to(sink).run_on(executor).expect("nothing fails");
    assert_eq!((log.items(), log.commits(), log.drops()), (vec![], 1, 1));
    let start = from_iter(Vec::<u8>::new()).fold(|| 7u32, |_, _| (), |_, _| ()).run_on(executor);
    assert_eq!(start.expect("nothing fails").value, 7);
}

/// A state, here one that is not `Send`, is made once by each worker that ran; that of a serial stage once.
pub fn each_worker_makes_its_state_once(executor: &dyn Provable) {
    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let make = move || {
        count.fetch_add(1, SeqCst);
        Rc::new(2)
    };
    let chain = from_iter(0..4_000u64).map_with(make, |two, n| work(n, n % 500) ^ (n * **two));
    let report = chain.collect().run_on(executor).expect("nothing fails");
    let states = made.load(SeqCst);
    assert!((1..=report.workers).contains(&states), "{states} states for {} workers", report.workers);
    assert!(report.value == (0..4_000).map(|n| work(n, n % 500) ^ (n * 2)).collect::<Vec<_>>());

    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let make = move || count.fetch_add(1, SeqCst);
    let chain = from_iter(0..4_000u64).map(|n| after(n, 300)).scan(make, |_, n| n);
    chain.collect().run_on(executor).expect("nothing fails");
    assert_eq!(made.load(SeqCst), 1, "a serial stage has one state");
}

/// One accumulator per worker, each merged once.
pub fn a_fold_takes_every_item_once(executor: &dyn Provable) {
    let sum = from_iter(0..100_000u64)
        .map(|n| (work(n, 20), n))
        .fold(
            || (0, 0),
            |(count, sum), (_, n)| (*count, *sum) = (*count + 1, *sum + n),
            |all, part| {
                all.0 += part.0;
                all.1 += part.1;
            },
        )
        .run_on(executor);
    assert_eq!(sum.expect("nothing fails").value, (100_000u64, 4_999_950_000));
}

/// A fold right behind `parse` takes rows that borrow from their batch.
pub fn a_fold_takes_rows(executor: &dyn Provable) {
    struct Sale<'a> {
        name: &'a str,
        price: u64,
    }
    rows!(Sale);
    fn sale(line: &str) -> Result<Sale<'_>, ParseIntError> {
        let (name, price) = line.split_once('=').unwrap_or((line, ""));
        Ok(Sale { name, price: price.parse()? })
    }
    let lines: Vec<String> = (0..5_000).map(|n| format!("{}={n}", "x".repeat(n % 5))).collect();
    let sum = from_source(TextSource::new(lines)).parse(sale).fold(
        || (0, 0),
        |(letters, sum), sale| (*letters, *sum) = (*letters + sale.name.len(), *sum + sale.price),
        |all, part| {
            all.0 += part.0;
            all.1 += part.1;
        },
    );
    assert_eq!(sum.run_on(executor).expect("nothing fails").value, (10_000, 12_497_500));
}

/// What a stage kept until the end comes out at the end, and goes through what is behind it.
pub fn the_last_group_is_not_lost(executor: &dyn Provable) {
    let groups = from_iter(0..1_003u64).map(|n| after(n, 50)).batch(10).map(|group| group.len());
    let lengths = groups.edge().batch(7).collect().run_on(executor).expect("nothing fails").value;
    assert_eq!(lengths.len(), 15);
    assert_eq!(lengths[13], [10; 7]);
    assert_eq!(lengths[14], [10, 10, 3], "the last groups");
}

/// Batches keep to their bounds of items and bytes, whatever passes of time; one item that is larger goes alone;
/// nothing is lost, and nothing changes places. While the clock stands still, they are as full as these bounds permit.
pub fn batches_keep_to_their_bounds(executor: &dyn Provable) {
    const MOST: usize = 10;
    const BYTES: usize = 1_000;
    const AGE: Duration = Duration::from_millis(10);
    let input = || (0..3_000usize).map(|n| vec![n as u8; if n % 97 == 5 { 2_000 } else { n * 31 % 200 }]);
    let weight =
        |items: &[Vec<u8>]| items.iter().map(|item| size_of::<Vec<u8>>() + item.len()).sum::<usize>();
    let mut full: Vec<Vec<Vec<u8>>> = Vec::new();
    for item in input() {
        let fits = |group: &Vec<Vec<u8>>| {
            group.len() < MOST && weight(group) + weight(std::slice::from_ref(&item)) <= BYTES
        };
        match full.last_mut().filter(|group| fits(group)) {
            Some(group) => group.push(item),
            None => full.push(vec![item]),
        }
    }
    for step in [Duration::ZERO, AGE / 3, AGE] {
        let clock = VirtualClock::new();
        let hand = clock.clone();
        let batches = from_iter(input().inspect(move |_| hand.advance(step)))
            .batch(MOST)
            .or_after(AGE)
            .or_bytes(BYTES)
            .collect()
            .clocked_by(clock)
            .run_on(executor)
            .expect("nothing fails")
            .value;
        assert!(
            batches.concat() == input().collect::<Vec<_>>(),
            "lost, twice or out of order, {step:?} an item"
        );
        let keeps = |batch: &Vec<Vec<u8>>| {
            (1..=MOST).contains(&batch.len()) && (batch.len() == 1 || weight(batch) <= BYTES)
        };
        assert!(batches.iter().all(keeps), "a batch is beyond its bounds, {step:?} an item");
        assert!(!step.is_zero() || batches == full, "a batch went before it was full, though no time passed");
    }
}

/// `Break` from a stage of one's own: the run ends without an error, and what was emitted is delivered.
pub fn a_stage_that_has_had_enough_ends_the_run_well(executor: &dyn Provable) {
    struct Until(u64);
    impl Stage for Until {
        type State = ();
        fn state(&self) {}
    }
    impl Step<u64> for Until {
        type Out = u64;
        fn push<O: Emit<u64>>(&self, (): &mut (), item: u64, out: &mut O) -> Flow {
            if item >= self.0 { Flow::Break(()) } else { out.emit(item) }
        }
    }
    let (sink, log) = ScriptedSink::new();
    from_iter(0..).stage(Until(1_234)).to(sink).run_on(executor).expect("enough is not an error");
    assert!(log.items() == (0..1_234).collect::<Vec<_>>(), "got {} items", log.items().len());
    assert_eq!(log.commits(), 1);
    let (sink, log) = ScriptedSink::new();
    let first = from_iter(0u64..).map(|n| after(n, 100)).take(1_234).map(|n| n).batch(100).to(sink);
    let report = first.run_on(executor).expect("enough is not an error");
    assert_eq!((log.items().concat(), log.commits()), ((0..1_234).collect(), 1));
    assert!(report.segments[1].had_enough, "the report does not say that `take` had enough");
}

/// `items` numbers through map, filter and fold: the sum is right. For soaks: a hundred million in release.
pub fn many_items_go_through(executor: &dyn Provable, items: u64) {
    let chain = from_iter(0..items).map(|n| n ^ 1).filter(|n| n % 4 != 3);
    let sum = chain.fold(|| 0u64, |sum, n| *sum += n, |all, part| *all += part).run_on(executor);
    let expected: u64 = (0..items).map(|n| n ^ 1).filter(|n| n % 4 != 3).sum();
    assert_eq!(sum.expect("nothing fails").value, expected);
}

/// One item becomes `outputs` numbers, which cross an edge: all of them come, in order, and at most `bytes` of them were in flight by the
/// run's own account. For soaks: a hundred million in release.
pub fn one_item_may_become(executor: &dyn Provable, outputs: u64, bytes: usize) {
    let next = Arc::new(AtomicU64::new(0));
    let expected = next.clone();
    let exploding =
        from_iter([outputs]).flat_map(|outputs| 0..outputs).edge().map(|n| n ^ 1).for_each(move |n| {
            assert_eq!(n, expected.fetch_add(1, Relaxed) ^ 1, "out of order");
        });
    let report = exploding.run_on(executor).expect("nothing fails");
    assert_eq!((next.load(Relaxed), report.written), (outputs, outputs));
    assert!(report.peak_bytes <= bytes, "{} bytes were in flight, {bytes} are allowed", report.peak_bytes);
}
