//! Settings that make no sense.

use crate::budget::Budget;
use crate::error::RunError;
use crate::fan::merge;
use crate::kernel::Blocks;
use crate::limit::default_memory_limit;
use crate::policy::skip;
use crate::report::Report;
use crate::retry::exponential;
use crate::source::{FromIter, from_iter, from_source};
use crate::testing::{Provable, ScriptedSink};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

/// Zero where something is needed, a share above one, an order that depends on chance, sums that would count attempts: each is a `Config`
/// error that names the setting, before anything is pulled.
pub fn nonsense_is_refused_before_anything_is_pulled(executor: &dyn Provable) {
    let pulled = Arc::new(AtomicUsize::new(0));
    let start = || {
        let pulled = pulled.clone();
        from_iter((0..100u64).inspect(move |_| _ = pulled.fetch_add(1, SeqCst)))
    };
    let (sink, log) = ScriptedSink::new();
    let cases: [(&str, &str, Result<(), RunError>); 13] = [
        ("batch", "0", ended(start().batch(0).collect().run_on(executor))),
        ("or_after", "0", ended(start().batch(9).or_after(Duration::ZERO).collect().run_on(executor))),
        ("or_bytes", "0", ended(start().batch(9).or_bytes(0).collect().run_on(executor))),
        ("windows", "(0, 1)", ended(start().windows(0, 1).collect().run_on(executor))),
        (
            "blocks.size",
            "0",
            ended(
                from_source(Blocks::new(vec![1.0f32], 0)).map(|block| block.len()).collect().run_on(executor),
            ),
        ),
        ("merge.stall_after", "0", {
            let inner = merge([FromIter::new(0..9u64)]).stall_after(Duration::ZERO);
            ended(from_source(merge([inner])).collect().run_on(executor))
        }),
        ("windows", "(1, 0)", ended(start().windows(1, 0).collect().run_on(executor))),
        (
            "abort_above",
            "2",
            ended(start().map(|n| n).on_error(skip().abort_above(2.0)).to(sink).run_on(executor)),
        ),
        ("abort_above", "NaN", {
            ended(start().map(|n| n).on_error(skip().abort_above(f64::NAN)).collect().run_on(executor))
        }),
        (
            "retry",
            "0",
            ended(start().try_map(Ok::<_, String>).retry(exponential(0)).collect().run_on(executor)),
        ),
        ("unordered", "map#0", ended(start().map(|n| n).unordered().take(3).collect().run_on(executor))),
        ("unordered", "map#0", {
            ended(
                start()
                    .map(|n| n)
                    .unordered()
                    .edge()
                    .map(|n| n)
                    .scan(|| 0, |_, n| n)
                    .collect()
                    .run_on(executor),
            )
        }),
        ("retry", "flat_map#0", {
            let chain = start().flat_map(|n| [n, n]).try_map(Ok::<_, String>).retry(exponential(2));
            ended(chain.fold(|| 0, |sum, n| *sum += n, |all, part| *all += part).run_on(executor))
        }),
    ];
    for (field, value, ran) in cases {
        let Err(RunError::Config { field: named, value: said, .. }) = &ran else {
            panic!("{field} = {value} was not refused: {ran:?}")
        };
        assert_eq!((*named, &**said), (field, value));
    }
    assert_eq!((pulled.load(SeqCst), log.commits(), log.drops()), (0, 0, 1), "pulled, commits, drops");
}

/// `.memory_limit(..)` and `.budget(..)` mean what [`MemorySettings`](crate::MemorySettings) says. `make` makes an executor with those
/// of them that it is given.
pub fn memory_settings_mean_the_same(make: &dyn Fn(Option<usize>, Option<&Budget>) -> Box<dyn Provable>) {
    let process = Budget::new(5_000);
    let unset = default_memory_limit();
    for (limit, shared, expected) in [
        (None, false, unset),
        (Some(6_000), false, 6_000),
        (None, true, 5_000),
        (Some(100), true, 100),
        (Some(6_000), true, 5_000),
    ] {
        let executor = make(limit, shared.then_some(&process));
        let case = format!("memory_limit {limit:?}, a budget of 5,000 bytes: {shared}");
        let profile = executor.says().expect("these make sense");
        assert_eq!(
            (profile.memory_limit, profile.budget),
            (expected, shared.then(|| process.clone())),
            "{case}"
        );
        let sum = || from_iter(0..9u64).fold(|| 0, |sum, n| *sum += n, |all, part| *all += part);
        assert_eq!(sum().explain(&*executor).expect("they do").profile.memory_limit, expected, "{case}");
        let report = sum().run_on(&*executor).expect("nothing fails");
        assert_eq!((report.value, report.memory_limit), (36, expected), "{case}");
    }
    let pulled = Arc::new(AtomicUsize::new(0));
    let nothing = Budget::new(0);
    let zeros = [
        (Some(0), None, "memory_limit"),
        (Some(0), Some(&process), "memory_limit"),
        (None, Some(&nothing), "budget"),
    ];
    for (limit, budget, named) in zeros {
        let count = pulled.clone();
        let items = from_iter((0..9u64).inspect(move |_| _ = count.fetch_add(1, SeqCst)));
        match items.for_each(drop).run_on(&*make(limit, budget)) {
            Err(RunError::Config { field, value, .. }) => assert_eq!((field, &*value), (named, "0")),
            other => panic!("{named} = 0 was not refused: {other:?}"),
        }
    }
    assert_eq!((pulled.load(SeqCst), process.in_use()), (0, 0), "items pulled, bytes in use");
}

fn ended<T>(ran: Result<Report<T>, RunError>) -> Result<(), RunError> {
    ran.map(drop)
}
