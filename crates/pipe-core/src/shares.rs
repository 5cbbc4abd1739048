//! How those that share a budget divide it: the protocol of [`Account`](crate::account::Account).
//!
//! # The rules
//!
//! A request climbs from its account to the root. On each level it is granted
//!
//! 1. if the account has nothing in flight: always, on all levels (*one thing, always*);
//! 2. else if it fits into what may be granted at present (the *allowance*), and
//!    * the branch it comes from stays within its *part* by it, the allowance divided by the number of branches; or
//!    * enough is left for what the other branches *want*.
//!
//! A branch wants something from the moment when a request within its part was refused until it is granted anything. What it wants is
//! the largest such request. So wants are bounded by parts, and a branch that has more than its part can neither hold its siblings back by
//! asking for more nor take away what they wait for.
//!
//! Whoever makes things without asking (outputs, answers) looks at `is_overdrawn`: a branch beyond its part counts the wants of others as if
//! they were in use. Whoever wants to know beforehand asks for [`free`](crate::Budget::free): the largest request that these rules would
//! grant, without rule 1.
//!
//! # When a want ends
//!
//! * Something is granted in the branch. The account that was refused may be another one below the same branch; then it is refused again when
//!   it looks again, and the branch wants again.
//! * The account that was refused has nothing in flight any more. Then rule 1 grants what it asks for next: it needs no want.
//! * Its source is at its end (`wants_no_more`), or it is dropped.
//!
//! A run that is refused and asks no more costs its siblings what it wanted last, and only as long as something of its own is in flight. There is no
//! clock: a want is never too old, but it never holds more than one request.
//!
//! # Why nobody waits for ever
//!
//! No wait depends on another run: a run that was refused has something in flight, and looks again when that is done. So no want has to
//! wake anybody when it ends.
//!
//! # Orders of events
//!
//! *The sum.* `Below::wanted` is what all branches want together. A want is added to the sum before it is entered in the branch, and taken from
//! the sum after it is taken out of there; both by one atomic exchange, which says what was there before. So the sum is never less than its
//! parts, whoever comes in between, and equal to them when nobody does. A reader that sees too much refuses one request too many, whose owner looks
//! again; nothing is granted that should not be.
//!
//! *A refusal, while the last thing in flight comes back.* One thread marks the account as refused, then looks whether something is in
//! flight; another one counts what is in flight down to nothing, then looks whether the account was refused. Each has a sequentially
//! consistent fence in between, so at least one of the two sees what the other did, and ends the want. If both do, the second takes
//! nothing out.
//!
//! *A grant, while another thread of the same run is refused.* If the grant comes last, the want ends although the other request was refused:
//! it comes again with the next look. If the refusal comes last, the want stays until then.
//!
//! *Two requests that fit one by one.* Both read what is in use and exchange it: the second sees the first one's bytes and is judged with
//! them. Wants are only read, so two siblings beyond their parts may both pass a want that a third is about to enter: it is entered then,
//! and counts from the next request on.
//!
//! Relaxed everywhere else: the counters publish no other memory.

use crate::account::Account;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The branches below an account.
#[derive(Debug, Default)]
pub(crate) struct Below {
    children: Mutex<Vec<Weak<Account>>>,
    live: AtomicUsize,
    /// The sum of what they want.
    wanted: AtomicUsize,
    /// All that spill, grandchildren too.
    pub(crate) spillers: AtomicUsize,
}

/// What one branch wants: a part of the sum that its parent has.
#[derive(Debug, Default)]
pub(crate) struct Want {
    bytes: AtomicUsize,
}

impl Below {
    pub(crate) fn adopt(&self, child: Account) -> Arc<Account> {
        let child = Arc::new(child);
        self.children.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&child));
        self.live.fetch_add(1, Relaxed);
        child
    }

    /// One of them is gone.
    pub(crate) fn bury(&self, want: &Want) {
        self.forget(want);
        self.live.fetch_sub(1, Relaxed);
        let mut children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.retain(|child| child.strong_count() > 0);
    }

    /// Out of the lock: the last owner of a child takes it when it goes.
    pub(crate) fn children(&self) -> Vec<Arc<Account>> {
        let children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.iter().filter_map(Weak::upgrade).collect()
    }

    /// The part of each, of this many bytes.
    pub(crate) fn part(&self, allowance: usize) -> usize {
        allowance / self.live.load(Relaxed).max(1)
    }

    /// What the branches want, but for the one with this want.
    pub(crate) fn wanted_by_others(&self, own: &Want) -> usize {
        self.wanted.load(Relaxed).saturating_sub(own.bytes.load(Relaxed))
    }

    /// A branch wants this much. True if it wanted nothing before.
    pub(crate) fn enter(&self, want: &Want, bytes: usize) -> bool {
        self.wanted.fetch_add(bytes, Relaxed);
        let before = want.bytes.fetch_max(bytes, Relaxed);
        self.wanted.fetch_sub(before.min(bytes), Relaxed);
        before == 0
    }

    /// A branch wants nothing any more.
    pub(crate) fn forget(&self, want: &Want) {
        // A look first: most of the time there is none, and then the line of the cache stays with those that read it.
        if want.bytes.load(Relaxed) > 0 {
            let before = want.bytes.swap(0, Relaxed);
            self.wanted.fetch_sub(before, Relaxed);
        }
    }
}
