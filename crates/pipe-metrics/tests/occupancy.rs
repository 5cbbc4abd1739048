//! Where the time of each part went, by a clock that only the closures move.

use pipe_core::testing::VirtualClock;
use pipe_core::{FromIter, Inline, Part, Source};
use pipe_metrics::Occupancy;
use std::time::Duration;

#[test]
fn on_one_thread_who_is_before_starves_a_part_and_who_is_behind_blocks_it() {
    const MILLI: Duration = Duration::from_millis(1);
    let clock = VirtualClock::new();
    let tick = |millis: u32| {
        let clock = clock.clone();
        move || clock.advance(MILLI * millis)
    };
    let [read, parse, number, write] = [1, 5, 3, 2].map(tick);
    let numbers = FromIter::new((0..100u64).inspect(move |_| read())).pipeline().map(move |n| {
        parse();
        n
    });
    let numbered = numbers.scan(
        || 0u64,
        move |count, n| {
            number();
            *count += n;
            *count
        },
    );
    let report =
        numbered.for_each(move |_| write()).clocked_by(clock.clone()).run_on(&Inline).expect("it ends");
    let parts: Vec<_> = Occupancy::of(&report)
        .into_iter()
        .map(|it| (it.part, [it.busy, it.starved, it.blocked, it.other].map(|span| span.as_millis() / 100)))
        .collect();
    let expected = [
        (Part::Source, [1, 0, 10, 0]),
        (Part::Segment(0), [5, 1, 5, 0]),
        (Part::Segment(1), [3, 6, 2, 0]),
        (Part::Sink, [2, 9, 0, 0]),
    ];
    assert_eq!(parts, expected);
    assert!(Occupancy::of(&report).iter().all(|it| it.threads == 1 && it.whole() == report.elapsed));
}

#[test]
fn what_ran_as_one_loop_is_one_part() {
    let clock = VirtualClock::new();
    let working = clock.clone();
    let whole = pipe_core::from_iter(0..100u64).map(move |n| {
        working.advance(Duration::from_millis(1));
        n
    });
    let report = whole.for_each(drop).clocked_by(clock).run_on(&Inline).expect("it ends");
    let [source, segment, sink] = Occupancy::of(&report).try_into().expect("three parts");
    assert_eq!(segment.busy, report.elapsed);
    assert_eq!((source.busy, sink.busy), (Duration::ZERO, Duration::ZERO));
}
