//! Who has had enough does not wait for operations that never end.
#![cfg(feature = "tokio")]

use pipe_async::Async;
use pipe_core::{RunError, from_iter};
use std::future::pending;
use std::time::Duration;

/// More than any of it takes; if it hangs, it says so.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the run of this pipeline gives on tokio, on shards, in the task, on monoio, and in virtual time.
macro_rules! everywhere {
    ($pipeline:expr) => {{
        let ran = [
            $pipeline.within(PATIENCE).run_on(&Async::tokio().blocking()),
            $pipeline.within(PATIENCE).run_on(&Async::tokio().shards(2).blocking()),
            $pipeline.within(PATIENCE).run_on(&Async::tokio().in_task().blocking()),
            $pipeline.within(PATIENCE).run_on(&Async::test()),
            #[cfg(feature = "monoio")]
            $pipeline.within(PATIENCE).run_on(&Async::monoio().blocking()),
            #[cfg(feature = "monoio")]
            $pipeline.within(PATIENCE).run_on(&Async::monoio().in_task().blocking()),
        ];
        ran.into_iter().map(|ran| ran.map(|report| report.value))
    }};
}

/// The first three are over at once, the others never.
async fn three(n: u64) -> u64 {
    if n >= 3 {
        pending::<()>().await;
    }
    n
}

#[test]
fn take_zero_behind_operations_that_never_end_ends_at_once() {
    for ran in everywhere!(from_iter(0..100u64).map_async(|_| pending::<u64>()).take(0).collect()) {
        assert_eq!(ran.expect("nobody waits"), [0u64; 0]);
    }
    for ran in everywhere!(from_iter(0..100u64).map_async(|_| pending::<u64>()).unordered().take(0).collect())
    {
        assert!(matches!(ran, Err(RunError::Config { .. })), "an end depends on the order");
    }
    let between = || from_iter(0..100u64).map_async(|_| pending::<u64>()).take(0).map_async(three);
    for ran in everywhere!(between().collect()) {
        assert_eq!(ran.expect("nobody waits"), [0u64; 0]);
    }
}

#[test]
fn take_zero_asks_a_source_that_never_gives_for_nothing() {
    for ran in everywhere!(
        from_iter(std::iter::from_fn(|| -> Option<u64> { panic!("it was asked") })).take(0).collect()
    ) {
        assert_eq!(ran.expect("nobody asks"), [0u64; 0]);
    }
}

#[test]
fn take_drops_the_operations_behind_the_last_item_that_it_takes() {
    for ran in everywhere!(from_iter(0..100u64).map_async(three).take(3).collect()) {
        assert_eq!(ran.expect("nobody waits"), [0, 1, 2]);
    }
    for ran in
        everywhere!(from_iter(0..100u64).map_async(three).concurrency(4).take(3).map_async(three).collect())
    {
        assert_eq!(ran.expect("nobody waits"), [0, 1, 2]);
    }
    for ran in everywhere!(from_iter(0u64..).map_async(three).take_while(|n| *n < 2).collect()) {
        assert_eq!(ran.expect("nobody waits"), [0, 1]);
    }
}
