//! Values that are shared while somebody uses them.

use crate::pressure::PressureLevel;
use crate::shrink::Shrink;
use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Finds a value as long as somebody uses it, and keeps the last few alive by itself.
///
/// For things that are made from a key, dear to make, and wanted by several: a dictionary, a schema, a decoded image. A value that is out
/// of use for long goes, without anyone saying so. Which ones stay is decided by second chance (CLOCK: Corbató, "A Paging Experiment",
/// 1968): the oldest that was not asked for again since it was last considered goes first. Finding takes a lock and one look into a table;
/// the keys of values that are gone are swept once they may be as many as the others, so that a sweep costs each insertion O(1).
///
/// ```
/// use pipe_mem::WeakCache;
///
/// let schemas = WeakCache::keeping(1);
/// let first = schemas.get_or_insert_with("orders", || vec!["id", "price"]);
/// schemas.get_or_insert_with("users", || vec!["id", "name"]);        // now the cache itself keeps only this
/// assert!(schemas.get("orders").is_some());                         // but `first` is in use
/// drop(first);
/// assert_eq!(schemas.statistics().hits, 1);
/// ```
pub struct WeakCache<K, V> {
    state: Mutex<State<K, V>>,
    /// How many values it keeps when there is memory.
    count: usize,
}

/// Counts since a [`WeakCache`] was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheStatistics {
    /// Values that were found.
    pub hits: u64,
    /// Values that were not there, or not any more.
    pub misses: u64,
    /// Sweeps of keys whose values are gone.
    pub sweeps: u64,
}

struct State<K, V> {
    found: HashMap<K, Entry<V>>,
    /// What the cache itself keeps alive.
    kept: Vec<Kept<V>>,
    keep: usize,
    /// The place in `kept` that is considered next.
    hand: usize,
    /// How many keys there may be before those of values that are gone are swept.
    sweep_at: usize,
    statistics: CacheStatistics,
}

struct Entry<V> {
    value: Weak<V>,
    /// Where in `kept` it was put last.
    place: usize,
}

struct Kept<V> {
    value: Arc<V>,
    /// Asked for since it was considered last.
    again: bool,
}

/// Fewer keys than this are not worth a sweep.
const SWEEP_MIN: usize = 64;

impl<K: Hash + Eq, V> WeakCache<K, V> {
    /// Keeps up to `count` values alive by itself; zero is allowed, and then only what is in use is found.
    pub fn keeping(count: usize) -> Self {
        let state = State {
            found: HashMap::new(),
            kept: Vec::new(),
            keep: count,
            hand: 0,
            sweep_at: SWEEP_MIN,
            statistics: CacheStatistics::default(),
        };
        WeakCache { state: Mutex::new(state), count }
    }

    /// The value of this key, if it is alive.
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<Arc<V>>
    where
        K: std::borrow::Borrow<Q>,
    {
        let mut state = self.state();
        let (found, gone) = state.find(key);
        drop(state);
        drop(gone);
        found
    }

    /// The value of this key, or what `make` returns, which others find from then on.
    ///
    /// `make` runs without a lock, so it may take its time and use the cache. Two threads that miss the same key at once both make it, and
    /// both get the one that was ready first.
    pub fn get_or_insert_with(&self, key: K, make: impl FnOnce() -> V) -> Arc<V> {
        if let Some(value) = self.get(&key) {
            return value;
        }
        let value = Arc::new(make());
        let mut state = self.state();
        if let Some(first) = state.alive(&key) {
            drop(state);
            return first;
        }
        let gone = state.insert(key, &value);
        drop(state);
        // Values are dropped here, and not under the lock: that is code of the user.
        drop(gone);
        value
    }

    /// How many keys it knows, those of values that are gone among them.
    pub fn len(&self) -> usize {
        self.state().found.len()
    }

    /// Whether it knows no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keeps nothing alive any more of what it has now. For when memory is short.
    pub fn release(&self) {
        let mut state = self.state();
        let kept = mem::take(&mut state.kept);
        state.hand = 0;
        drop(state);
        drop(kept);
    }

    /// What it has done so far.
    pub fn statistics(&self) -> CacheStatistics {
        self.state().statistics
    }

    // Hashing and comparing keys may panic, and then no step was half done: each changes one thing after it has asked.
    fn state(&self) -> MutexGuard<'_, State<K, V>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps fewer values, the shorter memory is, and as many as before when it no longer is.
impl<K: Hash + Eq + Send, V: Send + Sync> Shrink for WeakCache<K, V> {
    fn shrink(&self, level: PressureLevel) -> usize {
        let mut state = self.state();
        let gone = state.keep_at_most(level.kept(self.count));
        drop(state);
        gone.len()
    }
}

impl<K: Hash + Eq, V> State<K, V> {
    /// From now on. Returns what has to be dropped: the oldest, those that were asked for again after the others.
    fn keep_at_most(&mut self, count: usize) -> Vec<Arc<V>> {
        self.keep = count;
        let mut excess = self.kept.len().saturating_sub(count);
        if excess == 0 {
            return Vec::new();
        }
        self.kept.rotate_left(mem::take(&mut self.hand));
        let mut gone = Vec::with_capacity(excess);
        for spared in [true, false] {
            let goes = |kept: &mut Kept<V>| {
                let goes = excess > 0 && !(spared && kept.again);
                excess -= usize::from(goes);
                goes
            };
            gone.extend(self.kept.extract_if(.., goes).map(|kept| kept.value));
        }
        let places = self.kept.iter().enumerate().map(|(place, kept)| (Arc::as_ptr(&kept.value), place));
        let places: HashMap<_, _> = places.collect();
        for entry in self.found.values_mut() {
            entry.place = places.get(&entry.value.as_ptr()).copied().unwrap_or(entry.place);
        }
        gone
    }

    fn alive<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<Arc<V>>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.found.get(key)?.value.upgrade()
    }

    /// The value, if it is alive, and what the cache gives up to keep it.
    fn find<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> (Option<Arc<V>>, Option<Arc<V>>)
    where
        K: std::borrow::Borrow<Q>,
    {
        let Some((value, place)) =
            self.found.get(key).and_then(|entry| Some((entry.value.upgrade()?, entry.place)))
        else {
            self.statistics.misses += 1;
            return (None, None);
        };
        self.statistics.hits += 1;
        if let Some(kept) = self.kept.get_mut(place).filter(|kept| Arc::ptr_eq(&kept.value, &value)) {
            kept.again = true;
            return (Some(value), None);
        }
        // In use, but not kept any more: it is again.
        let (place, gone) = self.keep(&value);
        if let Some(entry) = self.found.get_mut(key) {
            entry.place = place;
        }
        (Some(value), gone)
    }

    /// Returns what has to be dropped.
    fn insert(&mut self, key: K, value: &Arc<V>) -> Option<Arc<V>> {
        if self.found.len() >= self.sweep_at {
            self.found.retain(|_, entry| entry.value.strong_count() > 0);
            self.sweep_at = SWEEP_MIN.max(2 * self.found.len());
            self.statistics.sweeps += 1;
        }
        let (place, gone) = self.keep(value);
        self.found.insert(key, Entry { value: Arc::downgrade(value), place });
        gone
    }

    /// Keeps a value alive. Returns its place, and what was there before.
    fn keep(&mut self, value: &Arc<V>) -> (usize, Option<Arc<V>>) {
        if self.keep == 0 {
            return (0, None);
        }
        let kept = Kept { value: value.clone(), again: false };
        if self.kept.len() < self.keep {
            self.kept.push(kept);
            return (self.kept.len() - 1, None);
        }
        // Ends after one round at the latest: by then none has a second chance left.
        while mem::take(&mut self.kept[self.hand].again) {
            self.hand = (self.hand + 1) % self.keep;
        }
        let place = self.hand;
        self.hand = (place + 1) % self.keep;
        (place, Some(mem::replace(&mut self.kept[place], kept).value))
    }
}

impl<K: Hash + Eq, V> fmt::Debug for WeakCache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakCache")
            .field("keys", &self.len())
            .field("statistics", &self.statistics())
            .finish()
    }
}
