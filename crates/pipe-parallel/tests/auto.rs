//! What a run that tunes itself chooses, by a clock that its stages move.

use pipe_core::testing::VirtualClock;
use pipe_core::{Event, Report, RunError, from_iter};
use pipe_parallel::Parallel;
use std::time::Duration;

const US: Duration = Duration::from_micros(1);

/// The one event of a run.
fn only<T>(report: &Report<T>) -> &Event {
    let [event] = &report.events[..] else { panic!("{:?}", report.events) };
    event
}

/// What was chosen: workers, batch, window, why.
fn tuned<T>(report: &Report<T>) -> (usize, usize, usize, &str) {
    let Event::Tuned { workers, batch, window, why } = only(report) else { panic!("{:?}", report.events) };
    (*workers, *batch, *window, why)
}

fn stayed<T>(report: &Report<T>) -> (f64, &'static str) {
    let Event::StayedInline { ns_per_item, why } = only(report) else { panic!("{:?}", report.events) };
    (*ns_per_item, why)
}

/// Runs items that cost so much in the source, the stage and the sink, and checks that all come out in order.
fn run(items: u64, source: Duration, stage: impl Fn(u64) -> Duration + Sync, sink: Duration) -> Report<()> {
    let (clock, mut out) = (VirtualClock::new(), Vec::new());
    let numbers = (0..items).inspect(|_| clock.advance(source));
    let worked = from_iter(numbers).map(|n| {
        clock.advance(stage(n));
        n
    });
    let written = worked.for_each(|n| {
        clock.advance(sink);
        out.push(n);
    });
    let report = written.clocked_by(clock.clone()).run_on(&Parallel::auto().workers(8));
    let report = report.expect("nothing fails");
    assert!(out.into_iter().eq(0..items), "an item was lost, doubled or came out of order");
    report
}

#[test]
fn heavy_stages_get_all_workers() {
    let report = run(5_000, Duration::ZERO, |_| 10 * US, Duration::ZERO);
    assert_eq!(tuned(&report), (8, 8_192, 256, "10000 ns per item are work for all"));
}

#[test]
fn a_slow_sink_gets_no_more_workers_than_it_can_take_from() {
    let report = run(5_000, Duration::ZERO, |_| 10 * US, 4 * US);
    assert_eq!(
        tuned(&report),
        (5, 8_192, 160, "the sink takes 4000 of 14000 ns per item, one worker at a time")
    );
    assert!(report.workers <= 5, "{} came", report.workers);
}

#[test]
fn a_serial_stage_between_others_is_the_limit_that_is_named() {
    let clock = VirtualClock::new();
    let cost = |n: u64, span| {
        clock.advance(span);
        n
    };
    let stages = from_iter(0..5_000).map(|n| cost(n, 4 * US)).scan(|| (), |(), n| cost(n, 6 * US));
    let last = stages.map(|n| cost(n, 2 * US)).collect();
    let report = last.clocked_by(clock.clone()).run_on(&Parallel::auto().workers(8)).expect("nothing fails");
    assert!(report.value.iter().copied().eq(0..5_000));
    let (workers, _, _, why) = tuned(&report);
    assert_eq!((workers, why.split(" takes ").next()), (3, Some("serial stage 1")), "{why}");
}

#[test]
fn items_of_a_slow_source_go_one_by_one() {
    let report = run(300, 60 * US, |_| 300 * US, Duration::ZERO);
    let (workers, batch, _, why) = tuned(&report);
    assert_eq!((workers, batch), (7, 1));
    assert!(why.contains("the source takes 60000 ns for an item"), "{why}");
}

#[test]
fn one_heavy_item_at_the_head_widens_the_window() {
    let report = run(5_000, Duration::ZERO, |n| if n == 3 { 5_000 * US } else { 10 * US }, Duration::ZERO);
    let (workers, _, window, why) = tuned(&report);
    // At least twice 25 batches of 200 us for each worker; more where the heavy item was not alone in its batch.
    assert!(workers == 8 && window >= 400, "{window}");
    assert!(why.contains("others are not to wait for it"), "{why}");
}

#[test]
fn cheap_items_stay_on_the_calling_thread() {
    let report = run(400_000, Duration::ZERO, |_| Duration::from_nanos(2), Duration::ZERO);
    assert_eq!(stayed(&report), (2.0, "too little to pay for moving items to other threads"));
    assert_eq!(report.workers, 1);
}

#[test]
fn few_items_stay_on_the_calling_thread() {
    let report = run(9, Duration::ZERO, |_| 10 * US, Duration::ZERO);
    assert_eq!(stayed(&report), (10_000.0, "and the input ended before threads could have paid"));
}

#[test]
fn a_run_that_is_limited_by_its_sink_stays_on_the_calling_thread() {
    let report = run(5_000, Duration::ZERO, |_| US, 40 * US);
    assert_eq!(stayed(&report).1, "too little beside what is done by one thread at a time");
}

#[test]
fn with_one_worker_there_is_nothing_to_tune() {
    let report = from_iter(0..100u64).collect().run_on(&Parallel::auto().workers(1)).expect("nothing fails");
    assert_eq!((report.events.len(), report.value.len()), (0, 100));
}

#[test]
fn the_first_failure_is_that_of_the_lowest_item_however_it_was_tuned() {
    for first in [0, 3, 9, 40, 2_000] {
        let (clock, mut out) = (VirtualClock::new(), Vec::new());
        let work = |n: u64| {
            clock.advance(10 * US);
            if n >= first { Err(format!("{n} is refused")) } else { Ok(n) }
        };
        let written = from_iter(0..5_000).try_map(work).for_each(|n| out.push(n)).clocked_by(clock.clone());
        let error = written.run_on(&Parallel::auto().workers(8)).expect_err("some are refused");
        let RunError::Stage { at, .. } = error else { panic!("{error}") };
        assert_eq!(at.map(|at| at.place()), Some(first));
        assert!(out.into_iter().eq(0..first));
    }
}

#[test]
fn the_report_says_in_words_what_was_chosen() {
    let report = run(5_000, Duration::ZERO, |_| 10 * US, 4 * US);
    let said = "5 workers, batches of 8192 items at most, 160 under way: the sink takes 4000 of 14000 ns per item, one worker at a time";
    assert_eq!(only(&report).to_string(), said);
}
