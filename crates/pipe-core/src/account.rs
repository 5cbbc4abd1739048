//! The counters of one budget, and how a request climbs from it to the root.

use crate::consumer::Consumer;
use std::ptr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// One node of the tree. What is counted here is counted in all above as well.
///
/// Relaxed everywhere: the counters publish no other memory. What a batch holds is published by the lock it travels through.
#[derive(Debug)]
pub(crate) struct Account {
    name: String,
    /// No more than that of the parent.
    limit: usize,
    /// The part of `limit` that may be granted at present.
    allowance: AtomicUsize,
    in_use: AtomicUsize,
    /// The part of `in_use` that permits for batches hold which were taken right here.
    in_flight: AtomicUsize,
    /// The part of `in_use` that stays until the end: accumulators.
    resident: AtomicUsize,
    /// The part of `resident` that may go to disk.
    spillable: AtomicUsize,
    peak: AtomicUsize,
    /// Refusals while less was granted than the limit.
    held_back: AtomicUsize,
    /// Whether what is counted right here may go to disk.
    spills: bool,
    /// And has been asked to.
    asked: AtomicBool,
    /// It was refused within its share and has got nothing since.
    hungry: AtomicBool,
    parent: Option<Arc<Account>>,
    below: Below,
}

/// Those whose parent an account is.
#[derive(Debug, Default)]
struct Below {
    children: Mutex<Vec<Weak<Account>>>,
    live: AtomicUsize,
    hungry: AtomicUsize,
    /// All that spill, grandchildren too.
    spillers: AtomicUsize,
}

/// What a permit is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stays {
    InFlight,
    Resident,
}

impl Account {
    pub(crate) fn root(name: String, limit: usize) -> Arc<Self> {
        Arc::new(Account::new(name, limit, None, false))
    }

    pub(crate) fn child(self: &Arc<Self>, name: String, limit: usize) -> Arc<Self> {
        self.adopt(Account::new(name, limit.min(self.limit), Some(self.clone()), false))
    }

    pub(crate) fn spiller(self: &Arc<Self>, name: String) -> Arc<Self> {
        self.ancestry().for_each(|above| _ = above.below.spillers.fetch_add(1, Relaxed));
        self.adopt(Account::new(name, self.limit, Some(self.clone()), true))
    }

    fn new(name: String, limit: usize, parent: Option<Arc<Account>>, spills: bool) -> Self {
        Account {
            name,
            limit,
            allowance: AtomicUsize::new(limit),
            in_use: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            resident: AtomicUsize::new(0),
            spillable: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            held_back: AtomicUsize::new(0),
            spills,
            asked: AtomicBool::new(false),
            hungry: AtomicBool::new(false),
            parent,
            below: Below::default(),
        }
    }

    fn adopt(&self, child: Account) -> Arc<Account> {
        let child = Arc::new(child);
        self.below.children.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&child));
        self.below.live.fetch_add(1, Relaxed);
        child
    }

    /// This one and all above.
    fn ancestry(&self) -> impl Iterator<Item = &Account> {
        std::iter::successors(Some(self), |node| node.parent.as_deref())
    }

    /// Counts a batch if there is room on all levels, or if this account has no other in flight.
    pub(crate) fn take(&self, bytes: usize) -> bool {
        let alone = self.in_flight.load(Relaxed) == 0
            && self.in_flight.compare_exchange(0, bytes, Relaxed, Relaxed).is_ok();
        let taken = if alone {
            self.climb(bytes, None, |_, _, _| true)
        } else {
            self.climb(bytes, None, Account::has_room)
        };
        match (alone, taken) {
            (true, false) => _ = self.in_flight.fetch_sub(bytes, Relaxed),
            (false, true) => _ = self.in_flight.fetch_add(bytes, Relaxed),
            _ => {}
        }
        if taken {
            self.ancestry().for_each(Account::eat);
        } else if self.ancestry().any(|node| node.allowance() < node.limit) {
            self.held_back.fetch_add(1, Relaxed);
        }
        taken
    }

    /// Adds on each level on which `may` says so; on none, if one refuses. `from` is where it comes from, and what that would have.
    fn climb(
        &self,
        bytes: usize,
        from: Option<(&Account, usize)>,
        may: fn(&Account, usize, Option<(&Account, usize)>) -> bool,
    ) -> bool {
        let fits = |in_use: usize| in_use.checked_add(bytes).filter(|after| may(self, *after, from));
        let Ok(before) = self.in_use.fetch_update(Relaxed, Relaxed, fits) else {
            self.refuse(from);
            return false;
        };
        let after = before + bytes;
        if let Some(parent) = &self.parent
            && !parent.climb(bytes, Some((self, after)), may)
        {
            self.in_use.fetch_sub(bytes, Relaxed);
            return false;
        }
        self.note_peak(after);
        true
    }

    /// A look first: most of the time it is none, and then the line of the cache stays with those that read it.
    fn note_peak(&self, bytes: usize) {
        if bytes > self.peak() {
            self.peak.fetch_max(bytes, Relaxed);
        }
    }

    fn has_room(&self, after: usize, from: Option<(&Account, usize)>) -> bool {
        after <= self.allowance()
            && from.is_none_or(|(child, would_have)| {
                let (hungry, itself) = (self.below.hungry.load(Relaxed), child.hungry.load(Relaxed));
                hungry <= usize::from(itself) || would_have <= self.share()
            })
    }

    #[cold]
    fn refuse(&self, from: Option<(&Account, usize)>) {
        if let Some((child, would_have)) = from
            && would_have <= self.share()
            && !child.hungry.swap(true, Relaxed)
        {
            self.below.hungry.fetch_add(1, Relaxed);
            // Not at each refusal: in a run that is limited by its memory these are nothing unusual.
            self.ask_to_spill();
        }
    }

    /// It was granted something.
    fn eat(&self) {
        if self.hungry.load(Relaxed)
            && self.hungry.swap(false, Relaxed)
            && let Some(parent) = &self.parent
        {
            parent.below.hungry.fetch_sub(1, Relaxed);
        }
    }

    /// What each child may always have.
    fn share(&self) -> usize {
        self.allowance() / self.below.live.load(Relaxed).max(1)
    }

    /// Corrects what a permit counts. Never refused: the bytes exist.
    pub(crate) fn resize(&self, stays: Stays, from: usize, to: usize) {
        // In two steps, and never below zero: what is taken away is in there.
        let change = |counter: &AtomicUsize| {
            let before = counter.fetch_add(to, Relaxed);
            counter.fetch_sub(from, Relaxed);
            before + to - from
        };
        if stays == Stays::InFlight {
            change(&self.in_flight);
        }
        for node in self.ancestry() {
            if to >= from {
                let after = node.in_use.fetch_add(to - from, Relaxed) + (to - from);
                node.note_peak(after);
            } else {
                let before = node.in_use.fetch_sub(from - to, Relaxed);
                debug_assert!(
                    before >= from - to,
                    "{} gave {} bytes back with {before} in use",
                    node.name,
                    from - to
                );
            }
            if stays == Stays::Resident {
                change(&node.resident);
                if self.spills {
                    change(&node.spillable);
                }
            }
        }
    }

    /// The part of the limit that may be granted at present.
    pub(crate) fn allowance(&self) -> usize {
        self.allowance.load(Relaxed)
    }

    pub(crate) fn allow(&self, bytes: usize) {
        self.allowance.store(bytes.min(self.limit), Relaxed);
        if self.in_use() > self.allowance() {
            self.ask_to_spill();
        }
    }

    /// Whether more is in use than may be: here, or above if this branch has more than its share there.
    pub(crate) fn is_overdrawn(&self) -> bool {
        let mut would_have = 0;
        self.ancestry().enumerate().any(|(level, node)| {
            let has_too_much = level == 0 || would_have > node.share();
            would_have = node.in_use();
            has_too_much && would_have > node.allowance()
        })
    }

    /// What could be granted now, on all levels.
    pub(crate) fn free(&self) -> usize {
        let free = self.ancestry().map(|node| node.allowance().saturating_sub(node.in_use()));
        free.min().unwrap_or(0)
    }

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
        if self.below.spillers.load(Relaxed) == 0 {
            return;
        }
        let mut nodes = Vec::new();
        self.visit("", &mut |_, node| nodes.push(node.clone()));
        let spillers = nodes.iter().filter(|node| node.spills && node.in_use() > 0);
        if let Some(largest) = spillers.max_by_key(|node| node.in_use()) {
            largest.asked.store(true, Relaxed);
        }
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Relaxed)
    }

    pub(crate) fn answered(&self) {
        self.asked.store(false, Relaxed);
    }

    /// Who holds something, the largest first.
    pub(crate) fn consumers(&self) -> Vec<Consumer> {
        let mut consumers = Vec::new();
        let mut below = 0;
        self.visit("", &mut |path, node| {
            let own = node.in_use().saturating_sub(node.children().iter().map(|child| child.in_use()).sum());
            below += own;
            consumers.push(Consumer { name: path.to_owned(), bytes: own, spillable: node.spills });
        });
        let own = self.in_use().saturating_sub(below);
        consumers.push(Consumer { name: self.name.clone(), bytes: own, spillable: self.spills });
        consumers.retain(|consumer| consumer.bytes > 0);
        consumers
            .sort_by(|left, right| right.bytes.cmp(&left.bytes).then_with(|| left.name.cmp(&right.name)));
        consumers
    }

    /// All below, each with the names on the way to it.
    fn visit(&self, path: &str, see: &mut dyn FnMut(&str, &Arc<Account>)) {
        for child in self.children() {
            let path = if path.is_empty() { child.name.clone() } else { format!("{path}/{}", child.name) };
            see(&path, &child);
            child.visit(&path, see);
        }
    }

    /// Out of the lock: the last owner of a child takes it when it goes.
    fn children(&self) -> Vec<Arc<Account>> {
        let children = self.below.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.iter().filter_map(Weak::upgrade).collect()
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    pub(crate) fn in_use(&self) -> usize {
        self.in_use.load(Relaxed)
    }

    pub(crate) fn resident(&self) -> usize {
        self.resident.load(Relaxed)
    }

    pub(crate) fn held_back(&self) -> usize {
        self.held_back.load(Relaxed)
    }

    pub(crate) fn peak(&self) -> usize {
        self.peak.load(Relaxed)
    }

    /// The lowest of this account and those above in which more stays than the limit, if `own` are the bytes of who asks that could have
    /// been spilled. What others could spill does not count: they are asked to.
    pub(crate) fn overfull(&self, own: usize) -> Option<(&Account, usize)> {
        self.ancestry().find_map(|node| {
            if node.resident() <= node.limit {
                return None;
            }
            let stays = node.resident().saturating_sub(node.spillable.load(Relaxed)) + own;
            node.ask_to_spill();
            (stays > node.limit).then_some((node, stays))
        })
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let Some(parent) = self.parent.take() else { return };
        if self.spills {
            parent.ancestry().for_each(|above| _ = above.below.spillers.fetch_sub(1, Relaxed));
        }
        if *self.hungry.get_mut() {
            parent.below.hungry.fetch_sub(1, Relaxed);
        }
        parent.below.live.fetch_sub(1, Relaxed);
        let mut children = parent.below.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.retain(|child| child.strong_count() > 0);
    }
}
