//! The tiled executor against the kit.

use pipe_cache::Tiled;
use pipe_core::testing::laws;

#[test]
fn it_obeys_all_laws() {
    let coverage = laws::executor(&Tiled::new());
    assert_eq!(coverage.missing(), [], "not covered:\n{}", coverage.table());
}

#[test]
fn runs_share_a_budget() {
    laws::runs_share_a_budget(|budget| Tiled::new().budget(budget), 0);
}

#[test]
fn memory_settings_mean_what_they_mean_on_all_executors() {
    laws::memory_settings_mean_the_same(&|limit, budget| {
        let limited = limit.into_iter().fold(Tiled::new(), Tiled::memory_limit);
        Box::new(budget.into_iter().fold(limited, Tiled::budget))
    });
}

#[test]
fn a_stopped_run_returns() {
    laws::a_stopped_run_returns(Tiled::new);
}
