//! The async executor against the kit, through the one that waits for its runs; async stages among the random pipelines.
#![cfg(feature = "tokio")]

use pipe_async::{Async, Blocking, InTask, Tokio};
use pipe_core::testing::{WithReactor, laws};

fn obeys_all_laws(executor: Blocking<Tokio>) {
    let coverage = laws::executor(&WithReactor(executor));
    assert_eq!(coverage.missing(), [], "not covered:\n{}", coverage.table());
}

#[test]
fn it_obeys_all_laws() {
    obeys_all_laws(Async::tokio().blocking());
}

#[test]
fn with_a_small_limit_it_obeys_all_laws() {
    obeys_all_laws(Async::tokio().memory_limit(1 << 20).blocking());
}

#[test]
fn on_several_shards_it_obeys_all_laws() {
    obeys_all_laws(Async::tokio().shards(3).blocking());
}

#[test]
fn on_several_shards_with_a_small_limit_it_obeys_all_laws() {
    obeys_all_laws(Async::tokio().shards(2).memory_limit(1 << 20).blocking());
}

#[test]
fn in_the_task_it_obeys_all_laws() {
    let coverage = laws::executor(&WithReactor(Async::tokio().in_task().blocking()));
    assert_eq!(coverage.missing(), [], "not covered:\n{}", coverage.table());
}

#[test]
fn in_the_task_with_a_small_limit_it_obeys_the_laws() {
    laws::named(&WithReactor(Async::tokio().memory_limit(1 << 20).in_task().blocking()));
}

#[test]
fn in_the_task_it_stays_within_any_limit() {
    laws::within_limits(&|limit| Box::new(in_task().memory_limit(limit).blocking()), &|_| 0);
}

#[test]
fn in_the_task_runs_share_a_budget() {
    laws::runs_share_a_budget(|budget| in_task().budget(budget).blocking(), 2 * (256 << 10));
}

fn in_task() -> Async<InTask<Tokio>> {
    Async::tokio().in_task()
}

#[test]
fn it_stays_within_any_limit() {
    laws::within_limits(&|limit| Box::new(Async::tokio().memory_limit(limit).blocking()), &|_| 0);
}

#[test]
fn on_several_shards_it_stays_within_any_limit() {
    laws::within_limits(&|limit| Box::new(Async::tokio().shards(2).memory_limit(limit).blocking()), &|_| 0);
}

#[test]
fn runs_share_a_budget() {
    // A batch on each of two edges, which is read or made before anybody knows how large it is.
    laws::runs_share_a_budget(|budget| Async::tokio().budget(budget).blocking(), 2 * (256 << 10));
}

#[test]
fn memory_settings_mean_what_they_mean_on_all_executors() {
    laws::memory_settings_mean_the_same(&|limit, budget| {
        let limited = limit.into_iter().fold(Async::tokio(), Async::memory_limit);
        Box::new(budget.into_iter().fold(limited, Async::budget).blocking())
    });
}

#[test]
fn a_stopped_run_returns() {
    laws::a_stopped_run_returns(|| Async::tokio().blocking());
    laws::a_stopped_run_returns(|| Async::tokio().shards(2).blocking());
    laws::a_stopped_run_returns(|| in_task().blocking());
}
