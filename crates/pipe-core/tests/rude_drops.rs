//! What a run leaves is dropped at its end, and that may throw: it is an error of the run, as every panic is.
#![cfg(feature = "testing")]

use pipe_core::testing::Fuzz;
use pipe_core::{
    BlockingExecutor, BoxError, FromIter, Inline, Items, Own, RunError, Source, Want, from_iter, from_source,
};
use std::convert::Infallible;
use std::panic::resume_unwind;
use std::thread;

type AnyExecutor<'x> = &'x dyn BlockingExecutor<'static, Async = Infallible>;

/// Throws when it is dropped, and prints nothing.
struct Rude;

impl Drop for Rude {
    fn drop(&mut self) {
        if !thread::panicking() {
            resume_unwind(Box::new("not gently"));
        }
    }
}

/// A source with something rude in it.
struct RudeSource(FromIter<std::ops::Range<u32>>, Rude);

impl Source for RudeSource {
    type Item = Own<u32>;
    type Batch = Items<u32>;

    fn pull(&mut self, want: Want) -> Result<Option<Items<u32>>, BoxError> {
        let _ = &self.1;
        self.0.pull(want)
    }
}

fn fails(n: u32) -> Result<u32, &'static str> {
    if n == 30 { Err("thirty") } else { Ok(n) }
}

fn is_contained(ended: Result<(), RunError>, what: &str) {
    let Err(RunError::Panicked { payload, .. }) = ended else { panic!("{what}: {ended:?}") };
    assert_eq!(payload.message(), "not gently", "{what}");
}

fn on_all(law: impl Fn(AnyExecutor<'_>)) {
    law(&Inline);
    (0..20).for_each(|seed| law(&Fuzz::new(seed)));
}

#[test]
fn a_source_that_throws_when_it_is_dropped_is_contained() {
    on_all(|executor| {
        let source = || from_source(RudeSource(FromIter::new(0..100), Rude));
        is_contained(source().map(|n| n).for_each(drop).run_on(executor).map(drop), "a run that goes well");
        is_contained(source().try_map(fails).for_each(drop).run_on(executor).map(drop), "a run that fails");
    });
}

#[test]
fn a_closure_that_throws_when_it_is_dropped_is_contained() {
    on_all(|executor| {
        let rude = |rude: Rude| move |n| (n, &rude).0;
        is_contained(from_iter(0..100u32).map(rude(Rude)).for_each(drop).run_on(executor).map(drop), "well");
        let failed = from_iter(0..100u32).map(rude(Rude)).try_map(fails).for_each(drop);
        is_contained(failed.run_on(executor).map(drop), "failed");
    });
}

#[test]
fn a_state_that_throws_when_it_is_dropped_is_contained() {
    on_all(|executor| {
        let states = || from_iter(0..100u32).map_with(|| Rude, |_, n| n);
        is_contained(states().for_each(drop).run_on(executor).map(drop), "well");
        is_contained(states().try_map(fails).for_each(drop).run_on(executor).map(drop), "failed");
    });
}
