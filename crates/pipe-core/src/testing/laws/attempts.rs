//! Attempts, dead letters, and the share of failures that is too large.

use super::work::after;
use crate::error::RunError;
use crate::policy::skip;
use crate::retry::exponential;
use crate::source::{from_iter, from_source};
use crate::testing::build::at_once;
use crate::testing::{
    Letter, LetterLog, Num, Provable, Pull, ScriptedSink, ScriptedSource, VirtualClock, steps,
};
use std::time::Duration;

fn numbers(n: u64) -> impl Iterator<Item = Num> + Send + 'static {
    (0..n).map(|n| Num::input(n, n as i64))
}

/// Outputs of a record are released when all of it has passed, and only then: those of attempts that failed never come out, nor those of
/// a record that failed for good.
pub fn an_attempt_that_failed_leaves_nothing(executor: &dyn Provable) {
    let log = LetterLog::new();
    // Of each record two items; multiples of 3 fail twice, multiples of 50 always.
    let chain = from_iter(numbers(1_000))
        .flat_map(|item| [item.child(0, item.value), item.child(1, item.value * 3)])
        .try_map(steps::flaky(3, 2))
        .try_map(|item| if item.value % 50 == 0 { Err("always") } else { Ok(item) })
        .retry(at_once(9))
        .on_error(log.policy())
        .edge()
        .map(|item| item.value);
    let report = chain.collect().run_on(executor).expect("what fails is written down");
    let good = (0..1_000).filter(|n| n % 50 != 0).flat_map(|n| [n, n * 3]);
    assert!(report.value == good.collect::<Vec<i64>>(), "other outputs than those of whole records");
    assert_eq!((report.dead_lettered(), log.letters().len()), (40, 20), "two failures in each of 20 records");
    assert!(log.letters().iter().all(|letter| letter.attempts == 9 && letter.more == 1));
    let failed = from_iter(numbers(500))
        .flat_map(|item| [item, item])
        .try_map(|item| if item.value == 300 { Err("always") } else { Ok(item.value) })
        .retry(at_once(3));
    let (sink, log) = ScriptedSink::new();
    let error = failed.to(sink).run_on(executor).expect_err("item 300 fails").to_string();
    assert_eq!(error, "stage try_map#1 failed at 300: always");
    assert!(log.items().iter().copied().eq((0..300).flat_map(|n| [n, n])), "got {} items", log.items().len());
}

/// What a stage gave up in an attempt that another stage took back counts for nothing: in the attempt that stands it may pass.
pub fn an_attempt_is_not_judged_by_the_one_before(executor: &dyn Provable) {
    let script = [Pull::Give(vec![Num::input(1, 6)])];
    let report = from_source(ScriptedSource::new(script))
        .flat_map(|item| [item.child(0, 6), item.child(1, 7)])
        .try_map(steps::flaky(6, 2)) // gives up in attempt 2 ...
        .retry(at_once(2))
        .try_map(steps::flaky(7, 1)) // ... which this one takes back
        .retry(at_once(5))
        .on_error(skip())
        .map(|item| item.value)
        .collect()
        .run_on(executor)
        .expect("what fails is skipped");
    assert_eq!((report.value, report.segments[0].skipped()), (vec![6, 7], 0), "all passed in attempt 3");
}

/// Between attempts the run waits on its clock: twice as long each time, up to the limit, less at most half.
pub fn waits_between_attempts_double(executor: &dyn Provable) {
    let clock = VirtualClock::new();
    let retry = exponential(6).first(Duration::from_secs(1)).most(Duration::from_secs(5));
    let failed = from_iter([7u64]).try_map(|_| Err::<u64, _>("down")).retry(retry).collect();
    let error = failed.clocked_by(clock.clone()).run_on(executor).expect_err("it is down");
    assert_eq!(error.to_string(), "stage try_map#0 failed at 0: down");
    let waits = clock.waits();
    assert_eq!(waits.len(), 5, "waits between six attempts: {waits:?}");
    for (wait, full) in waits.iter().zip([1, 2, 4, 5, 5].map(Duration::from_secs)) {
        assert!(full / 2 <= *wait && *wait <= full, "{wait:?} of {full:?}");
    }
}

/// One letter for each record that failed: its stage, place, error, attempts; finished once, before the sink commits.
pub fn dead_letters_are_exact(executor: &dyn Provable) {
    let log = LetterLog::new();
    let report = from_iter(0..5_000u64)
        .try_map(|n| if n % 100 == 7 { Err(format!("{n} is odd")) } else { Ok(after(n, 50)) })
        .edge()
        .scan(|| (), |(), n| n)
        .try_map(|n| if n % 1_000 == 1 { Err(format!("{n} is late")) } else { Ok(n) })
        .on_error(log.policy())
        .collect()
        .run_on(executor)
        .expect("what fails is written down");
    let letter = |at: u64, stage: &str, what: &str| Letter {
        stage: stage.to_owned(),
        at: Some(at),
        record: None,
        error: format!("{at} is {what}"),
        attempts: 1,
        more: 0,
    };
    let odd = (0..5_000).filter(|n| n % 100 == 7).map(|n| letter(n, "try_map#0", "odd"));
    let late = (0..5_000).filter(|n| n % 1_000 == 1).map(|n| letter(n, "try_map#2", "late"));
    assert_eq!(log.letters(), odd.chain(late).collect::<Vec<_>>());
    assert_eq!((report.dead_lettered(), log.finishes(), report.value.len()), (55, 1, 4_945));
}

/// Letters that cannot be written, or not be finished, end the run, and the sink does not commit.
pub fn letters_that_cannot_be_written_end_the_run(executor: &dyn Provable) {
    for (log, written) in [(LetterLog::new().failing_at(3), 3), (LetterLog::new().failing_to_finish(), 10)] {
        let (sink, items) = ScriptedSink::new();
        let narrow = |n: u64| if n % 100 == 99 { Err("no") } else { Ok(after(n, 20)) };
        let failed = from_iter(0..1_000u64).try_map(narrow).on_error(log.policy()).to(sink);
        let error = failed.run_on(executor).expect_err("letters are full");
        assert_eq!(error.to_string(), "dead letters of stage try_map#0: full");
        assert_eq!((log.letters().len(), log.finishes(), items.commits()), (written, 1, 0));
    }
}

/// A stage of which nothing succeeds is tried more often than once for a share of the items, and ten more; and for each of the workers
/// that look at the same moment.
pub fn attempts_beyond_the_first_keep_to_their_share(executor: &dyn Provable) {
    let retry = || exponential(3).first(Duration::ZERO);
    for (share, least, most) in [(0.0, 10, 10), (0.1, 100, 110), (0.5, 500, 510)] {
        let down = from_iter(0..1_000u64).try_map(|_| Err::<u64, _>("down"));
        let report = down.retry(retry().share(share)).on_error(skip()).collect().run_on(executor);
        let report = report.expect("what fails is skipped");
        let retried: u64 = report.segments[0].stages.iter().map(|stage| stage.retried).sum();
        let most = most + report.workers as u64;
        assert!((least..=most).contains(&retried), "{retried} attempts beyond the first at {share}");
        assert_eq!(report.skipped(), 1_000);
    }
}

/// A share of failures above its bound ends the run: soon, where there are many items; at the end and before the commit, where there are
/// few. One that stays within its bound does not, however batches are cut.
pub fn a_share_of_failures_ends_the_run(executor: &dyn Provable) {
    a_share_within_its_bound_does_not_end_the_run(executor);
    for letters in [false, true] {
        let policy = || if letters { LetterLog::new().policy() } else { skip() };
        let (sink, log) = ScriptedSink::new();
        let half = |n: u64| if n.is_multiple_of(2) { Err("even") } else { Ok(after(n, 20)) };
        let few = from_iter(0..100u64).try_map(half).on_error(policy().abort_above(0.4)).to(sink);
        let error = few.run_on(executor).expect_err("half of them fail").to_string();
        assert_eq!(error, "stage try_map#0 failed on 50 of 100 items, more than 40%");
        assert_eq!((log.items().len(), log.commits(), log.drops()), (50, 0, 1), "it ends before the commit");
        let endless = from_iter(0u64..).try_map(half).on_error(policy().abort_above(0.4)).for_each(drop);
        let error = endless.run_on(executor).expect_err("half of them fail");
        assert!(matches!(error, RunError::TooManyFailures { .. }), "{error:?}");
    }
}

/// A tenth fails and an eighth may: the run ends well, wherever batches are cut and whoever counts first.
pub fn a_share_within_its_bound_does_not_end_the_run(executor: &dyn Provable) {
    for batch in [1u64, 100, 20_000] {
        for letters in [false, true] {
            let policy = if letters { LetterLog::new().policy() } else { skip() };
            let script = (0..20_000 / batch).map(|k| Pull::Give((k * batch..(k + 1) * batch).collect()));
            let tenth = |n: u64| if n % 10 == 9 { Err("nine") } else { Ok(n) };
            let chain =
                from_source(ScriptedSource::new(script)).try_map(tenth).on_error(policy.abort_above(0.125));
            let report = chain.collect().run_on(executor);
            let report = report.unwrap_or_else(|error| panic!("batches of {batch}: {error}"));
            assert_eq!(report.value.len(), 18_000);
        }
    }
}
