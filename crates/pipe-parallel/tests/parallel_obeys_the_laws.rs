//! The parallel executor against the kit, in every shape that changes who does what.

use pipe_core::testing::laws;
use pipe_parallel::Parallel;

fn obeys_all_laws(parallel: &Parallel) {
    let coverage = laws::executor(parallel);
    assert_eq!(coverage.missing(), [], "not covered:\n{}", coverage.table());
}

#[test]
fn one_worker_obeys_all_laws() {
    obeys_all_laws(&Parallel::new().workers(1));
}

#[test]
fn two_workers_obey_all_laws() {
    obeys_all_laws(&Parallel::new().workers(2));
}

#[test]
fn more_workers_than_cores_obey_all_laws() {
    obeys_all_laws(&Parallel::new().workers(7));
}

#[test]
fn a_small_memory_limit_obeys_all_laws() {
    obeys_all_laws(&Parallel::new().workers(3).memory_limit(4 << 10));
}

#[test]
fn exploding_items_stay_within_the_memory_limit() {
    for (workers, limit) in [(1, 1 << 20), (2, 1 << 20), (4, 256 << 10), (4, 1 << 10)] {
        let parallel = Parallel::new().workers(workers).memory_limit(limit);
        laws::an_exploding_item_stays_within(&parallel, limit + workers * (2 * (64 << 10)));
    }
}

#[test]
fn a_slow_sink_and_items_that_own_memory_stay_within_it_too() {
    for (workers, limit) in [(1, 1 << 20), (2, 1 << 20), (4, 256 << 10)] {
        let parallel = Parallel::new().workers(workers).memory_limit(limit);
        // Two buffers of 64 KiB per worker and segment, and the items that found them full.
        let beside = workers * 3 * (2 * (64 << 10) + (20 << 10));
        laws::a_slow_sink_slows_the_source(&parallel, limit + beside);
        laws::weighed_items_stay_within(&parallel, limit + beside);
    }
}

#[test]
fn any_memory_limit_will_do() {
    laws::any_memory_limit_will_do(&|limit| Box::new(Parallel::new().workers(3).memory_limit(limit)));
}

#[test]
fn a_stopped_run_returns() {
    laws::a_stopped_run_returns(|| Parallel::new().workers(3));
}

#[test]
fn one_item_may_become_a_hundred_million() {
    let outputs = if cfg!(debug_assertions) { 1_000_000 } else { 100_000_000 };
    for outputs in [1, 10_000, outputs] {
        laws::one_item_may_become(
            &Parallel::new().workers(2).memory_limit(1 << 20),
            outputs,
            (1 << 20) + 4 * (64 << 10),
        );
    }
}
