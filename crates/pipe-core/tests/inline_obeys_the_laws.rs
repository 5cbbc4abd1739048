//! The reference executor against the kit.
#![cfg(feature = "testing")]

use pipe_core::testing::laws;
use pipe_core::{Cancel, Inline, RunError, from_iter};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

#[test]
fn inline_obeys_all_laws() {
    laws::executor(&Inline);
}

#[test]
fn inline_keeps_one_buffer_of_an_exploding_item() {
    // And the one item that found the buffer full.
    laws::an_exploding_item_stays_within(&Inline, (64 << 10) + 64);
}

#[test]
fn no_item_is_seen_after_the_one_that_cancels() {
    for edges in [false, true] {
        let (cancel, last) = (Cancel::new(), AtomicU64::new(0));
        let seen = from_iter(0u64..).inspect(|n| {
            last.store(*n, Relaxed);
            if *n == 12_345 {
                cancel.cancel();
            }
        });
        let ran = if edges {
            seen.edge().for_each(drop).cancelled_by(&cancel).run_on(&Inline)
        } else {
            seen.for_each(drop).cancelled_by(&cancel).run_on(&Inline)
        };
        assert!(matches!(ran, Err(RunError::Cancelled)), "{ran:?}");
        assert_eq!(last.load(Relaxed), 12_345);
    }
}
