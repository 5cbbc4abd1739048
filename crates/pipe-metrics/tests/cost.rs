//! What it costs to watch a run. How often the clock is looked at is tested always; processor time and instructions on request:
//! `cargo test -p pipe-metrics --release --features advice --test cost -- --ignored --nocapture`.
//!
//! The same pipeline is run, whose source gives batches of about 50 us, with
//!
//! * nobody told, on a clock that costs nothing: as near as one comes to a run that counts nothing, since pipe-core always counts;
//! * nobody told: what every run pays;
//! * an observer that does nothing;
//! * `Counters`.
#![cfg(all(feature = "advice", unix))]

use pipe_core::plan::Plan;
use pipe_core::{
    BoxError, Cancel, Clock, Executor, Inline, Items, Observed, Own, Profile, RunError, Source, SystemClock,
    Want, from_source,
};
use pipe_metrics::Counters;
use rustix::time::{ClockId, clock_gettime};
use std::convert::Infallible;
use std::env;
use std::hint::black_box;
use std::mem;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Items of a batch, and steps of a chain of multiplications for each: 51 us together on a processor of 3 GHz.
const BATCH: u64 = 256;
const STEPS: u64 = 200;

/// Gives batches of the same size, whatever is wanted: so that instructions do not depend on how fast they are.
struct Batches {
    left: u64,
    is_first: bool,
}

impl Source for Batches {
    type Item = Own<u64>;
    type Batch = Items<u64>;

    fn pull(&mut self, _: Want) -> Result<Option<Items<u64>>, BoxError> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        // After a large one slices are as long as batches.
        let items = if mem::take(&mut self.is_first) { 16 * BATCH } else { BATCH };
        Ok(Some(Items::new(0, (0..items).collect())))
    }
}

/// Always shows zero, and counts who looks.
#[derive(Clone, Default)]
struct Still {
    looks: Arc<AtomicU64>,
}

impl Clock for Still {
    fn now(&self) -> Duration {
        self.looks.fetch_add(1, Relaxed);
        Duration::ZERO
    }

    fn wait(&self, _: Duration, _: &Cancel) {}
}

/// `Inline`, for which slices take no time: so each batch is one.
struct Whole;

impl<'p> Executor<'p> for Whole {
    type Ran = Result<(), RunError>;
    type Async = Infallible;

    fn profile(&self) -> Result<Profile, RunError> {
        Inline.profile()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(Still::default())
    }

    fn execute(&self, plan: Plan<'p>) -> Result<(), RunError> {
        Inline.execute(plan)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watched {
    OnFreeClock,
    ByNobody,
    ByNull,
    ByCounters,
}

/// A source, a parallel segment and a sink.
fn run(batches: u64, watched: Watched, clock: impl Clock + 'static) -> Result<u64, RunError> {
    let work = |n: u64| (0..STEPS).fold(n, |x, step| (x ^ step).wrapping_mul(0xBF58_476D_1CE4_E5B9));
    let sum = from_source(Batches { left: batches, is_first: true }).map(work).fold(
        || 0,
        |sum: &mut u64, n| *sum = sum.wrapping_add(n),
        |all, part| *all = all.wrapping_add(part),
    );
    let sum = sum.clocked_by(clock);
    let sum = match watched {
        Watched::OnFreeClock | Watched::ByNobody => sum,
        Watched::ByNull => sum.observe(|_: &Observed<'_>| {}),
        Watched::ByCounters => sum.observe(Counters::new().of("numbers")),
    };
    Ok(sum.run_on(&Whole)?.value)
}

/// How often a batch more makes a run look at the clock.
fn looks_for_a_batch(watched: Watched) -> u64 {
    let looks = |batches| {
        let clock = Still::default();
        run(batches, watched, clock.clone()).expect("nothing fails");
        clock.looks.load(Relaxed)
    };
    (looks(60) - looks(40)) / 20
}

#[test]
fn a_batch_looks_at_the_clock_twice_for_each_part_and_who_observes_adds_no_look() {
    // The fold hands nothing on before the end: so a batch is in the source and in one segment.
    let each = [Watched::ByNobody, Watched::ByNull, Watched::ByCounters].map(looks_for_a_batch);
    assert_eq!(each, [4; 3]);
}

/// Of this thread, in nanoseconds.
fn processor_time() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Processor time of one against another, run in turn: the median, and the 95 % interval of the median.
fn paired(one: Watched, other: Watched) -> [f64; 3] {
    const PAIRS: usize = 300;
    const BATCHES: u64 = 100;
    let spent = |watched| {
        let began = processor_time();
        let answer = match watched {
            Watched::OnFreeClock => run(BATCHES, watched, Still::default()),
            _ => run(BATCHES, watched, SystemClock::new()),
        };
        black_box(answer.expect("nothing fails"));
        processor_time() - began
    };
    let _warm = (spent(one), spent(other));
    let pair = |at: usize| {
        // Who comes first is not always the same.
        let (first, second) = if at.is_multiple_of(2) { (one, other) } else { (other, one) };
        let (first, second) = (spent(first), spent(second));
        if at.is_multiple_of(2) { first / second } else { second / first }
    };
    let mut ratios: Vec<f64> = (0..PAIRS).map(pair).collect();
    ratios.sort_by(f64::total_cmp);
    // By order statistics: half of the pairs, and two standard deviations of a coin that is thrown so often.
    let (middle, spread) = (PAIRS / 2, (PAIRS as f64).sqrt() as usize);
    [ratios[middle], ratios[middle - spread], ratios[middle + spread]]
}

#[test]
#[ignore = "measures processor time: on request, with optimisation"]
fn at_batches_of_50_us_counters_take_a_hundredth_of_the_processor_time_at_most() {
    let began = processor_time();
    run(1_000, Watched::ByNobody, SystemClock::new()).expect("nothing fails");
    println!("a batch takes {:.1} us", (processor_time() - began) / 1e6);
    let mut much = Vec::new();
    for (what, one, other) in [
        ("nothing more", Watched::ByNobody, Watched::ByNobody),
        ("what every run counts", Watched::ByNobody, Watched::OnFreeClock),
        ("an observer that does nothing", Watched::ByNull, Watched::ByNobody),
        ("Counters", Watched::ByCounters, Watched::ByNobody),
        ("Counters, and what every run counts", Watched::ByCounters, Watched::OnFreeClock),
    ] {
        let [median, low, high] = paired(one, other).map(|ratio| (ratio - 1.0) * 100.0);
        println!("{what}: {median:+.2} % [{low:+.2}, {high:+.2}] of the processor time");
        if low > 1.0 {
            much.push(what);
        }
    }
    assert_eq!(much, [""; 0], "more than a hundredth");
}

/// What a process of this test does under callgrind.
const TOLD: &str = "PIPE_METRICS_COST";

#[test]
#[ignore = "a part of the next test"]
fn under_callgrind() {
    let told = env::var(TOLD).unwrap_or_default();
    let Some((watched, batches)) = told.split_once(' ') else { return };
    let watched = if watched == "null" { Watched::ByNull } else { Watched::ByNobody };
    run(batches.parse().expect("it was a number"), watched, SystemClock::new()).expect("nothing fails");
}

/// Instructions of this many batches; `None` without valgrind.
fn instructions(watched: &str, batches: u64) -> Option<u64> {
    let this = env::current_exe().expect("a test knows where it is");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(this)
        .args(["--ignored", "--exact", "under_callgrind", "--test-threads=1"])
        .env(TOLD, format!("{watched} {batches}"))
        .output()
        .ok()?;
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{report}");
    let collected = report.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok());
    Some(collected.expect("callgrind says what it has collected"))
}

#[test]
#[ignore = "minutes under callgrind: on request, with optimisation"]
fn at_batches_of_50_us_an_observer_that_does_nothing_adds_two_thousandths_of_the_instructions_at_most() {
    let for_a_batch =
        |watched| Some((instructions(watched, 600)? - instructions(watched, 200)?) as f64 / 400.0);
    let (Some(nobody), Some(null)) = (for_a_batch("nobody"), for_a_batch("null")) else {
        println!("SKIPPED: valgrind is not installed, so instructions cannot be counted");
        return;
    };
    let more = null / nobody - 1.0;
    println!("a batch takes {nobody:.0} instructions, observed {null:.0}: {:+.3} %", more * 100.0);
    assert!(more <= 0.002, "{:.3} % more", more * 100.0);
}
