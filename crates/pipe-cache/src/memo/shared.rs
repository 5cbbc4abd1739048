//! The results that all workers share.

use super::table::{Table, most_bytes};
use crate::line::Line;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Tables behind locks of their own; a key belongs to one of them.
pub(super) struct Shared<K, V> {
    shards: Box<[Line<Mutex<Table<K, V>>>]>,
}

/// So many that 16 workers that look all the time rarely want the same.
const SHARDS: usize = 64;

impl<K, V> Shared<K, V> {
    pub(super) fn new(entries: usize) -> Self {
        let (each, bytes) = (entries.div_ceil(SHARDS), most_bytes() / SHARDS);
        Shared { shards: (0..SHARDS).map(|_| Line(Mutex::new(Table::within(each, bytes)))).collect() }
    }

    // A panic in `Hash`, `Eq` or `Clone` leaves a table whole: each entry is replaced in one assignment.
    fn shard(&self, hash: u64) -> MutexGuard<'_, Table<K, V>> {
        // Other bits than those that name the set and the tag within a table.
        let shard = (hash >> 40) as usize % SHARDS;
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq, V: Clone> Shared<K, V> {
    pub(super) fn get(&self, hash: u64, key: &K) -> Option<V> {
        self.shard(hash).get(hash, key).cloned()
    }

    pub(super) fn insert(&self, hash: u64, key: K, value: V) {
        self.shard(hash).insert(hash, key, value);
    }
}
