//! Random schedules against the kit: the harness under every order of events, and the fuzzer itself on trial.
#![cfg(feature = "testing")]

use pipe_core::testing::{Case, Coverage, Fuzz, LetterLog, laws};
use pipe_core::{exponential, from_iter};
use std::time::Duration;

#[test]
fn random_schedules_of_random_pipelines_give_what_the_naive_loop_gives() {
    let mut coverage = Coverage::new();
    for seed in laws::seeds(0..laws::CASES) {
        coverage.merge(laws::random_case(&Fuzz::new(seed), seed));
    }
    for seed in laws::seeds(0..3) {
        coverage.merge(laws::written_chains(&Fuzz::new(seed)));
    }
    if std::env::var("PIPE_SEED").is_err() {
        assert_eq!(coverage.missing(), [], "not covered:\n{}", coverage.table());
    }
}

#[test]
fn a_small_memory_limit_changes_schedules_and_nothing_else() {
    for seed in laws::seeds(0..400) {
        laws::random_case(&Fuzz::new(seed).memory_limit(2_000), seed);
    }
}

#[test]
fn the_fuzzer_obeys_all_laws() {
    // Each seed has one, two or three virtual workers.
    for seed in laws::seeds(0..3) {
        laws::named(&Fuzz::new(seed));
    }
}

#[test]
fn the_fuzzer_keeps_within_its_memory() {
    for (seed, limit) in [(1, 1 << 20), (2, 64 << 10), (3, 1 << 10)] {
        let fuzz = Fuzz::new(seed).memory_limit(limit);
        // Beside the limit: what a worker fills and what it hands on, and for a batch what is read at least.
        laws::an_exploding_item_stays_within(&fuzz, limit + 3 * (128 << 10));
        laws::a_slow_sink_slows_the_source(&fuzz, limit + 6 * (128 << 10));
    }
    // An item owns 16 KiB.
    laws::weighed_items_stay_within(&Fuzz::new(2).memory_limit(64 << 10), (64 << 10) + 6 * (128 << 10));
    laws::any_memory_limit_will_do(&|limit| Box::new(Fuzz::new(5).memory_limit(limit)));
    laws::a_stopped_run_returns(|| Fuzz::new(5));
}

#[test]
fn a_seed_gives_one_schedule_and_another_seed_another() {
    let trace = |seed: u64, case: u64| {
        let fuzz = Fuzz::new(seed);
        laws::random_case(&fuzz, case);
        fuzz.trace()
    };
    let cases: Vec<u64> = (0..200).filter(|seed| Case::new(*seed).script.len() > 4).collect();
    assert!(cases.len() > 50);
    for case in &cases {
        assert_eq!(trace(*case, *case), trace(*case, *case), "case {case}");
    }
    let differ = cases.iter().filter(|case| trace(1, **case) != trace(2, **case)).count();
    assert!(differ > cases.len() / 2, "{differ} of {} schedules differ", cases.len());
}

#[test]
fn time_passes_with_the_steps() {
    let fuzz = Fuzz::new(4);
    let log = LetterLog::new();
    let hour = Duration::from_secs(3_600);
    let retry = exponential(4).first(Duration::from_secs(600)).most(hour);
    let chain = from_iter(0..50u64).try_map(|n| if n == 7 { Err("down") } else { Ok(n) }).retry(retry);
    let chain = chain.on_error(log.policy()).collect().clocked_by(fuzz.clock());
    let report = chain.run_on(&fuzz).unwrap();
    assert_eq!((report.value.len(), log.letters()[0].attempts), (49, 4));
    assert_eq!(fuzz.clock().waits().len(), 3);
    assert!(report.elapsed > Duration::from_secs(300 + 600 + 1_200), "{:?}", report.elapsed);
}
