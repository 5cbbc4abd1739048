//! What one worker remembers, and whether it looks.

use super::Memo;
use super::statistics::{MemoStatistics, Totals};
use super::table::Table;
use super::trial::{Next, Trial};
use std::hash::{BuildHasher, Hash};
use std::mem;
use std::sync::Arc;
use std::time::Instant;

/// The state of a [`Memo`] in one worker: its table, and the trial that says whether it pays.
pub struct MemoWorker<K, V> {
    /// Items that are computed without a look. Asked first, so that passing by costs one comparison.
    direct_left: u32,
    /// Elsewhere, so that no call has a pointer to the number above, and it may stay in a register.
    looker: Box<Looker<K, V>>,
}

/// The part of a worker that is out of line.
pub(super) struct Looker<K, V> {
    table: Table<K, V>,
    /// Items that are looked up before it is asked again.
    look_up_left: u32,
    trial: Trial,
    begun: Instant,
    /// What the totals do not know yet.
    seen: MemoStatistics,
    totals: Arc<Totals>,
    /// It has told its numbers.
    left: bool,
}

impl<K, V> MemoWorker<K, V> {
    pub(super) fn new(entries: usize, totals: Arc<Totals>) -> Self {
        totals.worker_begins();
        let looker = Looker {
            table: Table::new(entries),
            look_up_left: 0,
            trial: Trial::new(entries),
            begun: Instant::now(),
            seen: MemoStatistics::default(),
            totals,
            left: false,
        };
        MemoWorker { direct_left: 0, looker: Box::new(looker) }
    }

    pub(super) fn bytes(&self) -> usize {
        self.looker.table.bytes()
    }

    /// Tells its numbers, once. Says whether it was the last worker.
    pub(super) fn leave(&mut self) -> bool {
        let looker = &mut *self.looker;
        if mem::replace(&mut looker.left, true) {
            return false;
        }
        // Of a block that was not run to its end.
        looker.seen.bypassed -= u64::from(self.direct_left).min(looker.seen.bypassed);
        looker.totals.add(mem::take(&mut looker.seen));
        looker.totals.worker_leaves()
    }

    /// Whether the next item is computed without a look.
    #[inline(always)]
    pub(super) fn passes_by(&mut self) -> bool {
        let passes = self.direct_left > 0;
        self.direct_left -= u32::from(passes);
        passes
    }
}

impl<K: Hash + Eq + Clone, V: Clone> MemoWorker<K, V> {
    /// The result for an item that does not pass by.
    #[inline(always)]
    pub(super) fn look_up<F: Fn(&K) -> V>(&mut self, memo: &Memo<K, V, F>, key: K) -> V {
        let (value, direct) = self.looker.look_up(memo, key);
        self.direct_left = direct;
        value
    }
}

impl<K, V> Looker<K, V> {
    /// Begins the next block; its first item is the present one. Returns how many behind it are computed without a look.
    #[cold]
    fn next_block(&mut self) -> u32 {
        let missed = self.seen.misses;
        self.totals.add(mem::take(&mut self.seen));
        match self.trial.next(self.begun.elapsed(), missed) {
            Next::Direct(items) => {
                self.seen.bypassed = u64::from(items);
                items
            }
            Next::LookUp(items) => {
                self.look_up_left = items;
                0
            }
        }
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Looker<K, V> {
    /// The result for this key, from the table if it is there, and how many of the next items are computed without a look.
    ///
    /// Out of line: so that the loop that passes by stays as small as the one without a memo.
    #[inline(never)]
    fn look_up<F: Fn(&K) -> V>(&mut self, memo: &Memo<K, V, F>, key: K) -> (V, u32) {
        if self.look_up_left == 0 {
            let direct = self.next_block();
            if direct > 0 {
                return ((memo.f)(&key), direct - 1);
            }
        }
        self.look_up_left -= 1;
        // The seed is fixed: keys that are made to collide cost the table its hits, and then it is passed by.
        let hash = foldhash::fast::FixedState::default().hash_one(&key);
        if let Some(value) = self.table.get(hash, &key) {
            self.seen.hits += 1;
            return (value.clone(), 0);
        }
        self.seen.misses += 1;
        let (value, shared) = memo.compute(hash, &key);
        self.seen.shared_hits += u64::from(shared);
        self.seen.evicted += u64::from(self.table.insert(hash, key, value.clone()));
        (value, 0)
    }
}

impl<K, V> Drop for MemoWorker<K, V> {
    /// However the run ends, its numbers are told.
    fn drop(&mut self) {
        self.leave();
    }
}
