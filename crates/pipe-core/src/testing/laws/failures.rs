//! Failures of stages, sources and sinks.

use super::outputs::a_fold_takes_every_item_once;
use super::work::{after, work};
use crate::error::RunError;
use crate::source::{from_iter, from_source};
use crate::testing::steps::thrown;
use crate::testing::{Provable, Pull, ScriptedSink, ScriptedSource};

/// Of several failed items the first in the input is reported, with its stage, position and own error; the sink has got exactly what
/// came before it, and is not committed. The executor is usable afterwards.
pub fn the_lowest_failure_ends_the_run(executor: &dyn Provable) {
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

/// What a source gave before it failed is delivered; then the run fails with its error.
pub fn failures_of_the_source_come_after_what_it_gave(executor: &dyn Provable) {
    for (last, text) in [
        (Pull::Fail("torn".to_owned()), "source: torn"),
        (Pull::Panic("dry".to_owned()), "stage source panicked: dry"),
    ] {
        let (sink, log) = ScriptedSink::new();
        let script = (0..100u64).map(|n| Pull::Give(vec![n])).chain([last]);
        let failed =
            from_source(ScriptedSource::new(script)).map(|n| after(n, 100)).to(sink).run_on(executor);
        assert_eq!(failed.expect_err("the source fails").to_string(), text);
        assert!(log.items() == (0..100).collect::<Vec<_>>(), "the sink got {:?}", log.items());
        assert_eq!((log.commits(), log.drops()), (0, 1));
    }
}

/// A sink that cannot write or cannot commit fails the run; it is dropped once, and not written to again.
pub fn failures_of_the_sink_end_the_run(executor: &dyn Provable) {
    for at in [0usize, 1, 5_000] {
        let (sink, log) = ScriptedSink::new();
        let ran = from_iter(0..100_000u64).map(|n| work(n, 10)).to(sink.failing_at(at)).run_on(executor);
        let error = ran.expect_err("the sink fails");
        assert_eq!(error.to_string(), format!("sink, after {at} items: full"));
        assert_eq!((log.items().len(), log.commits(), log.drops()), (at, 0, 1));
    }
    let (sink, log) = ScriptedSink::new();
    let error =
        from_iter(0..1_000).to(sink.failing_to_commit()).run_on(executor).expect_err("the commit fails");
    assert_eq!(error.to_string(), "sink, after 1000 items: full");
    assert_eq!((log.items().len(), log.commits(), log.drops()), (1_000, 0, 1));
}

/// A stage that has had enough ends the run at its item. What was read ahead of it may fail or panic: that is no failure of this run,
/// wherever batches were cut.
pub fn a_failure_behind_the_end_never_happened(executor: &dyn Provable) {
    for batch in [1u64, 3, 10, 1_000] {
        for panics in [false, true] {
            let script = (0..2_000 / batch).map(|k| Pull::Give((k * batch..(k + 1) * batch).collect()));
            let (sink, log) = ScriptedSink::new();
            let late = move |n: u64| match n {
                ..40 => Ok(after(n, if n < 20 { 2_000 } else { 0 })),
                _ if panics => thrown("too far".to_owned()),
                _ => Err("too far"),
            };
            let ran =
                from_source(ScriptedSource::new(script)).try_map(late).take(30).to(sink).run_on(executor);
            if let Err(error) = ran {
                panic!("batches of {batch}: item 40 failed behind the end at item 30: {error}");
            }
            assert_eq!((log.items(), log.commits()), ((0..30).collect(), 1));
        }
    }
}

/// An item that fails behind an edge is named by its place in the source.
pub fn positions_survive_edges(executor: &dyn Provable) {
    for at in [3u64, 4_444, 9_998] {
        let failed = from_iter(0..10_000u64)
            .filter(move |n| n % 2 == at % 2)
            .flat_map(|n| [n, n])
            .edge()
            .map(|n| n + 1)
            .edge()
            .try_map(move |n| if n > at { Err("too large") } else { Ok(n) })
            .named("small")
            .collect()
            .run_on(executor);
        let text = failed.expect_err("item `at` fails").to_string();
        assert_eq!(text, format!("stage small failed at {at}: too large"));
    }
    // Through serial stages too; and what a stage emits when it finishes comes from nowhere.
    let grouped = |fails: usize| {
        let groups = from_iter(0..1_005u64).scan(|| (), |(), n| n).batch(10).enumerate();
        let odd = move |(k, group): (u64, Vec<u64>)| if k as usize == fails { Err("odd") } else { Ok(group) };
        groups.try_map(odd).named("odd").collect().run_on(executor).expect_err("one fails").to_string()
    };
    assert_eq!(grouped(7), "stage odd failed at 79: odd");
    assert_eq!(grouped(100), "stage odd failed: odd");
}
