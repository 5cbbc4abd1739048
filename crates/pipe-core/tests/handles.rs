//! The handle of a run, made before it.
#![cfg(feature = "testing")]

use pipe_core::testing::VirtualClock;
use pipe_core::{Cancel, Inline, Run, RunError, from_iter};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_run_that_is_cancelled_before_it_begins_takes_nothing() {
    let run = Run::new();
    run.cancel();
    let ended = from_iter((0u64..).inspect(|_| panic!("an item was taken"))).for_each(drop).handled_by(&run);
    assert!(matches!(ended.run_on(&Inline), Err(RunError::Cancelled)));
}

#[test]
fn the_time_of_an_early_drain_passes_from_the_beginning_of_the_run_on() {
    let run = Run::new();
    run.drain(SECOND);
    run.drain(SECOND * 9);
    let clock = VirtualClock::new();
    clock.advance(SECOND * 100);
    let endless = from_iter(0u64..).for_each(drop).clocked_by(clock).handled_by(&run);
    let report = endless.run_on(&Inline).expect("it has a second");
    assert!(report.drained && report.taken() == 0);
}

#[test]
fn a_switch_and_a_deadline_hold_beside_a_handle_in_any_order() {
    let (run, cancel, clock) = (Run::new(), Cancel::new(), VirtualClock::new());
    let switched = from_iter(0u64..).inspect(|n| {
        if *n == 1_000 {
            cancel.cancel();
        }
    });
    let ended = switched.for_each(drop).handled_by(&run).cancelled_by(&cancel).run_on(&Inline);
    assert!(matches!(ended, Err(RunError::Cancelled)));
    assert_eq!(run.progress().taken, 1_001);
    // The clock comes last: the deadline is by that one.
    let endless = from_iter(0u64..).inspect(|_| clock.advance(SECOND)).for_each(drop).handled_by(&Run::new());
    let ended = endless.within(SECOND * 60).clocked_by(clock.clone()).run_on(&Inline);
    assert!(matches!(ended, Err(RunError::TimedOut)));
}

#[test]
fn progress_is_zero_before_the_run_and_stays_after_it() {
    let run = Run::new();
    assert_eq!(run.progress(), pipe_core::Progress::default());
    let seen = run.clone();
    let items = from_iter(0..10_000u64).map(|n| n).edge().inspect(|_| assert!(seen.progress().bytes > 0));
    items.for_each(drop).handled_by(&run).run_on(&Inline).expect("it makes progress");
    let progress = run.progress();
    assert_eq!((progress.taken, progress.written, progress.bytes), (10_000, 10_000, 80_000));
    assert_eq!(run.progress().elapsed, progress.elapsed, "time passes after the end");
}

#[test]
fn a_handle_is_of_one_run_and_a_run_has_one() {
    let (run, other) = (Run::new(), Run::new());
    let numbers = || from_iter(0..3u64).collect();
    numbers().handled_by(&run).handled_by(&run.clone()).run_on(&Inline).expect("a clone is the same handle");
    let twice = numbers().handled_by(&run).run_on(&Inline);
    assert!(matches!(twice, Err(RunError::Config { field: "handled_by", .. })), "{twice:?}");
    let both = numbers().handled_by(&Run::new()).handled_by(&other).run_on(&Inline);
    assert!(matches!(both, Err(RunError::Config { field: "handled_by", .. })), "{both:?}");
    numbers().handled_by(&other).run_on(&Inline).expect("a run that was refused leaves its handles free");
}
