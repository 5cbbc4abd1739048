//! What the threads and the operations of a run wait for is told in the report, by a clock that only the stages move.

use pipe_async::Async;
use pipe_core::testing::VirtualClock;
use pipe_core::{Report, Run, from_iter};
use std::convert::Infallible;
use std::time::{Duration, Instant};

const MILLI: Duration = Duration::from_millis(1);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Slow {
    Source,
    Operations,
    Sink,
}

/// Goes on for as long as the report does not show it: so nothing depends on who runs when, and a wait that is never told ends with the
/// patience.
async fn until(shows: fn(&Report<()>) -> bool, slow: Slow) -> Report<()> {
    let (run, clock, ends) = (Run::new(), VirtualClock::new(), Instant::now() + Duration::from_secs(60));
    let seen = run.clone();
    let tick = |part: Slow| {
        let clock = clock.clone();
        move || {
            if part == slow {
                clock.advance(MILLI);
            }
        }
    };
    let (read, fetch, write) = (tick(Slow::Source), tick(Slow::Operations), tick(Slow::Sink));
    let items = (0u64..).take_while(move |_| {
        read();
        Instant::now() < ends && !seen.report().is_some_and(|report| shows(&report))
    });
    let fetched = from_iter(items).map(|n| n).try_map_async(move |n| {
        fetch();
        async move { Ok::<_, Infallible>(n) }
    });
    let whole = fetched.concurrency(4).map(|n| n).for_each(move |_| write());
    // A few items in a batch: each part soon waits for another.
    let whole = whole.handled_by(&run).clocked_by(clock);
    whole.run_on(&Async::tokio().memory_limit(512)).await.expect("nothing fails")
}

#[tokio::test]
async fn behind_a_slow_source_operations_and_the_threads_behind_them_are_starved() {
    let starved = |report: &Report<()>| [1, 2].iter().all(|&at| report.segments[at].starved >= MILLI);
    let report = until(starved, Slow::Source).await;
    assert!(starved(&report), "{report}");
}

#[tokio::test]
async fn behind_slow_operations_a_thread_is_starved_and_before_them_it_is_blocked() {
    let told =
        |report: &Report<()>| report.segments[0].blocked >= MILLI && report.segments[2].starved >= MILLI;
    let report = until(told, Slow::Operations).await;
    assert!(told(&report), "{report}");
}

#[tokio::test]
async fn before_a_slow_sink_the_threads_are_blocked() {
    let blocked = |report: &Report<()>| report.segments[0].blocked >= MILLI;
    let report = until(blocked, Slow::Sink).await;
    assert!(blocked(&report), "{report}");
}
