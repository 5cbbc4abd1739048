//! Who keeps a run from going on. Each run here stands still because its closure looks at the detector.

use pipe_core::testing::VirtualClock;
use pipe_core::{BoxError, FromIter, Inline, Items, Own, Part, Source, Want};
use pipe_metrics::{Stall, StallDetector, WaitingFor};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Runs source, segment, sink; at item 500 of `part` time passes, and the detector is asked.
fn stuck_in(part: usize, span: Duration) -> Option<Stall> {
    let clock = VirtualClock::new();
    let stalls = StallDetector::clocked_by(SECOND * 10, clock.clone());
    let found = Arc::new(Mutex::new(None));
    let look = |here: usize| {
        let (clock, stalls, found) = (clock.clone(), stalls.clone(), found.clone());
        move |n: u64| {
            if here == part && n == 500 {
                clock.advance(span);
                *found.lock().unwrap() = stalls.check();
            }
        }
    };
    let [read, parse, write] = [0, 1, 2].map(look);
    assert_eq!(stalls.check(), None, "it has not begun");
    let run = FromIter::new((0..1_000u64).inspect(move |n| read(*n)))
        .pipeline()
        .map(move |n| {
            parse(n);
            n
        })
        .named("parse")
        .for_each(write);
    run.clocked_by(clock.clone()).observe(stalls.clone()).run_on(&Inline).expect("it ends");
    clock.advance(SECOND * 60);
    assert_eq!(stalls.check(), None, "it has ended");
    let found = found.lock().unwrap();
    found.clone()
}

#[test]
fn who_does_not_move_is_named_with_what_it_waits_for() {
    let expected = [
        (Part::Source, WaitingFor::Input, "the source has not moved for 12.0 s: it waits for input"),
        (
            Part::Segment(0),
            WaitingFor::Closure,
            "segment 0 (parse) has not moved for 12.0 s: it is inside of its closures",
        ),
        (Part::Sink, WaitingFor::Output, "the sink has not moved for 12.0 s: it is inside of a write"),
    ];
    for (at, (part, waiting_for, text)) in expected.into_iter().enumerate() {
        let stall = stuck_in(at, SECOND * 12).expect("it stands still");
        assert_eq!((stall.part, stall.waiting_for, stall.since), (Some(part), waiting_for, SECOND * 12));
        assert_eq!(stall.to_string(), text);
    }
}

#[test]
fn who_has_patience_left_is_not_stalled() {
    assert_eq!([0, 1, 2].map(|part| stuck_in(part, SECOND * 9)), [None, None, None]);
}

#[test]
fn a_slow_consumer_is_no_stall() {
    let clock = VirtualClock::new();
    let stalls = StallDetector::clocked_by(SECOND * 10, clock.clone());
    let (slow, watch) = (clock.clone(), stalls.clone());
    // An hour in all.
    let run = OneByOne(0).pipeline().map(|n| n).for_each(move |_| {
        slow.advance(SECOND * 9);
        assert_eq!(watch.check(), None);
    });
    run.clocked_by(clock).observe(stalls).run_on(&Inline).expect("it was never stalled");
}

/// Four hundred batches of one item each.
struct OneByOne(u64);

impl Source for OneByOne {
    type Item = Own<u64>;
    type Batch = Items<u64>;

    fn pull(&mut self, _: Want) -> Result<Option<Items<u64>>, BoxError> {
        self.0 += 1;
        Ok((self.0 <= 400).then(|| Items::new(self.0, vec![self.0])))
    }
}
