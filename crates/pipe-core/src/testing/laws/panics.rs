//! Panics are contained, named, and lose nothing.

use super::outputs::a_fold_takes_every_item_once;
use super::work::{after, work};
use crate::error::RunError;
use crate::letters::DeadLetter;
use crate::policy::dead_letters;
use crate::sink::Sink;
use crate::source::{from_iter, from_source};
use crate::stage::BoxError;
use crate::testing::steps::thrown;
use crate::testing::{Live, Provable, Pull, ScriptedSink, ScriptedSource};
use std::any::Any;
use std::panic::resume_unwind;

/// A panic in a stage, in a state, in the source or in the sink is an error that names it. The executor is usable afterwards.
pub fn a_panic_is_contained_and_named(executor: &dyn Provable) {
    for at in [0u64, 777, 9_999] {
        let picky = move |n: &u64| {
            if *n == at {
                thrown(format!("no {n}"))
            }
        };
        let ran = from_iter(0..10_000u64).map(|n| n).inspect(picky).named("picky").map(|n| n).for_each(drop);
        let error = ran.run_on(executor).expect_err("item `at` panics");
        assert_eq!(error.to_string(), format!("stage picky panicked at {at}: no {at}"));
    }
    let no_state = || -> () { thrown("no state".to_owned()) };
    let state = from_iter(0..9u8).map_with(no_state, |(), n| n).collect().run_on(executor);
    assert_eq!(state.expect_err("the state panics").to_string(), "stage map_with#0 panicked: no state");
    let serial = from_iter(0..9u8).scan(no_state, |(), n| n).collect().run_on(executor);
    assert_eq!(serial.expect_err("the state panics").to_string(), "stage scan#0 panicked: no state");
    let full = |n: u8| {
        if n == 5 {
            thrown("no room".to_owned())
        }
    };
    let sink = from_iter(0..9u8).for_each(full).run_on(executor);
    assert_eq!(sink.expect_err("the sink panics").to_string(), "stage sink panicked at 5: no room");
    let letters = dead_letters(|_: &DeadLetter<'_>| thrown("no paper".to_owned()));
    let odd = |n: u8| if n % 2 == 1 { Err("odd") } else { Ok(n) };
    let letters = from_iter(0..9u8).try_map(odd).on_error(letters).for_each(drop).run_on(executor);
    let error = letters.expect_err("who takes the letters panics").to_string();
    assert_eq!(error, "stage dead letters of try_map#0 panicked at 1: no paper");
    a_fold_takes_every_item_once(executor);
}

/// What was thrown comes back whole, whatever it is: a text of either kind, or anything else.
pub fn any_payload_of_a_panic_comes_back(executor: &dyn Provable) {
    type Make = fn() -> Box<dyn Any + Send>;
    let payloads: [(Make, &str); 3] = [
        (|| Box::new("borrowed"), "borrowed"),
        (|| Box::new("owned".to_owned()), "owned"),
        (|| Box::new(42u32), "a payload that is not a text"),
    ];
    for (make, text) in payloads {
        let picky = move |n: u64| if n == 50 { resume_unwind(make()) } else { n };
        let failed = from_iter(0..100u64).edge().map(picky).collect().run_on(executor);
        let Err(RunError::Panicked { payload, at, .. }) = failed else {
            panic!("it did not fail: {failed:?}")
        };
        assert_eq!((payload.message(), at.map(|at| at.raw())), (text.to_owned(), Some(50)));
        let number = payload.into_inner().downcast_ref::<u32>().copied();
        assert_eq!(number, text.contains("not a text").then_some(42), "the payload is another one");
    }
}

/// As for errors: the sink gets what came before the item that panicked, wherever batches were cut. And an earlier item that fails
/// further down wins.
pub fn a_panic_hands_on_what_came_before_it(executor: &dyn Provable) {
    for batch in [1u64, 7, 1_000] {
        let source = || {
            let script = (0..2_000 / batch).map(move |k| Pull::Give((k * batch..(k + 1) * batch).collect()));
            from_source(ScriptedSource::new(script))
        };
        let picky = |n: u64| if n == 500 { thrown("no 500".to_owned()) } else { after(n, 20) };
        let (sink, log) = ScriptedSink::new();
        let error = source().map(picky).edge().filter(|n| n % 2 == 0).to(sink).run_on(executor);
        let text = error.expect_err("item 500 panics").to_string();
        assert_eq!(text, "stage map#0 panicked at 500: no 500");
        assert!(
            log.items() == (0..500).step_by(2).collect::<Vec<_>>(),
            "batches of {batch}: the sink got {} items, and not 250",
            log.items().len()
        );
        assert_eq!((log.commits(), log.drops()), (0, 1));
        let small = |n: u64| if n == 499 { Err("too large") } else { Ok(n) };
        let error = source().map(picky).edge().try_map(small).collect().run_on(executor);
        let text = error.expect_err("item 499 fails").to_string();
        assert_eq!(text, "stage try_map#1 failed at 499: too large");
    }
}

/// An item whose `Drop` panics ends the run, and not the process.
pub fn a_panic_in_the_drop_of_an_item_is_contained(executor: &dyn Provable) {
    struct Rude(u64);
    impl Drop for Rude {
        fn drop(&mut self) {
            if self.0 == 700 {
                thrown("not gently".to_owned());
            }
        }
    }
    let dropped =
        from_iter((0..1_000u64).map(Rude)).filter(|rude| rude.0 != 700).map(|rude| rude.0).collect();
    let error = dropped.run_on(executor).expect_err("a drop panics");
    assert!(matches!(error, RunError::Panicked { .. }), "{error:?}");
    let written = from_iter(0..1_000u64).map(Rude).edge().for_each(drop).run_on(executor);
    assert!(matches!(written, Err(RunError::Panicked { .. })), "{written:?}");
    // A sink that throws when it is left: the run has failed before, and that is its error.
    let small = |n: u64| if n == 700 { Err("too large") } else { Ok(n) };
    let left = from_iter(0..1_000u64).try_map(small).to(RudeSink).run_on(executor);
    assert_eq!(left.expect_err("an item fails").to_string(), "stage try_map#0 failed at 700: too large");
    a_fold_takes_every_item_once(executor);
}

/// A sink whose `Drop` panics where it was not committed.
struct RudeSink;

impl Sink<u64> for RudeSink {
    type Done = ();

    fn write(&mut self, _: u64) -> Result<(), BoxError> {
        Ok(())
    }

    fn commit(self) -> Result<(), BoxError> {
        std::mem::forget(self);
        Ok(())
    }
}

impl Drop for RudeSink {
    fn drop(&mut self) {
        thrown("not gently".to_owned())
    }
}

/// However a run ends, no item is left, and none is dropped twice.
pub fn every_item_is_dropped_once(executor: &dyn Provable) {
    let n = 5_000u64;
    let endings: [(&str, fn(u64) -> Result<u64, String>); 3] = [
        ("well", Ok),
        ("failed", |n| if n == 2_500 { Err("no".to_owned()) } else { Ok(n) }),
        ("panicked", |n| if n == 2_500 { thrown("no".to_owned()) } else { Ok(n) }),
    ];
    for (ending, end) in endings {
        for serial in [false, true] {
            let live = Live::new();
            let (source, out) = (live.clone(), live.clone());
            let items = (0..n).map(move |n| source.item(n));
            let chain = from_iter(items)
                .try_map(move |item| end(item.value).map(|value| out.item(work(value, 50))))
                .edge()
                .map(|item| item);
            let ran = if serial {
                chain.batch(7).flat_map(|group| group).for_each(drop).run_on(executor).map(drop)
            } else {
                chain.for_each(drop).run_on(executor).map(drop)
            };
            assert_eq!(ran.is_ok(), ending == "well");
            assert_eq!(live.now(), 0, "a run that {ending} left items behind");
        }
    }
}
