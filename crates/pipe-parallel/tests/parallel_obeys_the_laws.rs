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
fn small_cases_shared_by_three_workers_obey_all_laws() {
    let parallel = Parallel::new().workers(3).spread_at_once();
    laws::named(&parallel);
    let coverage = laws::random_cases(&parallel, laws::seeds(0..laws::CASES));
    if std::env::var("PIPE_SEED").is_err() {
        // The others have no stage that two workers could run.
        let (ended, shared) = coverage.shared();
        assert!(shared > ended * 9 / 10, "of {ended} runs only {shared} were shared");
    }
}

#[test]
fn one_item_a_batch_obeys_all_laws() {
    let parallel = Parallel::new().workers(3).low_latency().spread_at_once();
    laws::named(&parallel);
    laws::random_cases(&parallel, laws::seeds(0..laws::CASES / 4));
}

#[test]
fn it_stays_within_any_limit() {
    for workers in [1, 3] {
        // Two buffers of 64 KiB per worker and row, and the items that found them full.
        let beside = |rows| workers * rows * (2 * (64 << 10) + (20 << 10));
        laws::within_limits(&|limit| Box::new(Parallel::new().workers(workers).memory_limit(limit)), &beside);
    }
}

#[test]
fn six_workers_keep_back_no_more_than_the_limit_and_one_record() {
    let (limit, workers) = (1 << 20, 6);
    let parallel = Parallel::new().workers(workers).memory_limit(limit).spread_at_once();
    let record = limit * 3 / 4;
    laws::outputs_kept_back_stay_within(&parallel, record, limit + record + workers * 2 * (84 << 10));
}

#[test]
fn runs_share_a_budget() {
    for workers in [1, 3] {
        let make = |budget: &_| Parallel::new().workers(workers).budget(budget);
        // Of two rows, as above.
        laws::runs_share_a_budget(make, workers * 2 * (2 * (64 << 10) + (20 << 10)));
        laws::runs_share_a_budget(|budget| make(budget).spread_at_once(), workers * 2 * (148 << 10));
    }
}

#[test]
fn memory_settings_mean_what_they_mean_on_all_executors() {
    laws::memory_settings_mean_the_same(&|limit, budget| {
        let limited = limit.into_iter().fold(Parallel::new().workers(2), Parallel::memory_limit);
        Box::new(budget.into_iter().fold(limited, Parallel::budget))
    });
}

#[test]
fn a_stopped_run_returns() {
    laws::a_stopped_run_returns(|| Parallel::new().workers(3));
}
