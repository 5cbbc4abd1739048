//! What a run leaves is dropped at its end, and that may throw. What happened first is the run's error.

use pipe_core::testing::{Rude, RudeSource};
use pipe_core::{RunError, from_iter, from_source};
use pipe_mem::{Lazy, Prefetch};
use std::panic::resume_unwind;

fn source() -> RudeSource {
    RudeSource::new(0..10_000)
}

fn fails(n: u32) -> Result<u32, &'static str> {
    if n == 6_000 { Err("six thousand") } else { Ok(n) }
}

fn on_both(law: impl Fn(&Lazy)) {
    law(&Lazy::new());
    law(&Lazy::new().memory_limit(1 << 14).prefetch(Prefetch::OneBatch));
}

fn is_contained<T>(ended: Result<T, RunError>) {
    match ended.map(drop) {
        Err(RunError::Panicked { payload, .. }) => assert_eq!(payload.message(), Rude::MESSAGE),
        ended => panic!("{ended:?}"),
    }
}

fn stays_failed<T>(ended: Result<T, RunError>) {
    let Err(error) = ended.map(drop) else { panic!("item 6,000 fails") };
    assert!(error.to_string().ends_with("failed at 6000: six thousand"), "{error}");
}

#[test]
fn what_source_closures_and_states_throw_when_they_are_dropped_comes_behind_the_failure() {
    on_both(|lazy| {
        let rude = |rude: Rude| move |n| (n, &rude).0;
        let numbers = || from_iter(0..10_000u32);
        is_contained(from_source(source()).map(|n| n).for_each(drop).run_on(lazy));
        is_contained(numbers().map(rude(Rude)).for_each(drop).run_on(lazy));
        is_contained(numbers().map_with(|| Rude, |_, n| n).for_each(drop).run_on(lazy));
        stays_failed(from_source(source()).try_map(fails).for_each(drop).run_on(lazy));
        stays_failed(numbers().map(rude(Rude)).try_map(fails).for_each(drop).run_on(lazy));
        stays_failed(numbers().map_with(|| Rude, |_, n| n).try_map(fails).for_each(drop).run_on(lazy));
    });
}

/// Throws whenever it is dropped, also while its thread panics.
struct Ruder;

impl Drop for Ruder {
    fn drop(&mut self) {
        resume_unwind(Box::new("not gently"));
    }
}

#[test]
fn source_and_states_of_several_segments_may_throw_at_once() {
    on_both(|lazy| {
        let states = from_source(source()).map_with(|| Ruder, |_, n| n).edge().map_with(|| Ruder, |_, n| n);
        stays_failed(states.edge().try_map(fails).for_each(drop).run_on(lazy));
        let cannot = || -> u32 { resume_unwind(Box::new("cannot")) };
        let states = from_source(source()).map_with(|| Ruder, |_, n| n).edge().map_with(cannot, |_, n| n);
        let error = states.for_each(drop).run_on(lazy).expect_err("no state");
        assert!(error.to_string().ends_with("panicked: cannot"), "{error}");
    });
}

/// Throws another one when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        resume_unwind(Box::new(Bomb));
    }
}

#[test]
fn a_payload_that_throws_when_it_is_dropped_is_an_error_like_others() {
    on_both(|lazy| {
        let throws = |n: u32| if n == 30 { resume_unwind(Box::new(Bomb)) } else { n };
        let error = from_iter(0..100u32).map(throws).for_each(drop).run_on(lazy).expect_err("30 throws");
        assert!(error.to_string().ends_with("panicked at 30: a payload that is not a text"), "{error}");
        let error = from_iter((0..100u32).map(throws)).for_each(drop).run_on(lazy).expect_err("30 throws");
        assert!(matches!(error, RunError::Panicked { .. }), "{error}");
    });
}
