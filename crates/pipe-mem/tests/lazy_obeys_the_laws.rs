//! The lazy executor against the kit, with limits of all sizes and with none, reading ahead, and while memory is short now and then.

use pipe_core::testing::laws;
use pipe_core::{Cancel, Clock};
use pipe_mem::{Lazy, Prefetch, Pressure, Reading, Scope};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

fn obeys_all_laws(lazy: &Lazy) {
    let coverage = laws::executor(lazy);
    assert_eq!(coverage.missing(), [], "not covered:\n{}", coverage.table());
}

/// A quarter of a second later each time somebody looks.
struct Hasty(AtomicU64);

impl Clock for Hasty {
    fn now(&self) -> Duration {
        Duration::from_millis(250 * self.0.fetch_add(1, Relaxed))
    }

    fn wait(&self, _: Duration, _: &Cancel) {}
}

/// Goes through all levels: twelve looks with nothing, six with more and more.
fn swinging() -> Pressure {
    let mut looks = 0;
    let gauge = move || {
        looks = (looks + 1) % 18;
        let used = [80, 90, 95, 95, 90, 80].get(looks).copied().unwrap_or(0);
        Some(Reading::Usage { scope: Scope::Machine, used, limit: 100 })
    };
    Pressure::new(vec![Box::new(gauge)], Hasty(AtomicU64::new(0)))
}

#[test]
fn without_a_limit_it_obeys_all_laws() {
    obeys_all_laws(&Lazy::new());
}

#[test]
fn with_a_small_limit_it_obeys_all_laws() {
    obeys_all_laws(&Lazy::new().memory_limit(1 << 20));
}

#[test]
fn reading_ahead_it_obeys_all_laws() {
    obeys_all_laws(&Lazy::new().prefetch(Prefetch::OneBatch));
}

#[test]
fn under_pressure_that_comes_and_goes_it_obeys_all_laws() {
    obeys_all_laws(&Lazy::new().watching(&swinging()));
    obeys_all_laws(&Lazy::new().memory_limit(1 << 20).watching(&swinging()).prefetch(Prefetch::OneBatch));
}

#[test]
fn it_stays_within_any_limit() {
    laws::within_limits(&|limit| Box::new(Lazy::new().memory_limit(limit)), &|_| 0);
}

#[test]
fn reading_ahead_it_stays_within_any_limit() {
    laws::within_limits(
        &|limit| Box::new(Lazy::new().memory_limit(limit).prefetch(Prefetch::OneBatch)),
        &|_| 0,
    );
}

#[test]
fn runs_share_a_budget() {
    laws::runs_share_a_budget(|budget| Lazy::new().budget(budget), 0);
    laws::runs_share_a_budget(|budget| Lazy::new().budget(budget).prefetch(Prefetch::OneBatch), 0);
}

#[test]
fn memory_settings_mean_what_they_mean_on_all_executors() {
    laws::memory_settings_mean_the_same(&|limit, budget| {
        let limited = limit.into_iter().fold(Lazy::new(), Lazy::memory_limit);
        Box::new(budget.into_iter().fold(limited, Lazy::budget))
    });
}

#[test]
fn a_stopped_run_returns() {
    laws::a_stopped_run_returns(Lazy::new);
    laws::a_stopped_run_returns(|| Lazy::new().watching(&swinging()).prefetch(Prefetch::OneBatch));
}
