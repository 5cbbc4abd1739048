//! Which part a report names as the one that limits the run, and what it promises.
#![cfg(feature = "testing")]

use pipe_core::testing::VirtualClock;
use pipe_core::{FromIter, Inline, Limit, Part, Remedy, Report, SegmentKind, Source, from_iter};
use std::time::Duration;

/// A row of numbers that look random, the same for each seed (SplitMix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// Source, a parallel segment, a serial one, a parallel one, sink: each item costs as many microseconds as is said, inside of the
/// closures that a user would write. Nothing else knows the costs.
fn run(costs: [u64; 5]) -> Report<()> {
    let clock = VirtualClock::new();
    let work = |part: usize| {
        let clock = clock.clone();
        move || clock.advance(Duration::from_micros(costs[part]))
    };
    let [read, parse, number, render, write] = [0, 1, 2, 3, 4].map(work);
    FromIter::new((0..5_000u64).inspect(move |_| read()))
        .pipeline()
        .map(move |n| {
            parse();
            n
        })
        .named("parse")
        .scan(
            || 0u64,
            move |sum, n| {
                number();
                *sum += n;
                *sum
            },
        )
        .named("number")
        .edge()
        .map(move |n| {
            render();
            n
        })
        .named("render")
        .for_each(move |_| write())
        .clocked_by(clock)
        .run_on(&Inline)
        .expect("nothing fails")
}

const PARTS: [Part; 5] = [Part::Source, Part::Segment(0), Part::Segment(1), Part::Segment(2), Part::Sink];

#[test]
fn of_twenty_injected_causes_all_are_found() {
    let mut draw = Draw(7);
    for trial in 0..20 {
        let mut costs = [0; 5].map(|_: u64| 1 + draw.below(20));
        let (slow, others) = (draw.below(5) as usize, costs.into_iter().max().expect("there are five"));
        costs[slow] = others * (13 + draw.below(20)) / 10 + 1;
        let report = run(costs);
        let found = report.bottleneck().expect("it stands out");
        assert_eq!(found.part, PARTS[slow], "trial {trial}: {costs:?}\n{report}");
        let share = costs[slow] as f64 / costs.into_iter().sum::<u64>() as f64;
        assert!((found.load - share).abs() < 0.01, "trial {trial}: {found:?}, and it was {share}");
        let threads = if matches!(slow, 1 | 3) { Limit::Workers } else { Limit::OneThread };
        assert_eq!(found.limit, threads);
    }
}

/// A report as a run with several workers would have left it, from the seconds of each part.
fn as_if(workers: usize, seconds: [f64; 5], elapsed: f64) -> Report<()> {
    let mut report = run([1; 5]);
    report.workers = workers;
    report.elapsed = Duration::from_secs_f64(elapsed);
    report.source_busy = Duration::from_secs_f64(seconds[0]);
    report.sink_busy = Duration::from_secs_f64(seconds[4]);
    for (segment, seconds) in report.segments.iter_mut().zip(&seconds[1..4]) {
        segment.busy = Some(Duration::from_secs_f64(*seconds));
    }
    report
}

/// The naive oracle: a thousand batches through the parts, one after the other, with everyone waiting for whoever is in front. Returns
/// when the last one is written.
fn simulated(workers: usize, seconds: [f64; 5]) -> f64 {
    const BATCHES: usize = 1_000;
    let [read, parse, number, render, write] = seconds.map(|all| all / BATCHES as f64);
    let mut free = vec![0.0f64; workers];
    let (mut source, mut serial, mut sink) = (0.0f64, 0.0f64, 0.0f64);
    for _ in 0..BATCHES {
        let next = free.iter_mut().min_by(|a, b| a.total_cmp(b)).expect("somebody works");
        source = source.max(*next) + read;
        let parsed = source + parse;
        serial = serial.max(parsed) + number;
        let rendered = serial + render;
        sink = sink.max(rendered) + write;
        *next = sink;
    }
    sink
}

#[test]
fn the_gain_is_within_a_fifth_of_what_a_simulation_gains_by_the_remedy() {
    let synthetic = [
        (1, [1.0, 20.0, 1.0, 2.0, 1.0]),
        (2, [1.0, 20.0, 1.0, 2.0, 1.0]),
        (2, [0.5, 30.0, 9.0, 1.0, 1.0]),
        (4, [10.0, 8.0, 1.0, 1.0, 1.0]),
        (4, [0.5, 8.0, 1.0, 1.0, 9.0]),
        (4, [0.5, 8.0, 12.0, 4.0, 1.0]),
        (8, [1.0, 60.0, 1.0, 20.0, 2.0]),
    ];
    for (workers, seconds) in synthetic {
        let before = simulated(workers, seconds);
        let found = as_if(workers, seconds, before).bottleneck().expect("it stands out");
        let after = match found.remedy {
            Remedy::Workers(workers) => simulated(workers, seconds),
            Remedy::LessWork => {
                let at = PARTS.iter().position(|part| *part == found.part).expect("it is one of them");
                let mut less = seconds;
                less[at] /= 2.0;
                simulated(workers, less)
            }
            remedy => panic!("{remedy:?} for {workers} workers and {seconds:?}"),
        };
        let (said, gained) = (found.gain.expect("it can be told"), before / after);
        assert!((said / gained - 1.0).abs() < 0.2, "{workers}, {seconds:?}: {found}, and it was {gained:.2}");
    }
}

#[test]
fn parallel_segments_count_together_and_the_larger_one_is_named() {
    let found = as_if(4, [5.0, 18.0, 1.0, 19.0, 1.0], 10.0).bottleneck().expect("workers are short");
    assert_eq!((found.part, &*found.stages, found.limit), (Part::Segment(2), "render", Limit::Workers));
    assert_eq!((found.remedy, (found.load * 1e6).round()), (Remedy::Workers(8), 925_000.0));
    let text = "segment 2 (render) limits the run: all workers busy 92% of the time; with 8 workers up to 2.0 times as fast";
    assert_eq!(found.to_string(), text);
}

#[test]
fn where_nobody_was_busy_memory_is_named_if_it_was_full_and_nothing_otherwise() {
    let mut report = as_if(4, [2.0, 4.0, 1.0, 1.0, 1.0], 10.0);
    report.memory_limit = 64 << 20;
    assert_eq!(report.bottleneck(), None);
    report.peak_bytes = 62 << 20;
    let found = report.bottleneck().expect("it was full");
    assert_eq!((found.limit, found.remedy), (Limit::Memory, Remedy::Memory(128 << 20)));
    assert_eq!(
        found.to_string(),
        "the source waits for memory: 97% of the limit in use; with 128 MiB it would not"
    );
}

#[test]
fn where_nobody_was_busy_the_async_stage_with_the_least_in_flight_is_named() {
    let mut report = as_if(4, [1.0, 0.0, 2.0, 0.0, 1.0], 10.0);
    for (index, concurrency) in [(0, 64), (2, 8)] {
        let segment = &mut report.segments[index];
        (segment.kind, segment.concurrency, segment.busy) = (SegmentKind::Async, Some(concurrency), None);
    }
    let found = report.bottleneck().expect("operations are waited for");
    assert_eq!(
        (found.part, found.limit, found.remedy),
        (Part::Segment(2), Limit::Concurrency, Remedy::Concurrency(16))
    );
    let text = "segment 2 (render) limits the run: it waits for its operations; with 16 in flight up to 2.0 times as fast";
    assert_eq!(found.to_string(), text);
    // One that lacked items, or room for what they give, holds nobody up.
    report.segments[2].starved = Duration::from_secs(3);
    report.segments[2].blocked = Duration::from_secs(3);
    assert_eq!(report.bottleneck().expect("operations are waited for").part, Part::Segment(0));
    // Until the serial segment between them has no time left, on its own thread.
    report.segments[1].busy = Some(Duration::from_secs(8));
    assert_eq!(report.bottleneck().expect("it is busy").part, Part::Segment(1));
}

#[test]
fn of_parts_that_are_all_idle_most_of_the_time_one_is_named_if_it_stands_out() {
    assert_eq!(as_if(2, [4.0, 1.0, 2.1, 1.0, 1.0], 10.0).bottleneck(), None);
    let found = as_if(2, [4.0, 1.0, 1.9, 1.0, 1.0], 10.0).bottleneck().expect("it stands out");
    assert_eq!((found.part, found.load), (Part::Source, 0.4));
    assert_eq!(as_if(2, [0.9, 0.1, 0.1, 0.1, 0.1], 10.0).bottleneck(), None);
}

#[test]
fn a_run_that_was_too_short_has_none_and_a_longer_one_prints_it() {
    assert_eq!(as_if(1, [1e-5; 5], 5e-4).bottleneck(), None);
    let idle =
        from_iter(0..9u8).for_each(drop).clocked_by(VirtualClock::new()).run_on(&Inline).expect("it ends");
    assert_eq!(idle.bottleneck(), None);
    let text = run([1, 1, 9, 1, 1]).to_string();
    assert!(text.contains("segment 1 (number) limits the run: busy 69% of the time"), "{text}");
}
