//! Plans without async stages, run to their end by a runtime: what every executor must do.
#![cfg(feature = "tokio")]

use pipe_async::{Async, Blocking, Tokio};
use pipe_core::testing::{Pull, ScriptedSink, ScriptedSource};
use pipe_core::{BlockingExecutor, from_iter, from_source};
use std::rc::Rc;

fn executors() -> [Blocking<Tokio>; 2] {
    [Async::tokio().blocking(), Async::tokio().memory_limit(4 << 10).blocking()]
}

#[test]
fn outputs_are_in_order_and_accounts_close() {
    for executor in executors() {
        let all = from_iter(0..100_000u64).filter(|n| n % 3 == 0).edge().flat_map(|n| [n, n]).edge();
        let report = all.map_with(|| Rc::new(1), |one, n| n + **one).collect().run_on(&executor).unwrap();
        let expected = (0..100_000).filter(|n| n % 3 == 0).flat_map(|n| [n + 1, n + 1]);
        assert!(report.value == expected.collect::<Vec<u64>>());
        let accounts: Vec<_> =
            report.segments.iter().map(|segment| (segment.taken, segment.emitted)).collect();
        assert_eq!(accounts, [(100_000, 33_334), (33_334, 66_668), (66_668, 66_668)]);
        assert_eq!(report.workers, 1);
    }
}

#[test]
fn an_empty_input_commits_the_sink() {
    for executor in executors() {
        let (sink, log) = ScriptedSink::new();
        from_iter(Vec::<u8>::new()).map(|n| n).to(sink).run_on(&executor).unwrap();
        assert_eq!((log.items(), log.commits(), log.drops()), (vec![], 1, 1));
    }
}

fn failure(
    executor: &impl BlockingExecutor<'static>,
    script: Vec<Pull<u64>>,
    step: fn(u64) -> Result<u64, String>,
) -> (String, usize) {
    let (sink, log) = ScriptedSink::new();
    let source = from_source(ScriptedSource::new(script));
    let error = source.try_map(step).named("step").to(sink).run_on(executor).expect_err("something fails");
    assert_eq!((log.commits(), log.drops()), (0, 1));
    (error.to_string(), log.items().len())
}

#[test]
fn failures_come_after_what_was_before_them() {
    for executor in executors() {
        let give =
            |tail| (0..10).map(|n| Pull::Give(vec![n * 2, n * 2 + 1])).chain([tail]).collect::<Vec<_>>();
        let torn = failure(&executor, give(Pull::Fail("torn".to_owned())), Ok);
        assert_eq!(torn, ("source: torn".to_owned(), 20));
        let dry = failure(&executor, give(Pull::Panic("dry".to_owned())), Ok);
        assert_eq!(dry, ("stage source panicked: dry".to_owned(), 20));
        let none = give(Pull::Give(vec![20]));
        let seven =
            failure(&executor, none.clone(), |n| if n >= 7 { Err("seven".to_owned()) } else { Ok(n) });
        assert_eq!(seven, ("stage step failed at 7: seven".to_owned(), 7));
        let eight = failure(&executor, none, |n| {
            if n == 8 { std::panic::resume_unwind(Box::new("eight".to_owned())) } else { Ok(n) }
        });
        assert_eq!(eight.0, "stage step panicked at 8: eight");
    }
}
