//! The counters of one budget, and how a request climbs from it to the root. By which rules it is granted: `shares.rs`; who is asked to go to disk:
//! `account/spilling.rs`.

mod spilling;

use crate::consumer::Consumer;
use crate::shares::{Below, Want};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::atomic::{AtomicBool, AtomicUsize, fence};

/// One node of the tree. What is counted here is counted in all above as well. What a batch holds is published by the lock it travels
/// through, not by these counters.
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
    /// And has answered, in this round of asking.
    answered: AtomicBool,
    /// A request from right here was refused, and none was granted since.
    refused: AtomicBool,
    want: Want,
    parent: Option<Arc<Account>>,
    below: Below,
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
        self.below.adopt(Account::new(name, limit.min(self.limit), Some(self.clone()), false))
    }

    pub(crate) fn spiller(self: &Arc<Self>, name: String) -> Arc<Self> {
        self.ancestry().for_each(|above| _ = above.below.spillers.fetch_add(1, Relaxed));
        self.below.adopt(Account::new(name, self.limit, Some(self.clone()), true))
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
            answered: AtomicBool::new(false),
            refused: AtomicBool::new(false),
            want: Want::default(),
            parent,
            below: Below::default(),
        }
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
        self.judge(taken)
    }

    /// Counts more of what a permit has already, if there is room on all levels.
    pub(crate) fn grow(&self, stays: Stays, bytes: usize) -> bool {
        let taken = self.climb(bytes, None, Account::has_room);
        if taken {
            match stays {
                Stays::InFlight => _ = self.in_flight.fetch_add(bytes, Relaxed),
                Stays::Resident => self.ancestry().for_each(|node| self.stay(node, 0, bytes)),
            }
        }
        self.judge(taken)
    }

    /// What follows from a grant or a refusal.
    fn judge(&self, taken: bool) -> bool {
        if taken {
            self.want_nothing();
            return true;
        }
        self.refused.store(true, Relaxed);
        fence(SeqCst);
        if self.in_flight.load(Relaxed) == 0 {
            self.want_nothing();
        }
        if self.ancestry().any(|node| node.allowance() < node.limit) {
            self.held_back.fetch_add(1, Relaxed);
        }
        false
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
            self.refuse(bytes, from);
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
                let wanted = self.below.wanted_by_others(&child.want);
                wanted == 0 || would_have <= self.share() || after.saturating_add(wanted) <= self.allowance()
            })
    }

    #[cold]
    fn refuse(&self, bytes: usize, from: Option<(&Account, usize)>) {
        if let Some((child, would_have)) = from
            && would_have <= self.share()
        {
            // Each of them once for a want: in a run that is limited by its memory refusals are nothing unusual.
            if self.below.enter(&child.want, bytes) {
                self.ask_to_spill();
            } else {
                self.ask_the_next_to_spill();
            }
        }
    }

    /// It got something, or does not need what it was refused.
    pub(crate) fn want_nothing(&self) {
        self.refused.store(false, Relaxed);
        for node in self.ancestry() {
            if let Some(parent) = &node.parent {
                parent.below.forget(&node.want);
            }
        }
    }

    /// What each child may always have.
    fn share(&self) -> usize {
        self.below.part(self.allowance())
    }

    /// Corrects what a permit counts. Never refused: the bytes exist.
    pub(crate) fn resize(&self, stays: Stays, from: usize, to: usize) {
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
                self.stay(node, from, to);
            }
        }
        if stays == Stays::InFlight && change(&self.in_flight, from, to) == 0 {
            fence(SeqCst);
            if self.refused.load(Relaxed) {
                self.want_nothing();
            }
        }
    }

    /// Corrects what stays in a node, which is this one or above.
    fn stay(&self, node: &Account, from: usize, to: usize) {
        change(&node.resident, from, to);
        if self.spills {
            change(&node.spillable, from, to);
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

    /// Each node with the one below it on the way from here to the root.
    fn way_up(&self) -> impl Iterator<Item = (&Account, Option<&Account>)> {
        let mut below = None;
        self.ancestry().map(move |node| (node, below.replace(node)))
    }

    /// Whether more is in use than may be: here, or above if this branch has more than its share there. There what others want counts.
    pub(crate) fn is_overdrawn(&self) -> bool {
        self.way_up().any(|(node, from)| match from {
            None => node.in_use() > node.allowance(),
            Some(child) => {
                let wanted = node.below.wanted_by_others(&child.want);
                node.in_use().saturating_add(wanted) > node.allowance() && child.in_use() > node.share()
            }
        })
    }

    /// What could be granted now, on all levels: the largest request that `has_room` lets pass.
    pub(crate) fn free(&self) -> usize {
        let free = self.way_up().map(|(node, from)| {
            let room = node.allowance().saturating_sub(node.in_use());
            from.map_or(room, |child| {
                let wanted = node.below.wanted_by_others(&child.want);
                let within_its_part = node.share().saturating_sub(child.in_use());
                room.min(within_its_part.max(room.saturating_sub(wanted)))
            })
        });
        free.min().unwrap_or(0)
    }

    /// Who holds something, the largest first.
    pub(crate) fn consumers(&self) -> Vec<Consumer> {
        let mut consumers = Vec::new();
        let mut below = 0;
        self.visit("", &mut |path, node| {
            let own =
                node.in_use().saturating_sub(node.below.children().iter().map(|child| child.in_use()).sum());
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
        for child in self.below.children() {
            let path = if path.is_empty() { child.name.clone() } else { format!("{path}/{}", child.name) };
            see(&path, &child);
            child.visit(&path, see);
        }
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
        parent.below.bury(&self.want);
    }
}

/// Puts `to` in the place of `from`. Returns what it became. In two steps, and never below zero: what is taken away is in there.
fn change(counter: &AtomicUsize, from: usize, to: usize) -> usize {
    counter.fetch_add(to, Relaxed);
    counter.fetch_sub(from, Relaxed) - from
}
