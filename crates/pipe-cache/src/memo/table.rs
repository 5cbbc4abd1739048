//! A table of fixed size that forgets: set-associative, as the caches of processors are.

use pipe_core::default_memory_limit;

/// Maps some keys to values. A key belongs into one *set* of four places, so finding it looks at one or two cache lines, and when all
/// four are taken one of them has to go.
///
/// Which one is decided as in RRIP (Jaleel, Theobald, Steely, Emer: High Performance Cache Replacement Using Re-Reference Interval
/// Prediction, ISCA 2010, "SRRIP-HP" with two bits). An entry has an age from 0 to 3: it comes with 2, a hit makes it 0, the first one of
/// age 3 goes, and if there is none all get older. So keys that come once do not drive out those that come again.
pub(super) struct Table<K, V> {
    sets: Box<[Set<K, V>]>,
}

const WAYS: usize = 4;

/// The age of an entry that goes next.
const OLDEST: u8 = 3;

/// The age of an entry that has come and was not found yet.
const NEW: u8 = OLDEST - 1;

/// On a line of its own, so that tags and first entry come with one fetch.
#[repr(align(64))]
struct Set<K, V> {
    /// A part of the hash of each entry, with the lowest bit set; 0 where there is none.
    tags: [u8; WAYS],
    ages: [u8; WAYS],
    entries: [Option<(K, V)>; WAYS],
}

impl<K, V> Table<K, V> {
    /// For so many entries, rounded up to a power of two, at least one set. All its memory is taken now: no more than [`most_bytes`], for who
    /// asks for as many as there can be.
    pub(super) fn new(entries: usize) -> Self {
        Table::within(entries, most_bytes())
    }

    /// The same, in so many bytes at most; one set is always there.
    pub(super) fn within(entries: usize, bytes: usize) -> Self {
        let fit = 1 << (bytes / size_of::<Set<K, V>>()).max(1).ilog2();
        let sets = entries.div_ceil(WAYS).next_power_of_two().min(fit);
        let empty = || Set { tags: [0; WAYS], ages: [OLDEST; WAYS], entries: [const { None }; WAYS] };
        Table { sets: (0..sets).map(|_| empty()).collect() }
    }

    /// The bytes that it takes, without what its entries own elsewhere.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.sets)
    }

    /// What it knows, in no order.
    pub(super) fn into_entries(self) -> impl Iterator<Item = (K, V)> {
        self.sets.into_iter().flat_map(|set| set.entries).flatten()
    }

    #[inline]
    fn set(&mut self, hash: u64) -> &mut Set<K, V> {
        let index = hash as usize & (self.sets.len() - 1);
        &mut self.sets[index]
    }
}

/// From other bits than the index of the set.
#[inline]
fn tag(hash: u64) -> u8 {
    (hash >> 56) as u8 | 1
}

/// What a table takes at most: twice what a run may use unless it is told, hence half a GiB, or half the memory of a small machine. Where
/// that is not enough the tables are not the way: each look is a walk to the memory, and a worker has a table of its own.
pub(super) fn most_bytes() -> usize {
    2 * default_memory_limit()
}

impl<K: Eq, V> Table<K, V> {
    /// What is known for this key.
    #[inline]
    pub(super) fn get(&mut self, hash: u64, key: &K) -> Option<&V> {
        let (set, tag) = (self.set(hash), tag(hash));
        for way in 0..WAYS {
            if set.tags[way] == tag
                && let Some((known, value)) = &set.entries[way]
                && known == key
            {
                if set.ages[way] != 0 {
                    set.ages[way] = 0;
                }
                return Some(value);
            }
        }
        None
    }

    /// Remembers a value for a key that is not in it. Says whether another one had to go.
    pub(super) fn insert(&mut self, hash: u64, key: K, value: V) -> bool {
        let set = self.set(hash);
        let way = set.way_for_new();
        let evicts = set.tags[way] != 0;
        // The tag last, so that a panic in the `Drop` of what goes leaves no tag without an entry that it fits.
        set.tags[way] = 0;
        set.entries[way] = Some((key, value));
        set.tags[way] = tag(hash);
        set.ages[way] = NEW;
        evicts
    }
}

impl<K, V> Set<K, V> {
    /// The place for a new entry: an empty one, or that of the first of the oldest.
    fn way_for_new(&mut self) -> usize {
        if let Some(empty) = self.tags.iter().position(|tag| *tag == 0) {
            return empty;
        }
        let oldest = self.ages.iter().copied().max().unwrap_or(OLDEST);
        self.ages.iter_mut().for_each(|age| *age += OLDEST - oldest);
        self.ages.iter().position(|age| *age == OLDEST).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipe_core::testing::Rng;
    use std::collections::HashMap;

    /// A hash of few values, so that sets and tags collide.
    fn hash(key: u64) -> u64 {
        key.wrapping_mul(0x9E37_79B9_7F4A_7C15) & 0x0300_0000_0000_00FF
    }

    #[test]
    fn what_it_finds_is_what_was_put_in_last_and_it_never_grows() {
        let (mut table, mut oracle, mut rng) = (Table::new(64), HashMap::new(), Rng::new(1));
        let (mut found, mut evicted, mut inserted) = (0, 0, 0);
        for round in 0..50_000_u64 {
            let key = rng.below(200);
            match table.get(hash(key), &key) {
                Some(value) => {
                    found += 1;
                    assert_eq!(Some(value), oracle.get(&key));
                }
                None => {
                    inserted += 1;
                    evicted += u64::from(table.insert(hash(key), key, round));
                    oracle.insert(key, round);
                }
            }
        }
        let held = table.sets.iter().flat_map(|set| &set.entries).filter(|entry| entry.is_some()).count();
        assert!(found > 5_000, "{found} found");
        assert!(held <= 64);
        assert_eq!(inserted, evicted + held as u64, "each entry is in it or was evicted");
    }

    #[test]
    fn a_key_that_comes_again_outlives_keys_that_come_once() {
        let mut table = Table::new(4);
        table.insert(0, "hot".to_owned(), 0);
        for n in 1..1_000 {
            table.insert(0, format!("once {n}"), n);
            assert_eq!(table.get(0, &"hot".to_owned()), Some(&0), "after {n} others");
        }
    }

    #[test]
    fn what_it_knows_comes_out_of_it() {
        let mut table = Table::new(16);
        (0..9_u64).for_each(|key| _ = table.insert(hash(key), key, key + 1));
        let held = table.sets.iter().flat_map(|set| &set.entries).flatten().count();
        let all: HashMap<u64, u64> = table.into_entries().collect();
        assert!(all.len() == held && held > 4 && all.iter().all(|(key, value)| key + 1 == *value), "{all:?}");
    }

    #[test]
    fn who_asks_for_as_many_as_there_can_be_gets_what_fits() {
        for entries in [usize::MAX, usize::MAX - 1, 1 << 62, 1 << 40] {
            let mut table = Table::<u64, u64>::within(entries, (1 << 20) + 1);
            assert_eq!(table.bytes(), 1 << 20);
            table.insert(hash(7), 7, 8);
            assert_eq!(table.get(hash(7), &7), Some(&8));
        }
        assert_eq!(Table::<u64, [u64; 1_000]>::within(usize::MAX, 1).sets.len(), 1);
        assert!(most_bytes() <= 512 << 20);
    }

    #[test]
    fn the_least_it_has_is_one_set() {
        for (entries, sets) in [(0, 1), (1, 1), (4, 1), (5, 2), (9, 4), (1 << 14, 1 << 12)] {
            assert_eq!(Table::<u64, u64>::new(entries).sets.len(), sets);
        }
    }
}
