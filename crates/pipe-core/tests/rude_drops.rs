//! What a run leaves is dropped at its end, and that may throw: it is an error of the run, as every panic is.
#![cfg(feature = "testing")]

use pipe_core::testing::{Fuzz, Rude, RudeSource};
use pipe_core::{
    BlockingExecutor, BoxError, DeadLetter, Emit, Flow, Inline, RunError, Sink, Stage, Step, dead_letters,
    from_iter, from_source,
};
use std::convert::Infallible;
use std::panic::resume_unwind;

type AnyExecutor<'x> = &'x dyn BlockingExecutor<'static, Async = Infallible>;

fn fails(n: u32) -> Result<u32, &'static str> {
    if n == 30 { Err("thirty") } else { Ok(n) }
}

fn is_contained(ended: Result<(), RunError>, what: &str) {
    let Err(RunError::Panicked { payload, .. }) = ended else { panic!("{what}: {ended:?}") };
    assert_eq!(payload.message(), Rude::MESSAGE, "{what}");
}

/// As in a loop: what happened first is the error.
fn stays_failed(ended: Result<(), RunError>) {
    let Err(error) = ended else { panic!("item 30 fails") };
    assert!(error.to_string().ends_with("failed at 30: thirty"), "{error}");
}

fn on_all(law: impl Fn(AnyExecutor<'_>)) {
    law(&Inline);
    (0..20).for_each(|seed| law(&Fuzz::new(seed)));
}

#[test]
fn a_source_that_throws_when_it_is_dropped_is_contained() {
    on_all(|executor| {
        let source = || from_source(RudeSource::new(0..100));
        is_contained(source().map(|n| n).for_each(drop).run_on(executor).map(drop), "a run that goes well");
        stays_failed(source().try_map(fails).for_each(drop).run_on(executor).map(drop));
    });
}

#[test]
fn a_closure_that_throws_when_it_is_dropped_is_contained() {
    on_all(|executor| {
        let rude = |rude: Rude| move |n| (n, &rude).0;
        is_contained(from_iter(0..100u32).map(rude(Rude)).for_each(drop).run_on(executor).map(drop), "well");
        let failed = from_iter(0..100u32).map(rude(Rude)).try_map(fails).for_each(drop);
        stays_failed(failed.run_on(executor).map(drop));
    });
}

#[test]
fn a_state_that_throws_when_it_is_dropped_is_contained() {
    on_all(|executor| {
        let states = || from_iter(0..100u32).map_with(|| Rude, |_, n| n);
        is_contained(states().for_each(drop).run_on(executor).map(drop), "well");
        stays_failed(states().try_map(fails).for_each(drop).run_on(executor).map(drop));
    });
}

#[test]
fn who_takes_letters_and_throws_when_dropped_does_not_undo_the_end_of_the_run() {
    on_all(|executor| {
        let letters = |rude: Rude| dead_letters(move |_: &DeadLetter<'_>| _ = &rude);
        let well = from_iter(0..100u32).try_map(fails).on_error(letters(Rude)).collect().run_on(executor);
        assert_eq!(well.expect("one item has a letter").value.len(), 99);
        let failed = from_iter(0..100u32).try_map(Ok::<u32, String>).on_error(letters(Rude)).try_map(fails);
        let error = failed.for_each(drop).run_on(executor).expect_err("30 fails");
        assert_eq!(error.to_string(), "stage try_map#1 failed at 30: thirty");
    });
}

#[test]
fn a_pipeline_that_is_refused_is_refused_whatever_its_parts_throw() {
    on_all(|executor| {
        let rude = |rude: Rude| move |n| (n, &rude).0;
        let refused = from_source(RudeSource::new(0..100)).map(rude(Rude)).batch(0);
        let error = refused.for_each(drop).run_on(executor).expect_err("batches of nothing");
        assert!(matches!(error, RunError::Config { field: "batch", .. }), "{error:?}");
    });
    let refused = from_source(RudeSource::new(0..100)).map(|n| n).batch(0);
    let given: Vec<_> = refused.iter().collect();
    assert!(matches!(given[..], [Err(RunError::Config { field: "batch", .. })]), "{given:?}");
}

#[test]
fn an_iterator_gives_what_its_parts_throw_as_its_last_error() {
    let rude = || from_source(RudeSource::new(0..100));
    let mut given: Vec<_> = rude().map(|n| n).iter().collect();
    is_contained(given.pop().expect("an error").map(drop), "an iteration that goes well");
    assert_eq!(given.len(), 100);
    let mut given: Vec<_> = rude().try_map(fails).iter().collect();
    let error = given.pop().expect("an error").expect_err("30 fails");
    assert_eq!((error.to_string(), given.len()), ("stage try_map#0 failed at 30: thirty".to_owned(), 30));
}

/// Throws, when it is dropped, what throws when that is dropped.
struct Fuse;

impl Drop for Fuse {
    fn drop(&mut self) {
        resume_unwind(Box::new(Ruder));
    }
}

/// Fails when it finishes; what makes its state makes it rude.
struct FailsAtTheEnd<T>(fn() -> T);

impl<T: 'static> Stage for FailsAtTheEnd<T> {
    type State = T;

    fn state(&self) -> T {
        (self.0)()
    }
}

impl<T: 'static> Step<u32> for FailsAtTheEnd<T> {
    type Out = u32;

    fn push<O: Emit<u32>>(&self, _: &mut T, item: u32, out: &mut O) -> Flow {
        out.emit(item)
    }

    fn finish<O: Emit<u32>>(&self, state: T, out: &mut O) -> Flow {
        out.fail("the end".into())?;
        drop(state);
        Flow::Continue(())
    }
}

#[test]
fn what_fails_at_the_end_is_not_replaced_by_a_state_that_is_dropped_there() {
    fn law<T: 'static>(executor: AnyExecutor<'_>, state: fn() -> T) {
        let end = || from_iter(0..100u32).stage(FailsAtTheEnd(state)).named("last");
        let error = end().for_each(drop).run_on(executor).expect_err("the end fails");
        assert_eq!(error.to_string(), "stage last failed: the end");
        let error = end().edge().for_each(drop).run_on(executor).expect_err("the end fails");
        assert_eq!(error.to_string(), "stage last failed: the end");
    }
    on_all(|executor| {
        law(executor, || Rude);
        law(executor, || Fuse);
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
fn states_and_closures_of_several_segments_may_throw_at_once() {
    let rude = |rude: Ruder| move |n| (n, &rude).0;
    let several = || {
        let one = from_iter(0..100u32).map_with(|| Ruder, |_, n| n).edge().map(rude(Ruder)).edge();
        one.map_with(|| Ruder, |_, n| n)
    };
    is_contained(several().edge().for_each(drop).run_on(&Inline).map(drop), "well");
    stays_failed(several().edge().try_map(fails).for_each(drop).run_on(&Inline).map(drop));
}

#[test]
fn a_state_that_cannot_be_made_is_the_failure_whatever_those_made_before_it_throw() {
    let cannot = || -> u32 { resume_unwind(Box::new("cannot")) };
    let source = from_source(RudeSource::new(0..100));
    let states = source.map_with(|| Ruder, |_, n| n).edge().map_with(cannot, |_, n| n);
    let error = states.for_each(drop).run_on(&Inline).expect_err("no state");
    assert!(error.to_string().ends_with("panicked: cannot"), "{error}");
}

/// Throws another one when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        resume_unwind(Box::new(Bomb));
    }
}

fn throws(n: u32) -> u32 {
    if n == 30 { resume_unwind(Box::new(Bomb)) } else { n }
}

#[test]
fn a_payload_that_throws_when_it_is_dropped_is_an_error_like_others() {
    on_all(|executor| {
        let error = from_iter(0..100u32).map(throws).for_each(drop).run_on(executor).expect_err("30 throws");
        assert!(error.to_string().ends_with("panicked at 30: a payload that is not a text"), "{error}");
        // Nobody has to keep it.
        drop(error);
        let error = from_iter(0..100u32).for_each(|n| _ = throws(n)).run_on(executor).expect_err("30 throws");
        assert!(matches!(error, RunError::Panicked { .. }), "{error}");
        let refused = from_iter(0..100u32).map_with(|| throws(30), |_, n| n).for_each(drop).run_on(executor);
        assert!(matches!(refused, Err(RunError::Panicked { .. })), "{refused:?}");
    });
    let mut given: Vec<_> = from_iter(0..100u32).map(throws).iter().collect();
    assert!(matches!(given.pop(), Some(Err(RunError::Panicked { .. }))));
}

/// An item that is rude where it is number 60.
struct Item(u32, #[expect(dead_code, reason = "it is there to be dropped")] Option<Rude>);

/// Refuses item number 30.
struct Picky;

impl Sink<Item> for Picky {
    type Done = ();

    fn write(&mut self, item: Item) -> Result<(), BoxError> {
        if item.0 == 30 { Err("thirty".into()) } else { Ok(()) }
    }

    fn commit(self) -> Result<(), BoxError> {
        Ok(())
    }
}

#[test]
fn what_the_rest_of_a_batch_throws_does_not_replace_the_failure_before_it() {
    let items = from_iter(0..100u32).map(|n| Item(n, (n == 60).then(|| Rude)));
    let error = items.edge().to(Picky).run_on(&Inline).expect_err("the sink refuses one");
    assert_eq!(error.to_string(), "sink, after 30 items: thirty");
}
