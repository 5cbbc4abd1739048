//! Accounts close.

use super::work::after;
use crate::cancel::Cancel;
use crate::order::Order;
use crate::policy::skip;
use crate::report::SegmentReport;
use crate::retry::exponential;
use crate::settings::SegmentKind;
use crate::source::from_iter;
use crate::testing::steps::thrown;
use crate::testing::watch::Watch;
use crate::testing::{LetterLog, Provable};
use std::time::Duration;

/// Items taken are those of the source; emitted is what the next segment took; what is missing was filtered, skipped or written down;
/// what `counted` says is what passed.
pub fn accounts_close(executor: &dyn Provable) {
    let log = LetterLog::new();
    let report = from_iter(0..10_000u64)
        .try_map(|n| if n % 10 == 3 { Err("three") } else { Ok(after(n, 10)) })
        .on_error(skip())
        .edge()
        .filter(|n| n % 2 == 0)
        .counted()
        .try_map(|n| if n % 100 == 0 { Err("hundred") } else { Ok(n) })
        .on_error(log.policy())
        .scan(|| (), |(), n| n)
        .collect()
        .run_on(executor)
        .expect("nothing fails");
    let account = |segment: &SegmentReport| {
        (segment.taken, segment.emitted, segment.skipped(), segment.dead_lettered(), segment.filtered())
    };
    let accounts: Vec<_> = report.segments.iter().map(account).collect();
    let scan = (4_900, 4_900, 0, 0, Some(0));
    assert_eq!(accounts, [(10_000, 9_000, 1_000, 0, Some(0)), (9_000, 4_900, 0, 100, Some(4_000)), scan]);
    assert_eq!(report.segments[1].stages[1].passed, Some(5_000), "what `counted` has counted");
    assert_eq!((report.value.len(), report.written, report.taken()), (4_900, 4_900, 10_000));
    assert_eq!((report.skipped(), report.dead_lettered(), log.letters().len()), (1_000, 100, 100));
    assert_eq!(report.bytes, 80_000, "bytes that the source gave");
}

/// `explain` has the rows of the report: kind, order, stages, policies, attempts.
pub fn explain_says_what_the_report_says(executor: &dyn Provable) {
    let whole = from_iter(0..100u64)
        .try_map(|n| if n % 10 == 3 { Err("three") } else { Ok(n) })
        .named("threes")
        .retry(exponential(2).first(Duration::ZERO))
        .on_error(skip().abort_above(0.5))
        .scan(|| (), |(), n| n)
        .edge()
        .edge()
        .map(|n| n)
        .unordered()
        .collect();
    let explained = whole.explain(executor).expect("its settings make sense");
    let report = whole.run_on(executor).expect("a tenth fails");
    let row = |segment: &SegmentReport| {
        let stages: Vec<_> = segment
            .stages
            .iter()
            .map(|stage| (stage.name.clone(), stage.policy.clone(), stage.attempts))
            .collect();
        (segment.kind, segment.order, stages)
    };
    let rows: Vec<_> = report.segments.iter().map(row).collect();
    assert_eq!(explained.segments.iter().map(row).collect::<Vec<_>>(), rows);
    let stage = |name: &str, policy: &str, attempts| vec![(name.to_owned(), policy.to_owned(), attempts)];
    let expected = [
        (SegmentKind::Parallel, Order::Preserve, stage("threes", "skip, abort above 50%", 2)),
        (SegmentKind::Serial, Order::Preserve, stage("scan#1", "fail", 1)),
        (SegmentKind::Parallel, Order::Any, stage("map#2", "fail", 1)),
    ];
    assert_eq!(rows, expected);
    assert_eq!(explained.profile.name, report.executor);
}

/// However a run ends, all bytes of its budget have come back.
pub fn every_permit_comes_back(executor: &dyn Provable) {
    let endings: [(&str, fn(u64, &Cancel) -> Result<u64, String>); 4] = [
        ("ended well", |n, _| Ok(n)),
        ("failed", |n, _| if n == 9_000 { Err("no".to_owned()) } else { Ok(n) }),
        ("panicked", |n, _| if n == 9_000 { thrown("no".to_owned()) } else { Ok(n) }),
        ("was cancelled", |n, cancel| {
            if n == 9_000 {
                cancel.cancel();
            }
            Ok(n)
        }),
    ];
    for (how, end) in endings {
        let (watch, cancel) = (Watch::new(executor), Cancel::new());
        let switch = cancel.clone();
        let chain = from_iter(0..20_000u64).map(|n| after(n, 50)).try_map(move |n| end(n, &switch));
        // Small enough for the smallest limit.
        let fold = chain.edge().map(|n| n).fold(
            Vec::new,
            |kept: &mut Vec<u64>, n| {
                if n % 1_000 == 0 {
                    kept.push(n);
                }
            },
            |all, mut part| all.append(&mut part),
        );
        let ended = fold.cancelled_by(&cancel).run_on(&watch);
        assert_eq!(ended.is_ok(), how == "ended well");
        assert_eq!(watch.bytes_in_use(), Some(0), "bytes in use after a run that {how}");
        let taken = watch.segments()[0].taken;
        assert!(ended.is_err() || taken == 20_000, "{taken} of 20,000 items were taken");
    }
}
