//! What one worker remembers, and whether it looks.

use super::Memo;
use super::statistics::{MemoStatistics, Totals};
use super::table::Table;
use super::trial::{BLOCK, Next, Trial};
use std::hash::{BuildHasher, Hash};
use std::mem;
use std::sync::Arc;
use std::time::Instant;

/// The state of a [`Memo`] in one worker: its table, and the trial that says whether it pays.
pub struct MemoWorker<K, V> {
    /// Items that are computed without a look; below zero, those that were beyond their number. Asked first, so that passing by costs one
    /// comparison, and none where it is steady.
    direct_left: i64,
    /// Elsewhere, so that no call has a pointer to the number above, and it may stay in a register.
    looker: Box<Looker<K, V>>,
}

/// The part of a worker that is out of line.
pub(super) struct Looker<K, V> {
    /// Small, until a glance says that the whole one may pay: whoever passes it by never takes its memory.
    table: Table<K, V>,
    /// Of the whole table.
    entries: usize,
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
            table: Table::new(entries.min(Trial::GLANCED)),
            entries,
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
        looker.seen.bypassed = looker.seen.bypassed.saturating_add_signed(-self.direct_left);
        looker.totals.add(mem::take(&mut looker.seen));
        looker.totals.worker_leaves()
    }

    /// Whether the next item is computed without a look.
    #[inline(always)]
    pub(super) fn passes_by(&mut self) -> bool {
        let passes = self.direct_left > 0;
        self.direct_left -= i64::from(passes);
        passes
    }

    /// Whether all items of a slice may: not in a trial, which has to count them.
    pub(super) fn is_steady(&self) -> bool {
        self.direct_left > i64::from(BLOCK)
    }

    /// One more that does.
    #[inline(always)]
    pub(super) fn pass_by(&mut self) {
        self.direct_left -= 1;
    }
}

impl<K: Hash + Eq + Clone, V: Clone> MemoWorker<K, V> {
    /// The result for an item that does not pass by.
    #[inline(always)]
    pub(super) fn look_up<F: Fn(&K) -> V>(&mut self, memo: &Memo<K, V, F>, key: K) -> V {
        let (value, direct) = self.looker.look_up(memo, key, self.direct_left);
        self.direct_left = direct;
        value
    }
}

impl<K: Hash + Eq + Clone, V: Clone> Looker<K, V> {
    /// Begins the next block; its first item is the present one. Returns how many behind it are computed without a look.
    #[cold]
    fn next_block(&mut self, direct_left: i64) -> i64 {
        let missed = self.seen.misses;
        self.seen.bypassed = self.seen.bypassed.saturating_add_signed(-direct_left);
        self.totals.add(mem::take(&mut self.seen));
        match self.trial.next(self.begun.elapsed(), missed) {
            Next::Direct(items) => {
                self.seen.bypassed = u64::from(items);
                i64::from(items)
            }
            Next::LookUp(items) => {
                if !self.trial.is_glance() {
                    self.take_whole_table();
                }
                self.look_up_left = items;
                0
            }
        }
    }

    /// With what the small one knows.
    fn take_whole_table(&mut self) {
        if self.entries <= Trial::GLANCED {
            return;
        }
        let mut whole = Table::new(mem::take(&mut self.entries));
        for (key, value) in mem::replace(&mut self.table, Table::new(0)).into_entries() {
            whole.insert(hash(&key), key, value);
        }
        self.table = whole;
    }

    /// The result for this key, from the table if it is there, and how many of the next items are computed without a look.
    ///
    /// Out of line: so that the loop that passes by stays as small as the one without a memo.
    #[inline(never)]
    fn look_up<F: Fn(&K) -> V>(&mut self, memo: &Memo<K, V, F>, key: K, direct_left: i64) -> (V, i64) {
        if self.look_up_left == 0 {
            let direct = self.next_block(direct_left);
            if direct > 0 {
                return ((memo.f)(&key), direct - 1);
            }
        }
        self.look_up_left -= 1;
        let hash = hash(&key);
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

/// The seed is fixed: keys that are made to collide cost the table its hits, and then it is passed by.
#[inline]
fn hash<K: Hash>(key: &K) -> u64 {
    foldhash::fast::FixedState::default().hash_one(key)
}

impl<K, V> Drop for MemoWorker<K, V> {
    /// However the run ends, its numbers are told.
    fn drop(&mut self) {
        self.leave();
    }
}
