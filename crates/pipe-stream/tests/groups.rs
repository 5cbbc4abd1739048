//! `Groups` beside a `BTreeMap`.

use pipe_core::testing::{Fuzz, Rng};
use pipe_core::{RunError, Weigh};
use pipe_stream::{Groups, Text};
use std::collections::BTreeMap;

type Naive<V> = BTreeMap<Vec<u8>, V>;

/// Keys of 0 to 40 bytes over few letters, so that many come again and many are alike.
fn key(rng: &mut Rng) -> Vec<u8> {
    let letters: &[u8] = [&b"a"[..], b"ab", b"\x00\xff", b"0123456789"][rng.below(4) as usize];
    let len = if rng.below(4) == 0 { rng.below(41) } else { rng.below(7) };
    let same = rng.below(len + 1);
    let letter = |at| if at < same { letters[0] } else { letters[rng.below(letters.len() as u64) as usize] };
    (0..len).map(letter).collect()
}

fn sorted<V: Clone>(naive: &Naive<V>) -> Vec<(Vec<u8>, V)> {
    naive.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// In the order in which the values came, so that a lost, doubled or misplaced one shows.
fn filled(rng: &mut Rng, rows: u64) -> (Groups<Vec<u64>>, Naive<Vec<u64>>) {
    let (mut groups, mut naive) = (Groups::<Vec<u64>>::new(), Naive::new());
    for row in 0..rows {
        let key = key(rng);
        groups.at(&key).push(row);
        naive.entry(key).or_insert_with(Vec::new).push(row);
    }
    (groups, naive)
}

#[test]
fn each_key_has_the_values_that_came_with_it() {
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let rows = rng.below(3_000);
        let (groups, naive) = filled(&mut rng, rows);
        assert_eq!((groups.len(), groups.is_empty()), (naive.len(), naive.is_empty()), "seed {seed}");
        for _ in 0..200 {
            let key = key(&mut rng);
            assert_eq!(groups.get(&key), naive.get(&key), "seed {seed}, {key:?}");
        }
        let seen: Naive<_> = groups.iter().map(|(key, value)| (key.to_vec(), value.clone())).collect();
        assert_eq!(seen, naive, "seed {seed}");
        assert_eq!(groups.clone().into_sorted(), sorted(&naive), "seed {seed}");
        assert_eq!(groups.into_sorted(), sorted(&naive), "seed {seed}");
    }
}

#[test]
fn merged_parts_are_the_whole_whichever_of_them_is_empty() {
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let (most, more) =
            [(0, 0), (0, 300), (300, 0), (1_000, 10), (10, 1_000), (500, 500)][seed as usize % 6];
        let ((mut all, mut naive), (part, other)) = (filled(&mut rng, most), filled(&mut rng, more));
        for (key, values) in other {
            naive.entry(key).or_default().extend(values);
        }
        Groups::merge_with(|all: &mut Vec<u64>, part| all.extend(part))(&mut all, part);
        assert_eq!(all.into_sorted(), sorted(&naive), "seed {seed}");
    }
}

#[test]
fn every_length_is_a_key_of_its_own_and_so_is_every_byte_of_it() {
    let mut groups = Groups::<usize>::new();
    for len in 0..70 {
        *groups.at(&vec![b'x'; len]) += 1;
        for at in 0..len {
            let mut key = vec![b'x'; len];
            key[at] = b'y';
            *groups.at(&key) += 1;
        }
    }
    assert_eq!(groups.len(), (0..70).map(|len| len + 1).sum::<usize>());
    assert!(groups.iter().all(|(_, count)| *count == 1));
}

#[test]
fn a_new_value_is_made_once_for_each_key() {
    let mut made = 0;
    let mut groups = Groups::new();
    for key in ["a", "b", "a", "", "b", ""] {
        groups.at_or_else(key.as_bytes(), || made += 1);
    }
    assert_eq!((made, groups.len()), (3, 3));
}

#[test]
fn a_value_that_cannot_be_made_leaves_no_group() {
    let mut groups = Groups::<u8>::new();
    let making = std::panic::AssertUnwindSafe(|| *groups.at_or_else(b"a", || panic!("on purpose")));
    assert!(std::panic::catch_unwind(making).is_err());
    assert_eq!((groups.len(), groups.get(b"a")), (0, None));
    assert_eq!(groups.at(b"a"), &0);
}

#[test]
fn its_weight_is_the_table_the_keys_and_what_the_values_own() {
    assert_eq!(Groups::<u64>::new().heap(), 0);
    let mut groups = Groups::<Vec<u8>>::new();
    for number in 0..1_000 {
        *groups.at(format!("a key of 20 bytes{number:03}").as_bytes()) = Vec::with_capacity(100);
    }
    let least = 1_000 * (20 + 100 + size_of::<Vec<u8>>());
    assert!((least..4 * least).contains(&groups.heap()), "{}", groups.heap());
    let before = groups.heap();
    *groups.at(b"a key of 20 bytes007") = Vec::with_capacity(1_100);
    assert_eq!(groups.heap(), before + 1_000);
}

#[test]
fn a_fold_by_key_counts_against_the_limit_of_the_run() {
    let text = (0..20_000).map(|number| format!("key {number}\n")).collect::<String>();
    let count = |bytes| {
        let keys = Text::new(text.clone().into()).pipeline();
        let count = keys.fold(
            Groups::<u64>::default,
            |groups, key| *groups.at(key) += 1,
            Groups::merge_with(|a, b| *a += b),
        );
        count.weighed().run_on(&Fuzz::new(1).memory_limit(bytes))
    };
    assert_eq!(count(64 << 20).unwrap().value.len(), 20_000);
    assert!(matches!(count(256 << 10), Err(RunError::Budget { .. })));
}
