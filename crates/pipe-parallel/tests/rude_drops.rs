//! What a run leaves is dropped at its end, and that may throw. What happened first is the run's error, whoever throws behind it, and no
//! second panic ends the process.

use pipe_core::testing::{Rude, RudeSource};
use pipe_core::{BoxError, Emit, Flow, RunError, Sink, Stage, Step, from_iter, from_source};
use pipe_parallel::Parallel;
use std::panic::resume_unwind;
use std::thread;

fn source() -> RudeSource {
    RudeSource::new(0..20_000)
}

fn fails(n: u32) -> Result<u32, &'static str> {
    if n == 9_000 { Err("nine thousand") } else { Ok(n) }
}

fn rude(rude: Rude) -> impl Fn(u32) -> u32 + Send + Sync {
    move |n| (n, &rude).0
}

/// Alone, when it pays, and with all workers from the start.
fn everywhere(law: impl Fn(&Parallel)) {
    for round in 0..10 {
        law(&Parallel::new().workers(1));
        law(&Parallel::new().workers(3));
        law(&Parallel::new().workers(1 + round % 4).spread_at_once());
    }
}

fn is_contained<T>(ended: Result<T, RunError>, what: &str) {
    match ended.map(drop) {
        Err(RunError::Panicked { payload, .. }) => assert_eq!(payload.message(), Rude::MESSAGE, "{what}"),
        ended => panic!("{what}: {ended:?}"),
    }
}

fn stays_failed<T>(ended: Result<T, RunError>) {
    let Err(error) = ended.map(drop) else { panic!("item 9,000 fails") };
    assert!(error.to_string().ends_with("failed at 9000: nine thousand"), "{error}");
}

#[test]
fn what_a_source_throws_when_it_is_dropped_comes_behind_the_failure() {
    everywhere(|parallel| {
        is_contained(from_source(source()).map(|n| n).for_each(drop).run_on(parallel), "well");
        stays_failed(from_source(source()).try_map(fails).for_each(drop).run_on(parallel));
        stays_failed(
            from_source(source()).scan(|| (), |(), n| n).try_map(fails).for_each(drop).run_on(parallel),
        );
        let serial = from_source(source()).scan(|| (), |(), n| n);
        is_contained(serial.for_each(drop).run_on(parallel), "serial nodes only");
    });
}

#[test]
fn what_a_closure_throws_when_it_is_dropped_comes_behind_the_failure() {
    everywhere(|parallel| {
        let numbers = || from_iter(0..20_000u32);
        is_contained(numbers().map(rude(Rude)).for_each(drop).run_on(parallel), "well");
        stays_failed(numbers().map(rude(Rude)).try_map(fails).for_each(drop).run_on(parallel));
        stays_failed(numbers().map(rude(Rude)).edge().try_map(fails).for_each(drop).run_on(parallel));
        let serial = rude(Rude);
        let serial = move |(): &mut (), n| serial(n);
        stays_failed(numbers().scan(|| (), serial).try_map(fails).for_each(drop).run_on(parallel));
    });
}

#[test]
fn what_a_state_throws_when_it_is_dropped_comes_behind_the_failure() {
    everywhere(|parallel| {
        let states = || from_iter(0..20_000u32).map_with(|| Rude, |_, n| n);
        is_contained(states().for_each(drop).run_on(parallel), "well");
        stays_failed(states().try_map(fails).for_each(drop).run_on(parallel));
        stays_failed(states().edge().try_map(fails).for_each(drop).run_on(parallel));
        stays_failed(states().scan(|| Rude, |_, n| n).try_map(fails).for_each(drop).run_on(parallel));
        stays_failed(states().try_map(fails).scan(|| Rude, |_, n| n).for_each(drop).run_on(parallel));
        let panics = |n| if n == 9_000 { resume_unwind(Box::new("first")) } else { n };
        let error = states().map(panics).for_each(drop).run_on(parallel).expect_err("it panics");
        assert!(error.to_string().ends_with("panicked at 9000: first"), "{error}");
    });
}

/// Refuses item number 9,000, and is rude.
struct Picky(Rude);

impl Sink<u32> for Picky {
    type Done = ();

    fn write(&mut self, item: u32) -> Result<(), BoxError> {
        let _ = &self.0;
        fails(item).map(drop).map_err(Into::into)
    }

    fn commit(self) -> Result<(), BoxError> {
        Ok(())
    }
}

#[test]
fn what_is_behind_and_before_a_sink_that_fails_throws_for_nothing() {
    everywhere(|parallel| {
        let states = from_source(source()).map_with(|| Rude, |_, n| n);
        let error = states.to(Picky(Rude)).run_on(parallel).expect_err("it refuses one");
        assert_eq!(error.to_string(), "sink, after 9000 items: nine thousand");
    });
}

/// Fails when it finishes.
struct FailsAtTheEnd;

impl Stage for FailsAtTheEnd {
    type State = Rude;

    fn state(&self) -> Rude {
        Rude
    }
}

impl Step<u32> for FailsAtTheEnd {
    type Out = u32;

    fn push<O: Emit<u32>>(&self, _: &mut Rude, item: u32, out: &mut O) -> Flow {
        out.emit(item)
    }

    fn finish<O: Emit<u32>>(&self, state: Rude, out: &mut O) -> Flow {
        out.fail("the end".into())?;
        drop(state);
        Flow::Continue(())
    }
}

#[test]
fn what_fails_at_the_end_is_not_replaced_by_a_state_that_is_dropped_there() {
    everywhere(|parallel| {
        let states =
            from_source(source()).stage(FailsAtTheEnd).named("last").edge().map_with(|| Rude, |_, n| n);
        let error = states.for_each(drop).run_on(parallel).expect_err("the end fails");
        assert_eq!(error.to_string(), "stage last failed: the end");
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
fn states_of_several_segments_may_throw_at_once() {
    everywhere(|parallel| {
        let several = || {
            let one = from_iter(0..20_000u32).map_with(|| Ruder, |_, n| n).edge();
            one.map_with(|| Ruder, |_, n| n).edge().scan(|| Ruder, |_, n| n).map_with(|| Ruder, |_, n| n)
        };
        is_contained(several().edge().for_each(drop).run_on(parallel), "well");
        stays_failed(several().edge().try_map(fails).for_each(drop).run_on(parallel));
    });
}

#[test]
fn a_state_that_cannot_be_made_is_the_failure_whatever_is_dropped_then() {
    everywhere(|parallel| {
        let cannot = || -> u32 { resume_unwind(Box::new("cannot")) };
        let states = from_source(source()).map_with(|| Ruder, |_, n| n).edge().map_with(cannot, |_, n| n);
        let error = states.for_each(drop).run_on(parallel).expect_err("no state");
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
fn payloads_that_throw_when_they_are_dropped_end_the_run_in_an_error() {
    let throws = |n: u32| if n % 100 == 99 { resume_unwind(Box::new(Bomb)) } else { n };
    everywhere(|parallel| {
        let error =
            from_iter(0..20_000u32).map(throws).for_each(drop).run_on(parallel).expect_err("99 throws");
        assert!(error.to_string().ends_with("panicked at 99: a payload that is not a text"), "{error}");
        let sink = from_iter(0..20_000u32).map(|n| n).for_each(move |n| _ = throws(n)).run_on(parallel);
        assert!(matches!(sink, Err(RunError::Panicked { .. })), "{sink:?}");
        let states = from_iter(0..20_000u32).map_with(move || throws(99), |_, n| n);
        let error = states.for_each(drop).run_on(parallel).expect_err("no state");
        assert!(matches!(error, RunError::Panicked { .. }), "{error}");
    });
}

/// An item whose `Drop` throws a bomb in every thousandth place.
struct Item(u32);

impl Drop for Item {
    fn drop(&mut self) {
        if self.0 % 1_000 == 999 && !thread::panicking() {
            resume_unwind(Box::new(Bomb));
        }
    }
}

#[test]
fn items_that_throw_such_payloads_end_the_run_in_an_error() {
    everywhere(|parallel| {
        let items = from_iter(0..20_000u32).map(Item).edge().map(|item| item.0);
        let error = items.for_each(drop).run_on(parallel).expect_err("item 999 throws");
        assert!(matches!(error, RunError::Panicked { .. }), "{error}");
    });
}
