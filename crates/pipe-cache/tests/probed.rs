//! Looking ahead changes when memory is fetched, and nothing else.

use pipe_cache::{prefetch, probed};
use pipe_core::kernel::Blocks;
use pipe_core::testing::Rng;
use pipe_core::{Inline, from_iter, from_source};
use std::collections::VecDeque;
use std::sync::Mutex;

#[test]
fn outputs_are_those_of_a_map_in_order_however_far_it_looks_ahead() {
    let mut rng = Rng::new(1);
    let table: Vec<u64> = (0..1_000).map(|_| rng.number()).collect();
    for ahead in [0, 1, 2, 7, 32, 1_000] {
        for count in [0, 1, 2, 31, 32, 33, 5_000] {
            let keys: Vec<usize> = (0..count).map(|_| rng.below(1_000) as usize).collect();
            let oracle: Vec<u64> = keys.iter().map(|key| table[*key]).collect();
            let looks = || probed(ahead, |key: &usize| prefetch(&table[*key]), |key: usize| table[key]);
            let report = from_iter(keys.clone()).stage(looks()).collect().run_on(&Inline).unwrap();
            assert_eq!(report.value, oracle, "{ahead} ahead of {count}");
            // From a source of blocks, whose batches end in the middle of everything.
            let sums = from_source(Blocks::new(keys, 3))
                .flat_map(<[usize]>::to_vec)
                .stage(looks())
                .collect()
                .run_on(&Inline)
                .unwrap();
            assert_eq!(sums.value, oracle, "{ahead} ahead of {count}, in blocks");
        }
    }
}

#[test]
fn a_place_is_fetched_as_many_items_ahead_as_was_asked() {
    // Those whose place was fetched and that were not looked up yet, and the most there were.
    let waiting = Mutex::new((VecDeque::new(), 0));
    let looks = probed(
        5,
        |key: &i32| {
            let (keys, most) = &mut *waiting.lock().unwrap();
            keys.push_back(*key);
            *most = keys.len().max(*most);
        },
        |key: i32| assert_eq!(waiting.lock().unwrap().0.pop_front(), Some(key)),
    );
    from_iter(0..10_000).stage(looks).for_each(drop).run_on(&Inline).unwrap();
    let (left, most) = waiting.into_inner().unwrap();
    assert_eq!((left.len(), most), (0, 6), "the present item and five behind it");
}

#[test]
fn who_has_had_enough_gets_no_more() {
    let looks = probed(8, |_: &u64| {}, |key: u64| key);
    let taken = from_iter(0..u64::MAX).stage(looks).take(10).collect().run_on(&Inline).unwrap();
    assert_eq!(taken.value, (0..10).collect::<Vec<_>>());
}
