//! Lazy runs that share one small budget.

use pipe_core::{Budget, RunError, from_iter};
use pipe_mem::Lazy;
use std::sync::Barrier;
use std::thread;

#[test]
fn two_runs_on_a_tiny_shared_budget_both_end() {
    for limit in [24, 200, 4_096] {
        let process = Budget::new(limit);
        let both = Barrier::new(2);
        thread::scope(|scope| {
            for seed in 0..2u64 {
                let (both, lazy) = (&both, Lazy::new().budget(&process));
                scope.spawn(move || {
                    both.wait();
                    let chain = from_iter(0..2_000u64).map(move |n| n ^ seed).edge().map(|n| n + 1);
                    let value = chain.collect().run_on(&lazy).expect("it moves one batch at least").value;
                    assert_eq!(value, (0..2_000).map(|n| (n ^ seed) + 1).collect::<Vec<_>>());
                });
            }
        });
        assert_eq!(process.in_use(), 0);
        assert!(process.peak() <= 3 * limit.max(24), "{} of {limit}", process.peak());
    }
}

#[test]
fn accumulators_of_one_run_leave_less_for_those_of_another() {
    let process = Budget::new(100_000);
    let mut cache = process.child("cache", usize::MAX).resident();
    let grow =
        || from_iter(0..8_000u64).fold(Vec::new, |all, n| all.push(n), |all, mut part| all.append(&mut part));
    let lazy = Lazy::new().budget(&process);
    assert_eq!(grow().run_on(&lazy).expect("65,536 of 100,000 bytes").value.len(), 8_000);
    cache.resize(70_000);
    let failed = grow().run_on(&lazy).unwrap_err();
    let RunError::Budget { holders, .. } = &failed else { panic!("{failed}") };
    assert_eq!(holders[0].to_string(), "cache (70000 bytes)");
    assert!(holders[1].name == "Lazy/fold#0" && holders.len() <= 3, "{failed}");
    assert_eq!(process.in_use(), 70_000);
}
