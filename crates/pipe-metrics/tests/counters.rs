//! Counters over many runs, and their contract.

use pipe_core::testing::VirtualClock;
use pipe_core::{FromIter, Inline, Part, Source, exponential, from_iter, skip};
use pipe_metrics::{Counters, Kind, METRICS, Value};
use std::collections::BTreeSet;
use std::time::Duration;

#[test]
fn names_follow_the_rules_of_prometheus_and_come_once() {
    let names: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), METRICS.len());
    assert!(METRICS.iter().map(|metric| metric.name).eq(names.iter().copied()), "not sorted by name");
    for metric in METRICS {
        assert!(metric.name.starts_with("pipe_"));
        assert_eq!(metric.name.ends_with("_total"), metric.kind == Kind::Counter, "{}", metric.name);
        assert!(metric.labels.is_empty() || metric.labels[0] == "pipeline");
    }
}

/// Twice the same pipeline, which skips, retries and fails at its end.
fn two_runs(counters: &Counters) {
    for fails in [false, true] {
        let checked = from_iter(0..100u32).try_map(|n| if n % 10 == 0 { Err("tens") } else { Ok(n) });
        let retried = checked.named("check").retry(exponential(2)).on_error(skip()).edge();
        let last =
            retried.try_map(move |n| if fails && n == 99 { Err("the last") } else { Ok(n) }).named("last");
        let ended = last.for_each(drop).clocked_by(VirtualClock::new()).observe(counters.of("checks"));
        assert_eq!(ended.run_on(&Inline).is_err(), fails);
    }
}

#[test]
fn what_runs_counted_is_added_up_also_of_one_that_failed() {
    let counters = Counters::new();
    two_runs(&counters);
    let count = |name, labels: &[&str]| counters.count(name, &[&["checks"], labels].concat());
    assert_eq!(count("pipe_items_taken_total", &["segment 0", "check"]), Some(200));
    assert_eq!(count("pipe_items_skipped_total", &["segment 0", "check"]), Some(20));
    assert_eq!(count("pipe_retries_total", &["segment 0", "check"]), Some(20));
    assert_eq!(count("pipe_items_emitted_total", &["segment 1", "last"]), Some(179));
    assert_eq!(count("pipe_items_written_total", &[]), Some(179));
    assert_eq!(count("pipe_runs_total", &["ok"]), Some(1));
    assert_eq!(count("pipe_runs_total", &["failed"]), Some(1));
    assert_eq!(count("pipe_runs_under_way", &[]), Some(0));
    assert_eq!(count("pipe_source_bytes_total", &[]), Some(800));
}

#[test]
fn a_run_under_way_is_counted_and_its_numbers_only_grow() {
    let counters = Counters::new();
    two_runs(&counters);
    let seen = counters.clone();
    let mut last = 0;
    let numbers = from_iter(0..50_000u32).map(|n| n).named("check").edge().map(|n| n).named("last");
    let watched = numbers.for_each(move |n| {
        if n % 1_000 == 0 {
            let taken =
                seen.count("pipe_items_taken_total", &["checks", "segment 0", "check"]).expect("it is there");
            assert!(taken >= last && taken > 200, "{taken} after {last}");
            assert_eq!(seen.count("pipe_runs_under_way", &["checks"]), Some(1));
            assert!(seen.count("pipe_memory_limit_bytes", &["checks"]) > Some(0));
            last = taken;
        }
    });
    watched.observe(counters.of("checks")).run_on(&Inline).expect("the assertions hold");
    assert_eq!(counters.count("pipe_items_taken_total", &["checks", "segment 0", "check"]), Some(50_200));
    assert_eq!(counters.count("pipe_memory_limit_bytes", &["checks"]), Some(0));
}

#[test]
fn the_slices_of_a_part_add_up_to_the_time_it_was_busy() {
    let (counters, clock) = (Counters::new(), VirtualClock::new());
    let working = clock.clone();
    let numbers = FromIter::new(0..1_000u32).pipeline().map(move |n| {
        working.advance(Duration::from_micros(n.into()));
        n
    });
    let report = numbers.for_each(drop).clocked_by(clock).observe(counters.of("n")).run_on(&Inline).unwrap();
    let slices = counters.slices("n", Part::Segment(0)).expect("it ran");
    assert_eq!(Some(slices.sum()), report.segments[0].busy);
    assert!(slices.quantile(1.0) >= slices.quantile(0.5) && slices.count() > 1);
    assert_eq!(counters.slices("n", Part::Source).expect("it was asked").sum(), Duration::ZERO);
}

#[test]
fn pipelines_beyond_the_limit_are_counted_together() {
    let counters = Counters::new();
    for n in 0..100 {
        let one = from_iter([n]).map(|n| n).for_each(drop);
        one.observe(counters.of(&format!("pipeline {n}"))).run_on(&Inline).expect("nothing fails");
    }
    assert_eq!(counters.count("pipe_items_written_total", &["pipeline 63"]), Some(1));
    assert_eq!(counters.count("pipe_items_written_total", &["pipeline 64"]), None);
    assert_eq!(counters.count("pipe_items_written_total", &["other"]), Some(36));
}

#[test]
fn names_that_change_from_run_to_run_do_not_fill_the_memory() {
    let counters = Counters::new();
    for n in 0..2_500 {
        let one = from_iter([n]).map(|n| n).named(&format!("stage {n}")).for_each(drop);
        one.observe(counters.of("names")).run_on(&Inline).expect("nothing fails");
    }
    assert!(counters.read().len() < 10_020);
    assert_eq!(counters.count("pipe_items_written_total", &["names"]), Some(2_500));
    assert!(counters.count("pipe_series_dropped_total", &[]) > Some(0));
}

#[test]
fn every_metric_of_the_contract_is_there() {
    let counters = Counters::new();
    two_runs(&counters);
    let broken = |_: &pipe_core::Observed<'_>| panic!("so that there is an event");
    let numbers = from_iter([1]).map(|n| n).for_each(drop);
    numbers.observe(broken).observe(counters.of("checks")).run_on(&Inline).expect("it goes on");
    let samples = counters.read();
    let there: BTreeSet<_> = samples.iter().map(|sample| sample.metric.name).collect();
    let all: BTreeSet<_> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(there, all);
    for sample in samples {
        assert_eq!(sample.labels.len(), sample.metric.labels.len());
        assert_eq!(matches!(sample.value, Value::Distribution(_)), sample.metric.kind == Kind::Histogram);
    }
}
