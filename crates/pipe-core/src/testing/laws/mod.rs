//! What every executor must do, and what sources, batches, stages and sinks must.
//!
//! Each law is a function, named as the sentence that it checks, that panics where it is broken. [`executor()`] checks all that need no
//! more than the executor. The others ask for something: the bytes that may be alive ([`an_exploding_item_stays_within`]), a way to make
//! the executor ([`within_limits`], [`a_stopped_run_returns`]), or time ([`many_items_go_through`]).

mod accounts;
mod attempts;
mod failures;
mod memory;
mod outputs;
mod panics;
mod parts;
mod random;
mod returns;
mod settings;
mod sharing;
mod stopping;
mod work;

use crate::testing::{Coverage, Provable};

pub use crate::testing::chains::written_chains;
pub use accounts::{accounts_close, every_permit_comes_back, explain_says_what_the_report_says};
pub use attempts::{
    a_share_of_failures_ends_the_run, a_share_within_its_bound_does_not_end_the_run,
    an_attempt_is_not_judged_by_the_one_before, an_attempt_that_failed_leaves_nothing,
    attempts_beyond_the_first_keep_to_their_share, dead_letters_are_exact,
    letters_that_cannot_be_written_end_the_run, waits_between_attempts_double,
};
pub use failures::{
    a_failure_behind_the_end_never_happened, failures_of_the_sink_end_the_run,
    failures_of_the_source_come_after_what_it_gave, positions_survive_edges, the_lowest_failure_ends_the_run,
};
pub use memory::{
    a_slow_sink_slows_the_source, accumulators_count_against_the_limit, an_exploding_item_comes_in_order,
    an_exploding_item_stays_within, any_memory_limit_will_do, outputs_kept_back_count_against_the_limit,
    outputs_kept_back_stay_within, weighed_items_stay_within, within_limits,
};
pub use outputs::{
    a_fold_takes_every_item_once, a_fold_takes_rows, a_stage_that_has_had_enough_ends_the_run_well,
    an_empty_input_commits_the_sink, batches_keep_to_their_bounds, each_worker_makes_its_state_once,
    many_items_go_through, one_item_may_become, outputs_come_in_order, the_last_group_is_not_lost,
    unordered_outputs_are_the_same_multiset,
};
pub use panics::{
    a_panic_hands_on_what_came_before_it, a_panic_in_the_drop_of_an_item_is_contained,
    a_panic_is_contained_and_named, any_payload_of_a_panic_comes_back, every_item_is_dropped_once,
};
pub use parts::{batch, counted_source, reread, sink, source, stage};
pub use random::{random_case, random_cases, random_iterator, seeds};
pub use returns::{a_stopped_run_returns, a_stopped_run_returns_within};
pub use settings::{memory_settings_mean_the_same, nonsense_is_refused_before_anything_is_pulled};
pub use sharing::runs_share_a_budget;
pub use stopping::{
    a_deadline_ends_the_run, a_deadline_holds_between_attempts, cancelling_ends_the_run,
    cancelling_takes_effect_within_an_item_per_worker, draining_ends_the_run_well,
};

/// How many random pipelines [`executor()`] runs.
pub const CASES: u64 = 2_000;

/// Checks all laws on an executor, with [`CASES`] random pipelines and all written-out chains, and returns what they covered. Panics at
/// the first law that is broken.
pub fn executor(executor: &dyn Provable) -> Coverage {
    named(executor);
    let mut coverage = random_cases(executor, seeds(0..CASES));
    coverage.merge(written_chains(executor));
    coverage
}

/// Checks the named laws that ask for no more than an executor: [`executor()`] without its pipelines.
pub fn named(executor: &dyn Provable) {
    NAMED.iter().for_each(|law| law(executor));
}

/// The laws that ask for nothing else.
const NAMED: [fn(&dyn Provable); 38] = [
    outputs_come_in_order,
    unordered_outputs_are_the_same_multiset,
    an_empty_input_commits_the_sink,
    each_worker_makes_its_state_once,
    a_fold_takes_every_item_once,
    a_fold_takes_rows,
    the_last_group_is_not_lost,
    batches_keep_to_their_bounds,
    a_stage_that_has_had_enough_ends_the_run_well,
    the_lowest_failure_ends_the_run,
    failures_of_the_source_come_after_what_it_gave,
    failures_of_the_sink_end_the_run,
    a_failure_behind_the_end_never_happened,
    positions_survive_edges,
    a_panic_is_contained_and_named,
    any_payload_of_a_panic_comes_back,
    a_panic_hands_on_what_came_before_it,
    a_panic_in_the_drop_of_an_item_is_contained,
    every_item_is_dropped_once,
    cancelling_ends_the_run,
    cancelling_takes_effect_within_an_item_per_worker,
    a_deadline_ends_the_run,
    a_deadline_holds_between_attempts,
    draining_ends_the_run_well,
    accounts_close,
    explain_says_what_the_report_says,
    every_permit_comes_back,
    an_exploding_item_comes_in_order,
    accumulators_count_against_the_limit,
    outputs_kept_back_count_against_the_limit,
    an_attempt_that_failed_leaves_nothing,
    an_attempt_is_not_judged_by_the_one_before,
    waits_between_attempts_double,
    dead_letters_are_exact,
    letters_that_cannot_be_written_end_the_run,
    attempts_beyond_the_first_keep_to_their_share,
    a_share_of_failures_ends_the_run,
    nonsense_is_refused_before_anything_is_pulled,
];
