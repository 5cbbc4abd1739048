//! Runs that share one small budget: all of them end, with the right outputs, and give all of it back.

use pipe_core::{Budget, from_iter};
use pipe_parallel::Parallel;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

/// Only for a run that hangs: then it ends with an error, and the test fails.
const PATIENCE: Duration = Duration::from_secs(120);

fn work(seed: u64, items: u64, parallel: &Parallel) {
    let chain =
        from_iter(0..items).map(move |n| n ^ seed).edge().flat_map(|n| [n.to_string(), n.to_string()]);
    let chain = chain.scan(|| (), |(), text| text).map(|text| text.parse::<u64>().expect("a number"));
    let report = chain.collect().within(PATIENCE).run_on(parallel).expect("it moves one batch at least");
    assert_eq!(report.value, (0..items).flat_map(|n| [n ^ seed, n ^ seed]).collect::<Vec<_>>());
}

#[test]
fn two_runs_on_a_tiny_shared_budget_both_end() {
    for limit in [30, 200, 4_096, 64 << 10] {
        let process = Budget::new(limit);
        let both = Barrier::new(2);
        thread::scope(|scope| {
            for seed in 0..2 {
                let (both, parallel) = (&both, Parallel::new().workers(2).spread_at_once().budget(&process));
                scope.spawn(move || {
                    both.wait();
                    work(seed, 5_000, &parallel);
                });
            }
        });
        assert_eq!(process.in_use(), 0, "limit {limit}");
    }
}

#[test]
fn a_run_inside_of_a_run_that_holds_all_of_the_budget_ends() {
    let process = Budget::new(256);
    let parallel = Parallel::new().workers(2).spread_at_once().budget(&process);
    let inner = parallel.clone();
    let sums = from_iter(0..100u64).edge().map(move |n| {
        let sum = from_iter(0..n).edge().map(|n| n).fold(|| 0, |sum, n| *sum += n, |all, part| *all += part);
        sum.within(PATIENCE).run_on(&inner).expect("it moves one batch at least").value
    });
    let report = sums.collect().within(PATIENCE).run_on(&parallel).expect("so does this one");
    assert_eq!(report.value, (0..100u64).map(|n| (0..n).sum()).collect::<Vec<u64>>());
    assert_eq!(process.in_use(), 0);
}

#[test]
fn a_run_goes_on_beside_one_that_stands_still_with_all_of_the_budget() {
    let process = Budget::new(100);
    let held = process.child("stands still", 100).overdraw(1_000);
    work(0, 2_000, &Parallel::new().workers(2).spread_at_once().budget(&process));
    drop(held);
    assert_eq!(process.in_use(), 0);
}

#[test]
fn zero_in_the_shared_budget_is_refused_before_the_run() {
    let refused = from_iter(0..3).for_each(drop).run_on(&Parallel::new().budget(&Budget::new(0)));
    assert!(refused.unwrap_err().to_string().starts_with("budget = 0"));
}
