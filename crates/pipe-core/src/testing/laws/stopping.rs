//! Stopping from outside: cancel, deadline, drain.

use super::work::{after, work};
use crate::cancel::Cancel;
use crate::error::RunError;
use crate::retry::exponential;
use crate::source::{from_iter, from_source};
use crate::testing::{LetterLog, Provable, Pull, Rng, ScriptedSink, ScriptedSource, VirtualClock};
use crate::{Run, skip};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

/// A cancelled run ends soon, with its own error, and commits nothing. Cancelled at random items, in the first segment and behind edges.
pub fn cancelling_ends_the_run(executor: &dyn Provable) {
    let mut rng = Rng::new(3);
    let random = (0..10).map(|_| rng.below(20_000)).collect::<Vec<_>>();
    for at in [0u64, 1, 10, 1_000, 100_000].into_iter().chain(random) {
        let (cancel, last) = (Cancel::new(), Arc::new(AtomicU64::new(0)));
        let (switch, seen) = (cancel.clone(), last.clone());
        let (sink, log) = ScriptedSink::new();
        let look = move |n: &u64| {
            seen.fetch_max(*n, SeqCst);
            if *n == at {
                switch.cancel();
            }
        };
        let ran = match at % 3 {
            0 => from_iter(0u64..)
                .inspect(look)
                .map(|n| work(n, 20))
                .to(sink)
                .cancelled_by(&cancel)
                .run_on(executor),
            1 => {
                let chain = from_iter(0u64..).map(|n| after(n, 20)).edge().inspect(look);
                chain.to(sink).cancelled_by(&cancel).run_on(executor)
            }
            _ => {
                let chain = from_iter(0u64..).map(|n| after(n, 20)).scan(|| (), |(), n| n).inspect(look);
                chain.cancelled_by(&cancel).to(sink).run_on(executor)
            }
        };
        assert!(matches!(ran, Err(RunError::Cancelled)), "cancelled at {at}: {ran:?}");
        assert_eq!((log.commits(), log.drops()), (0, 1), "commits and drops of a cancelled run");
        // Workers look after each item; but others may be ahead by their batches.
        let last = last.load(SeqCst);
        assert!(last < at + 100_000, "cancelled at {at}, ran on to {last}");
    }
}

/// Once `cancel` has returned, no more than an item per worker begins (and one that was between looking and beginning).
pub fn cancelling_takes_effect_within_an_item_per_worker(executor: &dyn Provable) {
    let workers = executor.says().expect("its settings make sense").workers;
    for edges in [false, true] {
        let (cancel, cancelled) = (Cancel::new(), Arc::new(AtomicBool::new(false)));
        let late = Arc::new(AtomicUsize::new(0));
        let (switch, is, begins) = (cancel.clone(), cancelled.clone(), late.clone());
        let look = move |n: &u64| {
            if is.load(SeqCst) {
                begins.fetch_add(1, SeqCst);
            }
            if *n == 5_000 {
                switch.cancel();
                is.store(true, SeqCst);
            }
        };
        let items = from_iter(0u64..).inspect(look).map(|n| work(n, 30));
        let ran = if edges {
            items.edge().map(|n| n).for_each(drop).cancelled_by(&cancel).run_on(executor)
        } else {
            items.for_each(drop).cancelled_by(&cancel).run_on(executor)
        };
        assert!(matches!(ran, Err(RunError::Cancelled)), "{ran:?}");
        let late = late.load(SeqCst);
        assert!(
            late <= 2 * (workers - 1),
            "{late} items began after the run of {workers} workers was cancelled"
        );
    }
}

/// A run that is not over in time ends with its own error and commits nothing. Time is that of the run's clock.
pub fn a_deadline_ends_the_run(executor: &dyn Provable) {
    for edges in [false, true] {
        let clock = VirtualClock::new();
        let (time, last) = (clock.clone(), Arc::new(AtomicU64::new(0)));
        let seen = last.clone();
        let (sink, log) = ScriptedSink::new();
        // Finite, so that an executor without a watch ends too. A second is over at item 1,000.
        let items = from_iter(0..1_000_000u64).inspect(move |n| {
            seen.fetch_max(*n, SeqCst);
            time.advance(Duration::from_millis(1));
        });
        let (within, clock) = (Duration::from_secs(1), clock.clone());
        let ran = if edges {
            items.edge().map(|n| n).to(sink).within(within).clocked_by(clock).run_on(executor)
        } else {
            items.to(sink).within(within).clocked_by(clock).run_on(executor)
        };
        assert!(matches!(ran, Err(RunError::TimedOut)), "its deadline is long over: {ran:?}");
        assert_eq!((log.commits(), log.drops()), (0, 1));
        assert!(last.load(SeqCst) < 999_999, "the deadline was seen when all was done");
    }
    let clock = VirtualClock::new();
    let in_time = from_iter(0..1_000).collect().within(Duration::from_secs(1)).clocked_by(clock);
    assert_eq!(in_time.run_on(executor).expect("no time passes").value.len(), 1_000);
}

/// Nor does a record that waits for its next attempt wait beyond the deadline, or its neighbours after it.
pub fn a_deadline_holds_between_attempts(executor: &dyn Provable) {
    let clock = VirtualClock::new();
    let script = [Pull::Give((0..100u64).collect())];
    let down = from_source(ScriptedSource::new(script)).try_map(|_| Err::<u64, _>("down"));
    let retried = down.retry(exponential(5).first(Duration::from_secs(8))).on_error(skip()).collect();
    let ran = retried.within(Duration::from_secs(20)).clocked_by(clock.clone()).run_on(executor);
    assert!(matches!(ran, Err(RunError::TimedOut)), "{ran:?}");
    let passed = clock.passed();
    assert!(passed <= Duration::from_secs(21), "a deadline of 20 s, and it went on for {passed:?}");
}

/// A drained run reads no more, delivers what it has read, commits its sink, and says so.
pub fn draining_ends_the_run_well(executor: &dyn Provable) {
    for (at, edges) in [(0u64, false), (1_000, false), (777, true), (30_000, true)] {
        let run = Run::new();
        let seen = run.clone();
        let (sink, log) = ScriptedSink::new();
        let items = from_iter(0u64..).inspect(move |n| {
            if *n == at {
                seen.drain(Duration::from_secs(3_600));
            }
        });
        let report = if edges {
            items.edge().map(|n| after(n, 20)).to(sink).handled_by(&run).run_on(executor)
        } else {
            items.map(|n| after(n, 20)).to(sink).handled_by(&run).run_on(executor)
        };
        let report = report.expect("a drained run ends well");
        assert!(report.drained, "the report does not say that it was drained");
        let items = log.items();
        assert!(items.len() as u64 > at, "item {at} was read, and not delivered");
        assert!(items.iter().copied().eq(0..items.len() as u64), "drained at {at}: items are missing");
        let read = report.bytes / size_of::<u64>() as u64;
        assert_eq!((read, log.commits()), (items.len() as u64, 1), "items read and not delivered, commits");
    }
    let log = LetterLog::new();
    let whole = from_iter(0..10u64).try_map(|_| Err::<u64, _>("no")).on_error(log.policy()).collect();
    let run = Run::new();
    run.drain(Duration::from_secs(3_600));
    let report = whole.handled_by(&run).run_on(executor).expect("it was drained before it began");
    assert_eq!((report.taken(), log.letters().len()), (0, 0), "something was read");
}
