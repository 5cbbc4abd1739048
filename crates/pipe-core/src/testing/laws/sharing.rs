//! Runs that share a budget.

use super::work::{after, until_nothing_is_made};
use crate::budget::Budget;
use crate::executor::BlockingExecutor;
use crate::source::from_iter;
use crate::testing::{Live, Provable};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Duration;

/// The limit of the budgets that runs share here.
const LIMIT: usize = 2 << 20;

/// Only for a run that hangs: then it ends with an error, and the law fails.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs under one budget give what they would give alone, take no more than its limit, leave each other their parts and give all of it
/// back. `make` makes an executor that takes from a budget; `beside` is how many bytes one run may have beside the limit: what its
/// workers fill and hand on.
pub fn runs_share_a_budget<X: BlockingExecutor<'static>>(make: impl Fn(&Budget) -> X + Sync, beside: usize) {
    two_runs_at_once_end_and_stay_within(&make, beside);
    a_run_ends_while_another_stands_still(&make);
    a_run_leaves_free_what_another_waits_for(&make, beside);
}

/// Also where the budget has room for no more than an item: then each moves one thing at a time.
fn two_runs_at_once_end_and_stay_within<X>(make: &(impl Fn(&Budget) -> X + Sync), beside: usize)
where
    X: BlockingExecutor<'static>,
{
    const ITEMS: u64 = 4_000;
    for limit in [32, 1_000, 64 << 10, LIMIT] {
        let (process, both) = (Budget::new(limit), Barrier::new(2));
        thread::scope(|scope| {
            for seed in 0..2u64 {
                let (process, both) = (&process, &both);
                scope.spawn(move || {
                    let executor: &dyn Provable = &make(process);
                    both.wait();
                    let chain =
                        from_iter(0..ITEMS).map(move |n| after(n ^ seed, 20)).edge().flat_map(|n| [n, n]);
                    let chain = chain.scan(|| (), |(), n| n).map(|n| after(n, 20));
                    let ran = chain.collect().within(PATIENCE).run_on(executor);
                    let value = ran.unwrap_or_else(|error| panic!("of {limit} bytes: {error}")).value;
                    let expected = (0..ITEMS).flat_map(|n| [n ^ seed; 2]);
                    assert!(value.into_iter().eq(expected), "of {limit} bytes: other outputs than alone");
                });
            }
        });
        // One thing always: each may have a batch more.
        let (peak, most) = (process.peak(), limit + 2 * (beside + limit.max(64)));
        assert!(peak <= most, "{peak} bytes were in use at once, {most} are allowed");
        assert_eq!(process.in_use(), 0, "bytes in use after both runs");
    }
}

/// What another one holds, and be it all, keeps no run from its end; and what a run holds counts in the budget.
fn a_run_ends_while_another_stands_still<X>(make: &(impl Fn(&Budget) -> X + Sync))
where
    X: BlockingExecutor<'static>,
{
    const ITEMS: u64 = 20_000;
    let process = Budget::new(LIMIT);
    let (go_on, gate) = channel();
    let (arrive, arrived) = channel();
    thread::scope(|scope| {
        let (make, budget) = (&make, &process);
        scope.spawn(move || {
            let gate: Mutex<Receiver<()>> = Mutex::new(gate);
            let stands = from_iter(0..ITEMS).edge().map(|n| [n; 32]).for_each(move |item| {
                if item[0] == ITEMS / 2 {
                    arrive.send(()).expect("somebody waits");
                    gate.lock().expect("nothing panics").recv().expect("somebody opens it");
                }
            });
            let executor: &dyn Provable = &make(budget);
            stands.within(PATIENCE).run_on(executor).expect("it goes on when it may");
        });
        arrived.recv_timeout(PATIENCE).expect("it comes to the item at which it stands still");
        let all = process.overdraw(LIMIT);
        let kept = from_iter(0..ITEMS).fold(Vec::new, |kept, n| kept.push(n), |all, part| all.extend(part));
        let executor: &dyn Provable = &make(&process);
        let ran = kept.within(PATIENCE).run_on(executor).map(|report| report.value.len());
        drop(all);
        // Before anything is checked, so that the other one ends too.
        go_on.send(()).expect("it waits");
        match ran {
            Ok(len) => assert_eq!(len as u64, ITEMS),
            Err(error) => panic!("beside a run that stands still: {error}"),
        }
    });
    assert!(process.peak() > LIMIT, "an accumulator did not count in the budget");
    assert_eq!(process.in_use(), 0, "bytes in use after both runs");
}

/// A run may have more than its part, but not what another one was refused within its own.
fn a_run_leaves_free_what_another_waits_for<X>(make: &(impl Fn(&Budget) -> X + Sync), beside: usize)
where
    X: BlockingExecutor<'static>,
{
    const WANTED: usize = LIMIT / 4;
    let process = Budget::new(LIMIT);
    let other = process.child("another run", LIMIT);
    let _one = other.try_take(1).expect("it holds nothing");
    let all = process.overdraw(LIMIT);
    assert!(other.try_take(WANTED).is_none());
    drop(all);
    let executor: &dyn Provable = &make(&process);
    let live = Live::new();
    let (made, watched) = (live.clone(), live);
    let items = (0..4 * LIMIT as u64 / 256).map(move |n| made.item([n; 31]));
    let mut stood_still = false;
    let run = from_iter(items).map(|item| item).edge().map(|item| item).for_each(move |item| {
        drop(item);
        if !std::mem::replace(&mut stood_still, true) {
            until_nothing_is_made(&watched);
        }
    });
    let report = run.within(PATIENCE).run_on(executor).expect("nothing fails");
    let (peak, most) = (report.peak_bytes, LIMIT - WANTED + beside);
    assert!(peak <= most, "a run had {peak} bytes while another one waited, {most} are allowed");
}
