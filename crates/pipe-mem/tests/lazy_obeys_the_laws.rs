//! The lazy executor against the kit, with limits of all sizes and with none.

use pipe_core::testing::laws;
use pipe_mem::Lazy;

fn within(limit: usize) -> Lazy {
    Lazy::new().memory_limit(limit)
}

#[test]
fn without_a_limit_it_obeys_all_laws() {
    laws::executor(&Lazy::new());
}

#[test]
fn with_a_small_limit_it_obeys_all_laws() {
    laws::executor(&within(1 << 20));
}

#[test]
fn any_limit_will_do() {
    laws::any_memory_limit_will_do(&|limit| Box::new(within(limit)));
}

#[test]
fn items_that_explode_wait_or_own_memory_stay_within_the_limit() {
    for limit in [4 << 10, 64 << 10, 1 << 20] {
        laws::an_exploding_item_stays_within(&within(limit), limit);
        laws::a_slow_sink_slows_the_source(&within(limit), limit);
    }
    for limit in [64 << 10, 1 << 20] {
        laws::weighed_items_stay_within(&within(limit), limit);
    }
}

#[test]
fn a_stopped_run_returns() {
    laws::a_stopped_run_returns(Lazy::new);
}

#[test]
fn one_item_may_become_a_hundred_million() {
    let outputs = if cfg!(debug_assertions) { 1_000_000 } else { 100_000_000 };
    for outputs in [1, 10_000, outputs] {
        laws::one_item_may_become(&within(1 << 20), outputs, 1 << 20);
    }
}
