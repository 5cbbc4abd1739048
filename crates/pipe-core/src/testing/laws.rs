//! What every executor must do. Each law is a function that panics, with its name in the backtrace, where it is broken.

use crate::error::RunError;
use crate::executor::BlockingExecutor;
use crate::policy::skip;
use crate::source::{from_iter, from_source};
use crate::stage::{Emit, Flow, Stage, Step};
use crate::testing::oracle::{self, Op};
use crate::testing::{Counted, Live, Pull, Rng, ScriptedSink, ScriptedSource};
use crate::{Cancel, SegmentReport};
use std::hint::black_box;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

/// Checks all laws on an executor. Panics at the first one that is broken.
pub fn executor<X: for<'p> BlockingExecutor<'p>>(executor: &X) {
    outputs_equal_the_oracle_in_order(executor, 0..60);
    unordered_outputs_are_the_same_multiset(executor);
    an_empty_input_commits_the_sink(executor);
    each_worker_makes_its_state_once(executor);
    a_fold_takes_every_item_once(executor);
    the_lowest_failure_ends_the_run(executor);
    a_panic_is_contained_and_named(executor);
    failures_of_the_source_come_after_what_it_gave(executor);
    failures_of_the_sink_end_the_run(executor);
    every_item_is_dropped_once(executor);
    accounts_close(executor);
    positions_survive_edges(executor);
    an_exploding_item_comes_in_order(executor);
    a_stage_that_has_had_enough_ends_the_run_well(executor);
    cancelling_ends_the_run(executor);
}

/// Random pipelines over random inputs, scripted batch sizes: the outputs are those of the naive loops, in order.
pub fn outputs_equal_the_oracle_in_order<X: for<'p> BlockingExecutor<'p>>(
    executor: &X,
    seeds: std::ops::Range<u64>,
) {
    for seed in seeds {
        let mut rng = Rng::new(seed);
        let ops: Vec<Op> = (0..rng.below(8)).map(|_| Op::random(&mut rng)).collect();
        let batches: Vec<Vec<i64>> = (0..rng.below(40))
            .map(|_| (0..=rng.below(300)).map(|_| rng.below(1_000) as i64).collect())
            .collect();
        let expected = oracle::naive(batches.concat(), &ops);
        let source = ScriptedSource::new(batches.into_iter().map(Pull::Give));
        let ran = oracle::build(from_source(source).boxed(), &ops).collect().run_on(executor);
        let report = ran.unwrap_or_else(|error| panic!("seed {seed}, {ops:?}: {error}"));
        assert!(report.value == expected, "seed {seed}, {ops:?}: the outputs differ from the oracle");
    }
}

/// With `.unordered()` the outputs are the same, in any order.
pub fn unordered_outputs_are_the_same_multiset<X: for<'p> BlockingExecutor<'p>>(executor: &X) {
    let ran = from_iter(0..50_000u64).map(|n| work(n, n % 64)).unordered().collect().run_on(executor);
    let mut outputs = ran.expect("nothing fails").value;
    let mut expected: Vec<u64> = (0..50_000).map(|n| work(n, n % 64)).collect();
    outputs.sort_unstable();
    expected.sort_unstable();
    assert!(outputs == expected, "the multisets differ");
}

/// No item, one commit; a fold gives its start.
pub fn an_empty_input_commits_the_sink<X: for<'p> BlockingExecutor<'p>>(executor: &X) {
    let (sink, log) = ScriptedSink::new();
    let report = from_iter(Vec::<u8>::new()).map(|n| n).to(sink).run_on(executor).expect("nothing fails");
    assert_eq!((log.items(), log.commits(), log.drops(), report.taken()), (vec![], 1, 1, 0));
    let start = from_iter(Vec::<u8>::new())
        .fold(|| 7u32, |_, _| (), |_, _| ())
        .run_on(executor)
        .expect("nothing fails");
    assert_eq!(start.value, 7);
}

/// A state, here one that is not `Send`, is made once by each worker that ran.
pub fn each_worker_makes_its_state_once<X: for<'p> BlockingExecutor<'p>>(executor: &X) {
    let made = AtomicUsize::new(0);
    let make = || {
        made.fetch_add(1, SeqCst);
        Rc::new(2)
    };
    let ran = from_iter(0..4_000u64)
        .map_with(make, |two, n| work(n, n % 500) ^ (n * **two))
        .collect()
        .run_on(executor);
    let report = ran.expect("nothing fails");
    let made = made.load(SeqCst);
    assert!((1..=report.workers).contains(&made), "{made} states for {} workers", report.workers);
    assert!(report.value == (0..4_000).map(|n| work(n, n % 500) ^ (n * 2)).collect::<Vec<_>>());
}

/// One accumulator per worker, each merged once.
pub fn a_fold_takes_every_item_once<X: for<'p> BlockingExecutor<'p>>(executor: &X) {
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

/// Of several failed items the first in the input is reported, with its stage, position and own error; the sink has got exactly what
/// came before it, and is not committed. The executor is usable afterwards.
pub fn the_lowest_failure_ends_the_run<X: for<'p> BlockingExecutor<'p>>(executor: &X) {
    for at in [0u64, 1, 777, 9_999] {
        let (sink, log) = ScriptedSink::new();
        let narrow = move |n: u64| if n >= at { u8::try_from(n + 300).map(u64::from) } else { Ok(n) };
        let failed =
            from_iter(0..10_000u64).map(|n| after(n, n % 100)).try_map(narrow).named("narrow").to(sink);
        let error = failed.run_on(executor).expect_err("item `at` fails");
        let RunError::Stage { stage, at: Some(position), .. } = &error else { panic!("{error:?}") };
        assert_eq!((&**stage, position.raw()), ("narrow", at));
        assert!(error.stage_error::<std::num::TryFromIntError>().is_some(), "the stage's own error is lost");
        assert!(
            log.items() == (0..at).collect::<Vec<_>>(),
            "failed at {at}: the sink got {} items",
            log.items().len()
        );
        assert_eq!((log.commits(), log.drops()), (0, 1));
    }
    a_fold_takes_every_item_once(executor);
}

/// A panic in a stage, in a state, in the source or in the sink is an error that names it. The executor is usable afterwards.
pub fn a_panic_is_contained_and_named<X: for<'p> BlockingExecutor<'p>>(executor: &X) {
    for at in [0u64, 777, 9_999] {
        let ran = from_iter(0..10_000u64)
            .map(|n| n)
            .inspect(move |n| {
                if *n == at {
                    thrown(format!("no {n}"))
                }
            })
            .named("picky")
            .map(|n| n)
            .for_each(drop)
            .run_on(executor);
        let error = ran.expect_err("item `at` panics");
        assert_eq!(error.to_string(), format!("stage picky panicked at {at}: no {at}"));
    }
    let no_state = || -> () { thrown("no state".to_owned()) };
    let state = from_iter(0..9u8).map_with(no_state, |(), n| n).collect().run_on(executor);
    assert_eq!(state.expect_err("the state panics").to_string(), "stage map_with#0 panicked: no state");
    let source = ScriptedSource::new([Pull::Give(vec![1u8]), Pull::Panic("dry".to_owned())]);
    let source = from_source(source).collect().run_on(executor).expect_err("the source panics");
    assert_eq!(source.to_string(), "stage source panicked: dry");
    let sink = from_iter(0..9u8)
        .for_each(|n| {
            if n == 5 {
                thrown("no room".to_owned())
            }
        })
        .run_on(executor);
    assert_eq!(sink.expect_err("the sink panics").to_string(), "stage sink panicked at 5: no room");
    a_fold_takes_every_item_once(executor);
}

/// What a source gave before it failed is delivered; then the run fails with its error.
pub fn failures_of_the_source_come_after_what_it_gave<X: for<'p> BlockingExecutor<'p>>(executor: &X) {
    let (sink, log) = ScriptedSink::new();
    let script = (0..100u64).map(|n| Pull::Give(vec![n])).chain([Pull::Fail("torn".to_owned())]);
    let failed = from_source(ScriptedSource::new(script)).map(|n| after(n, 100)).to(sink).run_on(executor);
    let error = failed.expect_err("the source fails");
    assert_eq!(error.to_string(), "source: torn");
    assert!(matches!(error, RunError::Source { .. }));
    assert!(log.items() == (0..100).collect::<Vec<_>>(), "the sink got {:?}", log.items());
    assert_eq!((log.commits(), log.drops()), (0, 1));
}

/// A write or a commit that fails is an error of the run, with the number of items that were written.
pub fn failures_of_the_sink_end_the_run<X: for<'p> BlockingExecutor<'p>>(executor: &X) {
    for at in [0usize, 500] {
        let (sink, log) = ScriptedSink::new();
        let error =
            from_iter(0..1_000).to(sink.failing_at(at)).run_on(executor).expect_err("the sink is full");
        assert_eq!(error.to_string(), format!("sink, after {at} items: full"));
        assert_eq!((log.items().len(), log.commits(), log.drops()), (at, 0, 1));
    }
    let (sink, log) = ScriptedSink::new();
    let error =
        from_iter(0..1_000).to(sink.failing_to_commit()).run_on(executor).expect_err("the commit fails");
    assert_eq!(error.to_string(), "sink, after 1000 items: full");
    assert_eq!((log.items().len(), log.commits(), log.drops()), (1_000, 0, 1));
}

/// However a run ends, no item is left, and none is dropped twice.
pub fn every_item_is_dropped_once<X: for<'p> BlockingExecutor<'p>>(executor: &X) {
    let n = 5_000u64;
    let endings: [(&str, fn(u64) -> Result<u64, String>); 3] = [
        ("well", Ok),
        ("failed", |n| if n == 2_500 { Err("no".to_owned()) } else { Ok(n) }),
        ("panicked", |n| if n == 2_500 { thrown("no".to_owned()) } else { Ok(n) }),
    ];
    for (ending, end) in endings {
        let live = Live::new();
        let (source, out) = (live.clone(), live.clone());
        let items = (0..n).map(move |n| source.item(n));
        let ran = from_iter(items)
            .try_map(|item| end(item.value).map(|value| out.item(work(value, 50))))
            .edge()
            .map(|item| item)
            .for_each(drop)
            .run_on(executor);
        assert_eq!(ran.is_ok(), ending == "well");
        assert_eq!(live.now(), 0, "a run that {ending} left items behind");
    }
}

/// Items taken are those of the source; emitted is what the next segment took; what is missing was filtered or skipped.
pub fn accounts_close<X: for<'p> BlockingExecutor<'p>>(executor: &X) {
    let report = from_iter(0..10_000u64)
        .try_map(|n| if n % 10 == 3 { Err("three") } else { Ok(after(n, 10)) })
        .named("threes")
        .on_error(skip())
        .edge()
        .filter(|n| n % 2 == 0)
        .try_map(|n| if n % 100 == 0 { Err("hundred") } else { Ok(n) })
        .named("hundreds")
        .on_error(skip())
        .collect()
        .run_on(executor)
        .expect("nothing fails");
    let account = |segment: &SegmentReport| (segment.taken, segment.emitted, segment.skipped());
    let accounts: Vec<_> = report.segments.iter().map(account).collect();
    assert_eq!(accounts, [(10_000, 9_000, 1_000), (9_000, 4_900, 100)]);
    assert_eq!((report.value.len(), report.skipped(), report.taken()), (4_900, 1_100, 10_000));
}

/// An item that fails behind an edge is named by its place in the source.
pub fn positions_survive_edges<X: for<'p> BlockingExecutor<'p>>(executor: &X) {
    for at in [3u64, 4_444, 9_998] {
        let failed = from_iter(0..10_000u64)
            .filter(|n| n % 2 == at % 2)
            .flat_map(|n| [n, n])
            .edge()
            .map(|n| n + 1)
            .edge()
            .try_map(move |n| if n > at { Err("too large") } else { Ok(n) })
            .named("small")
            .collect()
            .run_on(executor);
        assert_eq!(
            failed.expect_err("item `at` fails").to_string(),
            format!("stage small failed at {at}: too large")
        );
    }
}

/// Items that become many times what a buffer holds come out whole and in order.
pub fn an_exploding_item_comes_in_order<X: for<'p> BlockingExecutor<'p>>(executor: &X) {
    explode(executor);
}

/// The outputs of exploding items that are alive at once take at most `bytes`: the memory limit of the executor, and one buffer of
/// 64 KiB that each worker fills and one that it holds back.
pub fn an_exploding_item_stays_within<X: for<'p> BlockingExecutor<'p>>(executor: &X, bytes: usize) {
    let alive = explode(executor).most() * size_of::<Counted<u64>>();
    assert!(alive <= bytes, "outputs of {alive} bytes were alive at once, {bytes} are allowed");
}

fn explode<X: for<'p> BlockingExecutor<'p>>(executor: &X) -> Live {
    let live = Live::new();
    let (out, per_item) = (live.clone(), 200_000u64);
    let mut next = 0;
    from_iter(0..8u64)
        .flat_map(|n| (0..per_item).map(move |k| n * per_item + k))
        .map(|n| out.item(n))
        .for_each(|item| {
            assert_eq!(item.value, next, "out of order");
            next += 1;
        })
        .run_on(executor)
        .expect("nothing fails");
    assert_eq!((next, live.now()), (8 * per_item, 0));
    live
}

/// `Break` from a stage of one's own: the run ends without an error, and what was emitted is delivered.
pub fn a_stage_that_has_had_enough_ends_the_run_well<X: for<'p> BlockingExecutor<'p>>(executor: &X) {
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
}

/// A cancelled run ends soon, with its own error, and commits nothing.
pub fn cancelling_ends_the_run<X: for<'p> BlockingExecutor<'p>>(executor: &X) {
    for at in [0u64, 1, 10, 1_000, 100_000] {
        let cancel = Cancel::new();
        let last = Mutex::new(0);
        let (sink, log) = ScriptedSink::new();
        let endless = from_iter(0u64..).inspect(|n| {
            *last.lock().expect("nothing panics") = *n;
            if *n == at {
                cancel.cancel();
            }
        });
        let ran = endless.map(|n| work(n, 100)).to(sink).cancelled_by(&cancel).run_on(executor);
        assert!(matches!(ran, Err(RunError::Cancelled)), "cancelled at {at}: {ran:?}");
        assert_eq!((log.commits(), log.drops()), (0, 1));
        // Workers look after each item; but others may be ahead by their batches.
        let last = *last.lock().expect("nothing panics");
        assert!(last < at + 100_000, "cancelled at {at}, ran on to {last}");
    }
}

/// Some work that no optimiser removes: `rounds` dependent multiplications.
fn work(n: u64, rounds: u64) -> u64 {
    (0..rounds).fold(n, |x, _| (x ^ 0x9E37_79B9).wrapping_mul(0xBF58_476D_1CE4_E5B9))
}

/// The number itself, after some work.
fn after(n: u64, rounds: u64) -> u64 {
    black_box(work(n, rounds));
    n
}

/// Panics without the panic hook, which would print.
fn thrown(message: String) -> ! {
    std::panic::resume_unwind(Box::new(message))
}
