//! One value for each key: the accumulator of a group-by.

#[cfg(feature = "spill")]
mod spilling;
mod words;

#[cfg(feature = "spill")]
pub use spilling::{SortedGroups, SpillingGroups};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use pipe_core::Weigh;
use std::fmt;
use words::Words;

/// A value for each key that came, where keys are bytes: what a fold by key collects into.
///
/// ```
/// use pipe_core::{Inline, rows};
/// use pipe_stream::{BadNumber, Groups, Text, decimal_at_end};
///
/// struct Reading<'a> { station: &'a [u8], tenths: i64 }
/// rows!(Reading);
///
/// /// `Hamburg;-12.3`
/// fn reading(line: &[u8]) -> Result<Reading<'_>, BadNumber> {
///     let (before, tenths) = decimal_at_end::<1>(line)?;
///     Ok(Reading { station: before.strip_suffix(b";").unwrap_or(before), tenths })
/// }
///
/// #[derive(Default)]
/// struct Mean { sum: i64, count: i64 }
///
/// impl Mean {
///     fn add(&mut self, tenths: i64) { self.sum += tenths; self.count += 1; }
///     fn merge(&mut self, other: Mean) { self.sum += other.sum; self.count += other.count; }
/// }
///
/// let lines = Text::new(b"Oslo;-3.5\nLima;21.0\nOslo;4.5".to_vec()).pipeline().parse(reading);
/// let means = lines.fold(
///     Groups::<Mean>::default,
///     |groups, reading| groups.at(reading.station).add(reading.tenths),
///     Groups::merge_with(Mean::merge),
/// );
/// let means = means.run_on(&Inline)?.value.into_sorted();
/// let shown: Vec<_> = means.iter().map(|(name, mean)| (&name[..], mean.sum / mean.count)).collect();
/// assert_eq!(shown, [(&b"Lima"[..], 210), (b"Oslo", 5)]);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
///
/// # Costs
///
/// Finding a group is O(length of the key), expected, and allocates nothing. A key is copied once, when its group is new. A group takes
/// its key, its value, and 33 bytes, in a table that is 7/16 to 7/8 full. The table grows without looking at the keys. With `.weighed()`
/// behind the fold all of that counts against the memory limit of the run.
///
/// Keys of up to 16 bytes are found without a loop and without a look at the copy of the key, longer ones at about the price of a
/// `HashMap<Vec<u8>, V>`. Nanoseconds per row (413 names of 3 to 14 bytes in random order; in the second column every eighth is about 35
/// bytes long; in the third a million rows over a million keys of 13 to 17 bytes, so that most rows make a group):
///
/// | | short | mixed | a million |
/// | --- | ---: | ---: | ---: |
/// | `HashMap<Vec<u8>, V>` | 24.3 | 27.7 | 619 |
/// | `HashMap<Vec<u8>, V>` with foldhash | 10.0 | 12.2 | 464 |
/// | `HashMap<Vec<u8>, V>` with ahash | 9.5 | 11.7 | 368 |
/// | `Groups<V>` | 6.3 | 8.4 | 225 |
///
/// (Sapphire Rapids, one thread, the best of many; a value of 32 bytes.)
///
/// # Order, and hostile keys
///
/// Iteration is in no order, and in another one each time; [`into_sorted`](Self::into_sorted) has one. Each table draws its own seed, so
/// keys that collide in one do not collide in the next, and nobody can write them down beforehand. Whoever can measure how long single
/// lookups take might still work them out: the hash, foldhash, is fast and not cryptographic. For such inputs take a `HashMap`, which by
/// default has a hash that is.
#[derive(Clone)]
pub struct Groups<V> {
    table: HashTable<Group<V>>,
    /// The bytes of all keys, one key behind the other.
    keys: Vec<u8>,
    hasher: RandomState,
}

#[derive(Clone)]
struct Group<V> {
    words: Words,
    /// Where the key starts in `keys`.
    at: usize,
    value: V,
}

impl<V> Group<V> {
    fn key<'k>(&self, keys: &'k [u8]) -> &'k [u8] {
        &keys[self.at..][..self.words.len()]
    }
}

impl<V> Groups<V> {
    /// No groups. Allocates nothing.
    pub fn new() -> Self {
        Groups { table: HashTable::new(), keys: Vec::new(), hasher: RandomState::default() }
    }

    /// The value of this key. A key that is new gets the default value.
    ///
    /// ```
    /// let mut words = pipe_stream::Groups::<u32>::new();
    /// for word in ["to", "be", "or", "not", "to", "be"] {
    ///     *words.at(word.as_bytes()) += 1;
    /// }
    /// assert_eq!((words.len(), words.get(b"be")), (4, Some(&2)));
    /// ```
    #[inline(always)]
    pub fn at(&mut self, key: &[u8]) -> &mut V
    where
        V: Default,
    {
        self.at_or_else(key, V::default)
    }

    /// The value of this key. A key that is new gets what `new` makes; it is called for no other.
    ///
    /// ```
    /// let mut first_seen = pipe_stream::Groups::new();
    /// for (day, user) in [(1, "ann"), (2, "bob"), (3, "ann")] {
    ///     first_seen.at_or_else(user.as_bytes(), || day);
    /// }
    /// assert_eq!(first_seen.into_sorted(), [(b"ann".to_vec(), 1), (b"bob".to_vec(), 2)]);
    /// ```
    #[inline(always)]
    pub fn at_or_else(&mut self, key: &[u8], new: impl FnOnce() -> V) -> &mut V {
        match self.find(key) {
            Ok(value) => value,
            Err(absent) => absent.insert(key, new()),
        }
    }

    /// The value of this key, if it came.
    pub fn get(&self, key: &[u8]) -> Option<&V> {
        let words = Words::of(key, &self.hasher);
        let same = |group: &Group<V>| group.words == words && group.key(&self.keys) == key;
        self.table.find(words.hash(&self.hasher), same).map(|group| &group.value)
    }

    /// How many keys came.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether none came.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Keys and values, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &V)> {
        self.table.iter().map(|group| (group.key(&self.keys), &group.value))
    }

    /// Keys and values, in the order of the bytes of the keys. O(n log n).
    pub fn into_sorted(self) -> Vec<(Vec<u8>, V)> {
        self.into_ordered().collect()
    }

    /// As `into_sorted`, where each key is copied when it is its turn.
    fn into_ordered(self) -> impl Iterator<Item = (Vec<u8>, V)> {
        let keys = self.keys;
        let mut groups: Vec<_> = self.table.into_iter().collect();
        groups.sort_unstable_by(|left, right| left.key(&keys).cmp(right.key(&keys)));
        groups.into_iter().map(move |group| (group.key(&keys).to_vec(), group.value))
    }

    /// Keys and values, in the order of the bytes of the keys.
    #[cfg(feature = "spill")]
    fn ordered(&self) -> Vec<(&[u8], &V)> {
        let mut ordered: Vec<_> = self.iter().collect();
        ordered.sort_unstable_by_key(|(key, _)| *key);
        ordered
    }

    /// Takes all of `other` in. Of a key that both have, `merge` puts the other value into the one that is here.
    ///
    /// ```
    /// use pipe_stream::Groups;
    ///
    /// let (mut all, mut part) = (Groups::<u32>::new(), Groups::new());
    /// *all.at(b"a") = 1;
    /// (*part.at(b"a"), *part.at(b"b")) = (10, 20);
    /// all.merge(part, |all, part| *all += part);
    /// assert_eq!((all.get(b"a"), all.get(b"b")), (Some(&11), Some(&20)));
    /// ```
    pub fn merge(&mut self, other: Self, mut merge: impl FnMut(&mut V, V)) {
        if self.is_empty() {
            *self = other;
            return;
        }
        for group in other.table {
            let key = group.key(&other.keys);
            match self.find(key) {
                Ok(value) => merge(value, group.value),
                Err(absent) => drop(absent.insert(key, group.value)),
            }
        }
    }

    /// [`merge`](Self::merge) as the last argument of [`fold`](pipe_core::Pipeline::fold).
    pub fn merge_with(mut merge: impl FnMut(&mut V, V)) -> impl FnMut(&mut Self, Self) {
        move |all, part| all.merge(part, &mut merge)
    }

    #[inline(always)]
    fn find(&mut self, key: &[u8]) -> Result<&mut V, Absent<'_, V>> {
        let words = Words::of(key, &self.hasher);
        if words.are_the_key() { self.find_words(words, |_, _| true) } else { self.find_long(words, key) }
    }

    // Out of line: a call in the middle would make the short keys save registers.
    #[inline(never)]
    fn find_long(&mut self, words: Words, key: &[u8]) -> Result<&mut V, Absent<'_, V>> {
        self.find_words(words, |group, keys| group.key(keys) == key)
    }

    /// The group with these words, if it also `is_it`.
    #[inline(always)]
    fn find_words(
        &mut self,
        words: Words,
        is_it: impl Fn(&Group<V>, &[u8]) -> bool,
    ) -> Result<&mut V, Absent<'_, V>> {
        let Groups { table, keys, hasher } = self;
        let hash = words.hash(hasher);
        match table.find_entry(hash, |group| group.words == words && is_it(group, keys)) {
            Ok(found) => Ok(&mut found.into_mut().value),
            Err(absent) => Err(Absent { table: absent.into_table(), keys, hasher, words, hash }),
        }
    }
}

/// The place of a key that has no group.
struct Absent<'g, V> {
    table: &'g mut HashTable<Group<V>>,
    keys: &'g mut Vec<u8>,
    hasher: &'g RandomState,
    words: Words,
    hash: u64,
}

impl<'g, V> Absent<'g, V> {
    // Out of line: there are many rows and few groups.
    #[cold]
    #[inline(never)]
    fn insert(self, key: &[u8], value: V) -> &'g mut V {
        let Absent { table, keys, hasher, words, hash } = self;
        let at = keys.len();
        keys.extend_from_slice(key);
        let group = Group { words, at, value };
        &mut table.insert_unique(hash, group, |group| group.words.hash(hasher)).into_mut().value
    }
}

impl<V> Default for Groups<V> {
    fn default() -> Self {
        Groups::new()
    }
}

impl<V: fmt::Debug> fmt::Debug for Groups<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(key, value)| (String::from_utf8_lossy(key), value))).finish()
    }
}

/// The table, the keys, and what the values own. O(1) where values own nothing.
impl<V: Weigh> Weigh for Groups<V> {
    fn heap(&self) -> usize {
        let owned = if std::mem::needs_drop::<V>() {
            self.table.iter().map(|group| group.value.heap()).sum()
        } else {
            0
        };
        self.table.allocation_size() + self.keys.capacity() + owned
    }
}
