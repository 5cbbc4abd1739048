//! Settings that make no sense.

use crate::error::RunError;
use crate::fan::merge;
use crate::kernel::Blocks;
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
    let cases: [(&str, &str, Result<(), RunError>); 11] = [
        ("batch", "0", ended(start().batch(0).collect().run_on(executor))),
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

fn ended<T>(ran: Result<Report<T>, RunError>) -> Result<(), RunError> {
    ran.map(drop)
}
