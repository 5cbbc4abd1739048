//! Who is asked to go to disk: the one that holds the most, of those that can and have not answered yet.

use super::Account;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

impl Account {
    /// How much one that spills may hold: half of what there is, less what cannot spill, in equal parts; at least an eighth. The other half is for
    /// batches, and for a table that grows and for a moment exists twice.
    pub(crate) fn spill_share(&self) -> usize {
        let shares = self.ancestry().filter(|node| !ptr::eq(*node, self)).map(|node| {
            let unspillable = node.resident().saturating_sub(node.spillable.load(Relaxed));
            let part = (node.allowance() / 2).saturating_sub(unspillable).max(node.allowance() / 8);
            part / node.below.spillers.load(Relaxed).max(1)
        });
        shares.min().unwrap_or(self.limit)
    }

    /// Asks the one that holds the most, of those that spill.
    pub(crate) fn ask_to_spill(&self) {
        let spillers = self.spillers();
        spillers.iter().for_each(|node| node.answered.store(false, Relaxed));
        ask_the_largest(&spillers);
    }

    /// What the one that was asked gave back was not enough: asks another one, that has not answered yet.
    pub(super) fn ask_the_next_to_spill(&self) {
        let spillers = self.spillers();
        if !spillers.iter().any(|node| node.is_asked()) {
            ask_the_largest(&spillers);
        }
    }

    /// All below that spill.
    fn spillers(&self) -> Vec<Arc<Account>> {
        let mut nodes = Vec::new();
        if self.below.spillers.load(Relaxed) > 0 {
            self.visit("", &mut |_, node| nodes.push(node.clone()));
            nodes.retain(|node| node.spills);
        }
        nodes
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Relaxed)
    }

    pub(crate) fn answered(&self) {
        self.answered.store(true, Relaxed);
        self.asked.store(false, Relaxed);
    }
}

fn ask_the_largest(spillers: &[Arc<Account>]) {
    let left = spillers.iter().filter(|node| node.in_use() > 0 && !node.answered.load(Relaxed));
    if let Some(largest) = left.max_by_key(|node| node.in_use()) {
        largest.asked.store(true, Relaxed);
    }
}
