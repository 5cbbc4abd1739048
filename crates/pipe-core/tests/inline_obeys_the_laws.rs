//! The reference executor against the kit.
#![cfg(feature = "testing")]

use pipe_core::testing::laws;
use pipe_core::{Cancel, Inline, RunError, from_iter};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What `Inline` may keep alive for each segment: a batch of 256 KiB, a buffer of 64 KiB, and the item that found it full.
const SEGMENT: usize = (256 << 10) + (64 << 10) + (20 << 10);

#[test]
fn inline_obeys_all_laws_on_all_adapters_under_all_policies() {
    let coverage = laws::executor(&Inline);
    assert_eq!(coverage.missing(), [], "not covered:\n{}", coverage.table());
}

#[test]
fn inline_keeps_one_buffer_of_an_exploding_item() {
    // And the one item that found the buffer full.
    laws::an_exploding_item_stays_within(&Inline, (64 << 10) + 64);
}

#[test]
fn inline_keeps_one_batch_per_segment() {
    laws::a_slow_sink_slows_the_source(&Inline, 2 * SEGMENT);
    laws::weighed_items_stay_within(&Inline, 3 * SEGMENT);
}

#[test]
fn runs_on_inline_share_a_budget() {
    laws::runs_share_a_budget(|budget| Inline.budget(budget), 0);
}

#[test]
fn memory_settings_mean_what_they_mean_on_all_executors() {
    laws::memory_settings_mean_the_same(&|limit, budget| match (limit, budget) {
        (None, None) => Box::new(Inline),
        (Some(bytes), None) => Box::new(Inline.memory_limit(bytes)),
        (None, Some(budget)) => Box::new(Inline.budget(budget)),
        (Some(bytes), Some(budget)) => Box::new(Inline.budget(budget).memory_limit(bytes)),
    });
}

#[test]
fn a_stopped_run_on_inline_returns() {
    laws::a_stopped_run_returns(|| Inline);
}

#[test]
fn millions_of_items_go_through() {
    laws::many_items_go_through(&Inline, if cfg!(debug_assertions) { 1_000_000 } else { 100_000_000 });
}

#[test]
fn no_item_is_seen_after_the_one_that_cancels() {
    for edges in [false, true] {
        let (cancel, last) = (Cancel::new(), Arc::new(AtomicU64::new(0)));
        let (switch, seen) = (cancel.clone(), last.clone());
        let items = from_iter(0u64..).inspect(move |n| {
            seen.store(*n, Relaxed);
            if *n == 12_345 {
                switch.cancel();
            }
        });
        let ran = if edges {
            items.edge().for_each(drop).cancelled_by(&cancel).run_on(&Inline)
        } else {
            items.for_each(drop).cancelled_by(&cancel).run_on(&Inline)
        };
        assert!(matches!(ran, Err(RunError::Cancelled)), "{ran:?}");
        assert_eq!(last.load(Relaxed), 12_345);
    }
}

#[test]
fn one_item_may_become_a_hundred_million() {
    let outputs = if cfg!(debug_assertions) { 1_000_000 } else { 100_000_000 };
    for outputs in [1, 10_000, outputs] {
        laws::one_item_may_become(&Inline, outputs, 0);
    }
}
