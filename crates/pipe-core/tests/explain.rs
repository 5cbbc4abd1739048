//! What a pipeline says of itself before a run, and what is measured in one.
#![cfg(feature = "testing")]

use pipe_core::testing::{Pull, ScriptedSource, VirtualClock};
use pipe_core::{Clock, Inline, Report, RunError, exponential, from_iter, from_source, skip};
use std::time::Duration;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// 1,000 items through three segments and a sink: 1 ms an item in the first, 2 and 3 in the others, 4 in the sink.
fn timed(clock: &VirtualClock) -> Report<()> {
    let spend = |span| {
        let clock = clock.clone();
        move |n: u64| {
            clock.advance(span);
            n
        }
    };
    let sink = spend(ms(4));
    let numbers = from_iter(0..1_000u64).map(spend(ms(1))).edge();
    let rest = numbers.map(spend(ms(2))).scan(|| (), |(), n| n).map(spend(ms(3)));
    rest.for_each(move |n| _ = sink(n)).clocked_by(clock.clone()).run_on(&Inline).expect("nothing fails")
}

#[test]
fn each_segment_is_busy_with_its_own_items_and_not_with_what_comes_behind() {
    let report = timed(&VirtualClock::new());
    let busy: Vec<_> = report.segments.iter().map(|segment| segment.busy.expect("a sync segment")).collect();
    assert_eq!(busy, [ms(1_000), ms(2_000), ms(0), ms(3_000)]);
    assert_eq!((report.source_busy, report.sink_busy, report.elapsed), (ms(0), ms(4_000), ms(10_000)));
}

#[test]
fn the_time_of_a_source_is_its_own() {
    let clock = VirtualClock::new();
    let slow = (0..100u64).inspect(|_| clock.advance(ms(5)));
    let fold = from_iter(slow).edge().map(|n| n).fold(|| 0, |sum, n| *sum += n, |all, part| *all += part);
    let report = fold.clocked_by(clock.clone()).run_on(&Inline).expect("nothing fails");
    // `.edge()` right behind it closes a segment without a stage, which does not exist.
    assert_eq!((report.segments.len(), report.source_busy), (1, ms(500)));
}

#[test]
fn a_segment_that_ran_as_one_loop_was_busy_with_all_of_it() {
    let clock = VirtualClock::new();
    let ticks = clock.clone();
    let report = from_iter((0..100u64).inspect(|_| clock.advance(ms(1))))
        .map(|n| n)
        .for_each(|_| ticks.advance(ms(2)))
        .clocked_by(clock.clone())
        .run_on(&Inline)
        .expect("nothing fails");
    assert_eq!(report.segments[0].busy, Some(ms(300)));
    assert_eq!((report.source_busy, report.sink_busy), (ms(0), ms(0)));
}

#[test]
fn a_wait_between_attempts_is_time_of_the_segment() {
    let clock = VirtualClock::new();
    let retry = exponential(3).first(ms(10));
    let report = from_iter([1]).try_map(|_| Err::<u8, _>("down")).retry(retry).on_error(skip()).collect();
    let report = report.clocked_by(clock.clone()).run_on(&Inline).expect("it is skipped");
    assert_eq!(report.segments[0].busy, Some(clock.passed()));
}

#[test]
fn rows_and_edges_are_the_same_before_and_after_the_run() {
    let whole = || from_iter(0..9u64).map(|n| n).edge().map(|n| n).unordered().edge().map(|n| n).collect();
    let explained = whole().explain(&Inline).expect("its settings make sense").to_string();
    let report = whole().run_on(&Inline).expect("nothing fails").to_string();
    let rows: Vec<_> = explained.lines().skip(1).collect();
    assert_eq!(
        rows,
        [
            "segment 0 (parallel) map#0",
            "  edge, in order: batches of at most 256 KiB",
            "segment 1 (parallel, any order) map#1",
            "  edge, any order: batches of at most 256 KiB",
            "segment 2 (parallel, any order) map#2",
        ]
    );
    for (row, reported) in rows.iter().zip(report.lines().skip(2)) {
        assert!(reported.starts_with(row), "{row:?} became {reported:?}");
    }
}

#[test]
fn a_report_predicts_the_rows_of_the_next_run() {
    let clock = VirtualClock::new();
    let earlier = timed(&clock);
    let numbers = from_iter(0..7u64).map(|n| n).edge();
    let whole = numbers.map(|n| n).scan(|| (), |(), n| n).map(|n| n).for_each(drop);
    let expected =
        whole.explain(&Inline).and_then(|plan| plan.from_report(&earlier)).expect("the same pipeline");
    assert_eq!(expected.segments, earlier.segments);
    let (expected, earlier) = (expected.to_string(), earlier.to_string());
    let last = "segment 3 (parallel) map#3: 1000 taken, 1000 emitted, busy 3.000 s (30%)\n\
                source busy 0.000 s (0%), sink busy 4.000 s (40%)\n";
    assert!(expected.ends_with(last) && earlier.contains(last), "{expected}\n{earlier}");
    assert!(expected.contains("\nexpected, from 10.000 s on Inline, 1 worker:\n"), "{expected}");
}

#[test]
fn a_report_of_another_pipeline_predicts_nothing() {
    let earlier = from_iter(0..7u64).map(|n| n).edge().map(|n| n).collect().run_on(&Inline).expect("it runs");
    let shorter = from_iter(0..7u64).map(|n| n).collect();
    let renamed = from_iter(0..7u64).map(|n| n).edge().map(|n| n).named("last").collect();
    for (explained, at) in [(shorter.explain(&Inline), "segment 1"), (renamed.explain(&Inline), "segment 1")]
    {
        let refused = explained.expect("its settings make sense").from_report(&earlier);
        let Err(RunError::Config { field: "from_report", value, .. }) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(value, at);
    }
}

#[test]
fn the_clock_is_read_per_batch_and_not_per_item() {
    /// Stands still and counts who looks.
    struct Looks(std::sync::Arc<std::sync::atomic::AtomicU64>);
    impl Clock for Looks {
        fn now(&self) -> Duration {
            self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Duration::ZERO
        }
        fn wait(&self, _: Duration, _: &pipe_core::Cancel) {}
    }
    let looks = std::sync::Arc::default();
    let script = (0..100u64).map(|pull| Pull::Give((pull * 1_000..(pull + 1) * 1_000).collect()));
    let items = from_source(ScriptedSource::new(script)).map(|n| n).edge().filter(|n| n % 2 == 0);
    let report = items.collect().clocked_by(Looks(std::sync::Arc::clone(&looks))).run_on(&Inline);
    assert_eq!(report.expect("nothing fails").taken(), 100_000);
    // Per batch: source, two segments and the sink twice each, and twice for each of the two hand-overs.
    let looks = looks.load(std::sync::atomic::Ordering::Relaxed);
    assert!(looks < 100 * 16, "the clock was read {looks} times for 100 batches");
}
