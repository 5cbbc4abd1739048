//! A memo changes when things are computed, and nothing else.

use pipe_cache::{MemoStatistics, memoised};
use pipe_core::testing::Rng;
use pipe_core::{Event, Inline, from_iter};
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};

/// Keys of which small ones come often: log-uniform over 0 to `end`, as words of a language do.
fn log_uniform(seed: u64, count: usize, end: u64) -> Vec<u64> {
    let (mut rng, top) = (Rng::new(seed), (end as f64).ln());
    let mut unit = || rng.below(1 << 53) as f64 / (1_u64 << 53) as f64;
    (0..count).map(|_| (unit() * top).exp() as u64 % end).collect()
}

fn uniform(seed: u64, count: usize, end: u64) -> Vec<u64> {
    let mut rng = Rng::new(seed);
    (0..count).map(|_| rng.below(end)).collect()
}

fn mixed(key: &u64) -> u64 {
    (0..20).fold(*key, |x, _| (x ^ (x >> 31)).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

/// Runs the keys through a memo that has to agree with the function itself.
fn checked(entries: usize, keys: Vec<u64>) -> MemoStatistics {
    let oracle: Vec<u64> = keys.iter().map(mixed).collect();
    let memo = memoised(entries, mixed);
    let tally = memo.tally();
    let report = from_iter(keys).stage(memo).collect().run_on(&Inline).unwrap();
    assert_eq!(report.value, oracle);
    tally.statistics()
}

#[test]
fn outputs_are_those_of_the_function_and_the_counts_close() {
    for (seed, entries) in [(1, 0), (2, 1), (3, 64), (4, 1 << 12)] {
        for keys in [log_uniform(seed, 300_000, 100_000), uniform(seed, 300_000, 1_000), uniform(seed, 9, 9)]
        {
            let count = keys.len() as u64;
            let seen = checked(entries, keys);
            assert_eq!(seen.hits + seen.misses + seen.bypassed, count);
            assert!(seen.evicted <= seen.misses);
        }
    }
}

#[test]
fn a_slow_function_is_computed_once_per_key_while_the_table_has_room() {
    let calls = AtomicU64::new(0);
    let memo = memoised(1 << 14, |key: &String| {
        calls.fetch_add(1, Ordering::Relaxed);
        key.len()
    });
    let keys: Vec<String> = uniform(1, 200, 20).iter().map(u64::to_string).collect();
    let different = keys.iter().collect::<HashSet<_>>().len() as u64;
    // 200 items are less than a block: nothing is bypassed.
    from_iter(keys).stage(memo).for_each(drop).run_on(&Inline).unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), different);
}

#[test]
fn what_one_worker_computed_another_finds_in_the_shared_table() {
    let calls = AtomicU64::new(0);
    let memo = memoised(64, |key: &u64| {
        calls.fetch_add(1, Ordering::Relaxed);
        mixed(key)
    });
    let memo = memo.shared(1 << 12);
    let tally = memo.tally();
    // 160 keys in turn do not fit into 64 entries, but into the shared table: each is computed once, or twice where four collide.
    let keys: Vec<u64> = (0..160).chain(0..80).collect();
    let oracle: Vec<u64> = keys.iter().map(mixed).collect();
    let report = from_iter(keys).stage(memo).collect().run_on(&Inline).unwrap();
    assert_eq!(report.value, oracle);
    let seen = tally.statistics();
    assert!(seen.shared_hits > 20, "{seen:?}");
    assert_eq!(seen.misses - seen.shared_hits, calls.load(Ordering::Relaxed));
}

#[test]
fn the_report_says_what_was_found_under_the_name_of_the_stage() {
    let memo = memoised(64, |key: &u64| *key);
    let report =
        from_iter([1_u64, 2, 1, 1]).stage(memo).named("squares").for_each(drop).run_on(&Inline).unwrap();
    let what = "50.0% of 4 looked up were found, 0 evicted, 0 computed without a look".to_owned();
    assert_eq!(report.events, [Event::Remark { stage: "squares".to_owned(), what }]);
    let nothing = from_iter([0_u64; 0]).stage(memoised(64, |key: &u64| *key)).for_each(drop).run_on(&Inline);
    assert_eq!(nothing.unwrap().events, [], "nothing to say");
}

#[test]
fn a_panic_ends_the_run_and_the_counts_are_told() {
    let memo = memoised(64, |key: &u64| if *key == 7 { panic!("seven") } else { *key });
    let tally = memo.tally();
    let error = from_iter([1_u64, 1, 2, 7]).stage(memo).collect().run_on(&Inline).unwrap_err();
    assert!(error.to_string().contains("seven"), "{error}");
    assert_eq!((tally.statistics().hits, tally.statistics().misses), (1, 3));
}

#[test]
fn what_was_found_out_before_the_whole_table_is_taken_is_known_in_it() {
    let calls = AtomicU64::new(0);
    // An item takes longer than any look, so that nothing is computed to compare.
    let memo = memoised(1 << 14, |key: &u64| {
        calls.fetch_add(1, Ordering::Relaxed);
        let until = std::time::Instant::now() + std::time::Duration::from_micros(200);
        while std::time::Instant::now() < until {}
        *key
    });
    // Blocks of 256 new keys, which the trial takes to be slow; then all of them again.
    let keys: Vec<u64> = (0..2_000).chain(0..2_000).collect();
    from_iter(keys).stage(memo).for_each(drop).run_on(&Inline).unwrap();
    // Without that a block of 256 would be computed again; some sets have more than four keys.
    assert!((2_000..2_100).contains(&calls.load(Ordering::Relaxed)), "{calls:?} calls");
}
