//! Any row of parallel and serial stages gives what it gives on one thread, whatever the workers and the memory limit.

mod shapes;

use pipe_core::testing::{Rng, ScriptedSink};
use pipe_core::{Inline, Report, RunError};
use pipe_parallel::Parallel;
use shapes::{Part, build, shape, start};

/// What can be compared of a run.
#[derive(Debug, PartialEq, Eq)]
struct Ran {
    items: Vec<i64>,
    commits: usize,
    error: Option<String>,
    /// Items taken and emitted by each segment.
    accounts: Vec<(u64, u64)>,
}

impl Ran {
    fn new(items: Vec<i64>, commits: usize, ran: Result<Report<()>, RunError>) -> Self {
        let accounts = |report: &Report<()>| {
            report.segments.iter().map(|segment| (segment.taken, segment.emitted)).collect()
        };
        let accounts = ran.as_ref().map_or(vec![], accounts);
        Ran { items, commits, error: ran.err().map(|error| error.to_string()), accounts }
    }
}

impl Ran {
    /// All but the accounts: before a stage that had enough they count what was read ahead.
    fn ended_as(&self, expected: &Ran, seed: u64, setting: &str) {
        assert_eq!(self.error, expected.error, "seed {seed}, {setting}");
        let (wanted, got) = (expected.items.len(), self.items.len());
        assert!(self.items == expected.items, "seed {seed}, {setting}: {got} items instead of {wanted}");
        assert_eq!(self.commits, expected.commits, "seed {seed}, {setting}");
    }
}

fn on(executor: &Executor, from_bytes: bool, items: u32, parts: &[Part]) -> Ran {
    let (sink, log) = ScriptedSink::new();
    let whole = build(start(from_bytes, items), parts).to(sink);
    let ran = match executor {
        Executor::Inline => whole.run_on(&Inline),
        Executor::Parallel(parallel) => whole.run_on(parallel),
    };
    Ran::new(log.items(), log.commits(), ran)
}

enum Executor {
    Inline,
    Parallel(Parallel),
}

const WORKERS: [usize; 4] = [1, 2, 3, 7];
const LIMITS: [usize; 3] = [1, 4 << 10, 1 << 20];

/// Calls `check` with the result on one thread and those of all settings.
fn compare(items: u32, parts: &[Part], check: impl Fn(&Ran, &Ran, &str)) {
    for limit in LIMITS {
        let from_bytes = limit == 1;
        let expected = on(&Executor::Inline, from_bytes, items, parts);
        for workers in WORKERS {
            let parallel = Executor::Parallel(Parallel::new().workers(workers).memory_limit(limit));
            let ran = on(&parallel, from_bytes, items, parts);
            check(&expected, &ran, &format!("{workers} workers, {limit} bytes, {parts:?}"));
        }
    }
}

fn seeds() -> std::ops::Range<u64> {
    // More of them: `PIPE_SEEDS=1000 cargo test --release -p pipe-parallel --test random_shapes`.
    0..std::env::var("PIPE_SEEDS").map_or(12, |seeds| seeds.parse().expect("a number"))
}

/// Fewer items where they become many.
fn items(parts: &[Part]) -> u32 {
    let growth = |part: &Part| match part {
        Part::Explode(times) | Part::Swell(times) => *times as u32,
        _ => 1,
    };
    3_000 / parts.iter().map(growth).product::<u32>() + 1
}

#[test]
fn outputs_and_accounts_are_those_of_one_thread() {
    for seed in seeds() {
        let parts = shape(&mut Rng::new(seed));
        compare(items(&parts), &parts, |expected, ran, setting| {
            assert_eq!(ran.error, None, "seed {seed}, {setting}");
            assert!(ran == expected, "seed {seed}, {setting}: {:?}, {:?}", ran.accounts, expected.accounts);
        });
    }
}

#[test]
fn failures_are_those_of_one_thread_and_so_is_what_came_before() {
    for seed in seeds() {
        let mut rng = Rng::new(1_000_000 + seed);
        let mut parts = shape(&mut rng);
        for _ in 0..1 + rng.below(3) {
            let one_in = 20 + rng.below(2_000);
            let part = if rng.below(2) == 0 { Part::FailParallel(one_in) } else { Part::FailSerial(one_in) };
            parts.insert(rng.below(parts.len() as u64 + 1) as usize, part);
        }
        compare(items(&parts), &parts, |expected, ran, setting| ran.ended_as(expected, seed, setting));
    }
}

#[test]
fn panics_are_those_of_one_thread_and_so_is_what_came_before() {
    for seed in seeds() {
        let mut rng = Rng::new(2_000_000 + seed);
        let mut parts = shape(&mut rng);
        for _ in 0..1 + rng.below(2) {
            let one_in = 20 + rng.below(2_000);
            let part =
                if rng.below(2) == 0 { Part::PanicParallel(one_in) } else { Part::PanicSerial(one_in) };
            parts.insert(rng.below(parts.len() as u64 + 1) as usize, part);
        }
        compare(items(&parts), &parts, |expected, ran, setting| ran.ended_as(expected, seed, setting));
    }
}

#[test]
fn take_ends_the_run_where_it_does_on_one_thread() {
    for seed in seeds() {
        let mut rng = Rng::new(3_000_000 + seed);
        let mut parts = shape(&mut rng);
        // Failures too: of those behind its end a loop would not have heard.
        for _ in 0..rng.below(3) {
            let one_in = 200 + rng.below(2_000);
            let part = if rng.below(2) == 0 { Part::FailParallel(one_in) } else { Part::FailSerial(one_in) };
            parts.insert(rng.below(parts.len() as u64 + 1) as usize, part);
        }
        for _ in 0..1 + rng.below(2) {
            let take = Part::Take(rng.below(1_500));
            parts.insert(rng.below(parts.len() as u64 + 1) as usize, take);
        }
        compare(items(&parts), &parts, |expected, ran, setting| ran.ended_as(expected, seed, setting));
    }
}
