//! What workers sleep for is told in the report, by a clock that only the stages move.

use pipe_core::testing::VirtualClock;
use pipe_core::{Report, Run, from_iter};
use pipe_parallel::Parallel;
use std::time::{Duration, Instant};

const MILLI: Duration = Duration::from_millis(1);

/// Goes on for as long as the report does not show it, in one batch for each item. So nothing depends on who runs when; a wait that is never
/// told ends with the patience.
fn until(shows: impl Fn(&Report<()>) -> bool + Send + 'static, slow: Slow) -> Report<()> {
    let (run, clock, ends) = (Run::new(), VirtualClock::new(), Instant::now() + Duration::from_secs(60));
    let seen = run.clone();
    let tick = |part: Slow| {
        let clock = clock.clone();
        move || {
            if part == slow {
                clock.advance(MILLI)
            }
        }
    };
    let (read, number) = (tick(Slow::Source), tick(Slow::Serial));
    let items = (0u64..).take_while(move |_| {
        read();
        Instant::now() < ends && !seen.report().is_some_and(|report| shows(&report))
    });
    let numbered = from_iter(items).map(|n| n).named("parse").scan(
        || 0u64,
        move |_, n| {
            number();
            n
        },
    );
    let whole = numbered.edge().map(|n| n).named("render").for_each(drop).handled_by(&run).clocked_by(clock);
    let executor = Parallel::new().workers(2).low_latency().memory_limit(64).spread_at_once();
    whole.run_on(&executor).expect("nothing fails")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Slow {
    Source,
    Serial,
}

#[test]
fn workers_that_wait_for_a_source_are_starved_in_all_their_segments() {
    let starved = |report: &Report<()>| [0, 2].iter().all(|&at| report.segments[at].starved >= MILLI);
    let report = until(starved, Slow::Source);
    assert!(starved(&report), "{report}");
}

#[test]
fn workers_that_wait_for_a_serial_stage_are_blocked_before_it() {
    let blocked = |report: &Report<()>| report.segments[0].blocked >= MILLI;
    let report = until(blocked, Slow::Serial);
    assert!(blocked(&report), "{report}");
    // What is told is time that there was: of two workers.
    let most = report.elapsed * 2;
    assert!(
        report.segments.iter().all(|it| it.busy.unwrap_or_default() + it.starved + it.blocked <= most * 2)
    );
}

#[test]
fn one_worker_waits_for_nobody() {
    let whole = from_iter(0..10_000u64).map(|n| n).edge().map(|n| n).for_each(drop);
    let report = whole.run_on(&Parallel::new().workers(1)).expect("nothing fails");
    assert!(report.segments.iter().all(|it| it.starved.is_zero() && it.blocked.is_zero()), "{report}");
}
