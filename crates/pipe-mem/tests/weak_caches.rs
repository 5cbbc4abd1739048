//! A value is found while it is in use, and the last few are without that.

use pipe_mem::WeakCache;
use std::collections::HashMap;
use std::sync::Arc;
use std::thread;

#[test]
fn what_is_in_use_is_found_and_what_is_not_goes() {
    let cache = WeakCache::keeping(0);
    let used = cache.get_or_insert_with(1, || "one");
    cache.get_or_insert_with(2, || "two");
    assert!(Arc::ptr_eq(&used, &cache.get(&1).expect("it is in use")));
    assert!(cache.get(&2).is_none());
    drop(used);
    assert!(cache.get(&1).is_none());
    let statistics = cache.statistics();
    assert_eq!((statistics.hits, statistics.misses), (1, 4));
}

#[test]
fn the_last_few_stay_without_being_used() {
    for keep in 1..20 {
        let cache = WeakCache::keeping(keep);
        for key in 0..100 {
            cache.get_or_insert_with(key, || key);
        }
        let alive: Vec<usize> = (0..100).filter(|key| cache.get(key).is_some()).collect();
        assert_eq!(alive, (100 - keep..100).collect::<Vec<_>>());
    }
}

#[test]
fn what_is_asked_for_again_has_a_second_chance() {
    let cache = WeakCache::keeping(3);
    for key in 0..50 {
        cache.get_or_insert_with(key, || key);
        assert!(cache.get(&0).is_some(), "asked for after each of the {key} others");
    }
}

#[test]
fn what_is_found_in_use_is_kept_again() {
    let cache = WeakCache::keeping(1);
    let used = cache.get_or_insert_with(1, || 1);
    cache.get_or_insert_with(2, || 2);
    assert!(cache.get(&1).is_some());
    drop(used);
    assert!(cache.get(&1).is_some() && cache.get(&2).is_none());
    cache.release();
    assert!(cache.get(&1).is_none());
}

#[test]
fn keys_of_values_that_are_gone_are_swept_and_sweeps_are_few() {
    let cache = WeakCache::keeping(10);
    for key in 0..10_000 {
        cache.get_or_insert_with(key, || key);
        assert!(cache.len() <= 64, "{} keys", cache.len());
    }
    assert!(cache.statistics().sweeps <= 10_000 / 50, "{:?}", cache.statistics());
}

#[test]
fn it_agrees_with_a_map_of_what_is_held() {
    let cache = WeakCache::keeping(0);
    let (mut held, mut state) = (HashMap::new(), 7u64);
    for _ in 0..20_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let key = state >> 33 & 127;
        match state >> 60 {
            0..4 => drop(held.remove(&key)),
            4..8 => _ = held.insert(key, cache.get_or_insert_with(key, || key)),
            _ => assert_eq!(cache.get(&key), held.get(&key).cloned()),
        }
    }
}

#[test]
fn threads_that_miss_at_once_get_the_same_value() {
    let cache = WeakCache::keeping(4);
    for key in 0..200 {
        let (one, two) = thread::scope(|scope| {
            let other = scope.spawn(|| cache.get_or_insert_with(key, || key));
            (cache.get_or_insert_with(key, || key), other.join().expect("nothing panics"))
        });
        assert!(Arc::ptr_eq(&one, &two));
    }
}
