//! A bound on the bytes that runs keep alive.
//!
//! A [`Permit`] is taken before the read, travels with the batch and gives its bytes back when it is dropped. This file only counts; who
//! has to wait for room, and how, is the executor's business.

use crate::account::{Account, Stays};
use crate::consumer::Consumer;
use crate::error::RunError;
use std::sync::Arc;

/// Grants bytes up to a limit. Clones share the account.
///
/// Budgets form a tree: the process, its pipelines, what these hold. What a [`child`](Budget::child) grants counts in all above it, and
/// is granted only if all of them agree. An executor takes a budget that several runs share with `.budget(..)`:
///
/// ```
/// use pipe_core::Budget;
///
/// let process = Budget::new(100);
/// let (one, other) = (process.child("one", 100), process.child("other", 100));
/// let held = [one.try_take(40), one.try_take(40)];
/// assert!(held.iter().all(Option::is_some));
/// let first = other.try_take(30).expect("who holds nothing gets one thing, whatever the others hold");
/// assert!(other.try_take(10).is_none());
/// assert!(process.in_use() == 110 && one.in_use() == 80);
/// drop(held);
/// assert!(other.try_take(10).is_some());
/// # drop(first);
/// ```
///
/// # What is granted
///
/// * *One thing, always.* Who has nothing in flight is granted whatever it asks for. So each run can move one batch, however small the
///   limit is and whatever other runs hold: no run ever waits until another one lets go. It waits for its own batches, and looks again
///   when one of them is done.
/// * *What fits*, on all levels.
/// * *An equal part of it.* Of `n` children each may have `1/n`. One may have more; but what another was refused within its part is kept
///   free for that one, until it has got something, has nothing in flight, or is gone. (DataFusion's `FairSpillPool` divides so too, but
///   keeps the part of a consumer that wants nothing.)
///
/// Invariant: bytes in use are the sum of the live permits. They exceed the limit only by what was granted through
/// [`Budget::overdraw`], by permits that grew, or by one permit for each budget of the tree that was granted while nothing else was in
/// flight there.
///
/// A grant, a refusal and a return cost a few atomic operations per level and allocate nothing.
#[derive(Debug, Clone)]
pub struct Budget {
    account: Arc<Account>,
}

impl Budget {
    /// The root of a tree, with this limit in bytes.
    pub fn new(limit: usize) -> Self {
        Budget { account: Account::root("budget".to_owned(), limit) }
    }

    /// The same with a name for errors. For one that has no child yet and no other owner.
    pub(crate) fn named(self, name: &str) -> Self {
        Budget { account: Account::root(name.to_owned(), self.limit()) }
    }

    /// A budget below this one, with a name for errors and a limit of its own. One above the limit of this one changes nothing.
    pub fn child(&self, name: impl Into<String>, limit: usize) -> Self {
        Budget { account: self.account.child(name.into(), limit) }
    }

    /// A budget below this one for somebody who can put on disk what its [`resident`](Budget::resident) permits stand for: who looks at
    /// [`is_asked_to_spill`](Budget::is_asked_to_spill) now and then, and keeps to [`spill_share`](Budget::spill_share).
    pub fn spiller(&self, name: impl Into<String>) -> Self {
        Budget { account: self.account.spiller(name.into()) }
    }

    /// Grants `bytes` if they fit on all levels, or if nothing is in flight here: so one batch can always move, however small the limit.
    ///
    /// One that is refused while another thread is may fit a moment later: look again when something was given back.
    pub fn try_take(&self, bytes: usize) -> Option<Permit> {
        self.account.take(bytes).then(|| Permit {
            account: self.account.clone(),
            bytes,
            stays: Stays::InFlight,
        })
    }

    /// Counts `bytes` that exist already, whether they fit or not: outputs of a batch that is being worked on.
    pub fn overdraw(&self, bytes: usize) -> Permit {
        let mut permit = Permit { account: self.account.clone(), bytes: 0, stays: Stays::InFlight };
        permit.resize(bytes);
        permit
    }

    /// A permit for what stays until the end of the run and grows meanwhile, such as an accumulator: batches can move beside it,
    /// however large it becomes. Zero bytes at first.
    pub fn resident(&self) -> Permit {
        Permit { account: self.account.clone(), bytes: 0, stays: Stays::Resident }
    }

    /// Lowers what is granted to `bytes` until told otherwise, for times when memory is short outside of this program. More than the limit counts
    /// as the limit. What is in use stays in use; the largest holder that can spill is asked to.
    pub fn allow(&self, bytes: usize) {
        self.account.allow(bytes);
    }

    /// How much of the limit is granted at present; see [`allow`](Budget::allow).
    pub fn allowance(&self) -> usize {
        self.account.allowance()
    }

    /// Whether whoever makes more should wait: more is in use than is granted, here, or above where this part of the tree has more than
    /// its share. There what others wait for counts as if it were in use.
    pub fn is_overdrawn(&self) -> bool {
        self.account.is_overdrawn()
    }

    /// The most that would be granted now, on all levels: what fits, less what others wait for beyond this one's part. An account with
    /// nothing in flight is granted more than that.
    ///
    /// Looking reserves nothing: no bytes are kept free for a caller that finds too little here. To be kept in mind, ask with
    /// [`try_take`](Budget::try_take).
    pub fn free(&self) -> usize {
        self.account.free()
    }

    /// How much a [`spiller`](Budget::spiller) may hold before it has to spill.
    pub fn spill_share(&self) -> usize {
        self.account.spill_share()
    }

    /// Whether somebody else was refused, and this [`spiller`](Budget::spiller) holds the most.
    pub fn is_asked_to_spill(&self) -> bool {
        self.account.is_asked()
    }

    /// Says that this [`spiller`](Budget::spiller) has spilled, so that it may be asked again.
    pub fn has_spilled(&self) {
        self.account.answered();
    }

    /// Asks whoever holds the most below this budget, of those that can, to spill.
    pub fn ask_to_spill(&self) {
        self.account.ask_to_spill();
    }

    /// Whether anybody else has it: a clone, a child, a permit.
    pub fn is_shared(&self) -> bool {
        Arc::strong_count(&self.account) > 1
    }

    /// Its name, in errors.
    pub fn name(&self) -> &str {
        self.account.name()
    }

    /// The limit, in bytes: its own, or a lower one above. It stays the same.
    pub fn limit(&self) -> usize {
        self.account.limit()
    }

    /// The bytes of permits for what stays.
    pub fn resident_bytes(&self) -> usize {
        self.account.resident()
    }

    /// The bytes of all live permits, those of its children included.
    pub fn in_use(&self) -> usize {
        self.account.in_use()
    }

    /// The most bytes that were in use at once.
    pub fn peak(&self) -> usize {
        self.account.peak()
    }

    /// How often a request was refused here while less was granted than the limit, here or above; see [`allow`](Budget::allow).
    pub fn held_back(&self) -> usize {
        self.account.held_back()
    }

    /// The holders of its bytes, the largest first. For errors and reports: it takes a lock of each budget below.
    pub fn consumers(&self) -> Vec<Consumer> {
        self.account.consumers()
    }

    /// The error of somebody who wants more than there can be, with the names of those that hold the most.
    pub fn refusal(&self, stage: impl Into<String>, wanted: usize, in_use: usize) -> RunError {
        refusal(&self.account, stage.into(), wanted, in_use)
    }

    /// Nothing more will be asked for, for now: what was refused is not kept free any more.
    pub(crate) fn wants_no_more(&self) {
        self.account.want_nothing();
    }

    /// Whether what stays fits, here and above; `own` are the bytes of who asks, if it can spill and has done so.
    pub(crate) fn check_resident(&self, stage: impl FnOnce() -> String, own: usize) -> Result<(), RunError> {
        match self.account.overfull(own) {
            None => Ok(()),
            Some((account, stays)) => {
                Err(refusal(account, stage(), stays, account.in_use().saturating_sub(account.resident())))
            }
        }
    }
}

/// How many of those that hold something an error names.
const NAMED: usize = 3;

fn refusal(account: &Account, stage: String, wanted: usize, in_use: usize) -> RunError {
    let mut holders = account.consumers();
    holders.truncate(NAMED);
    RunError::Budget { stage, wanted, in_use, limit: account.limit(), holders }
}

/// The same account.
impl PartialEq for Budget {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.account, &other.account)
    }
}

impl Eq for Budget {}

/// Bytes that were granted. Dropping it gives them back.
#[must_use = "a permit that is dropped is given back"]
#[derive(Debug)]
pub struct Permit {
    account: Arc<Account>,
    bytes: usize,
    stays: Stays,
}

impl Permit {
    /// How many bytes it holds.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Grants `bytes` more if they fit on all levels. False: it holds what it held.
    pub fn try_grow(&mut self, bytes: usize) -> bool {
        let grown = self.account.grow(self.stays, bytes);
        self.bytes += if grown { bytes } else { 0 };
        grown
    }

    /// Corrects an estimate to what it became. Never refused: the bytes exist.
    pub fn resize(&mut self, bytes: usize) {
        if bytes != self.bytes {
            self.account.resize(self.stays, self.bytes, bytes);
            self.bytes = bytes;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.account.resize(self.stays, self.bytes, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permits_never_exceed_the_limit_unless_overdrawn_or_alone() {
        let budget = Budget::new(100);
        let first = budget.try_take(60).unwrap();
        assert!(budget.try_take(41).is_none());
        let second = budget.try_take(40).unwrap();
        assert_eq!((budget.in_use(), budget.peak()), (100, 100));
        drop((first, second));
        assert_eq!(budget.in_use(), 0);

        let alone = budget.try_take(1_000).expect("one batch can always move");
        assert!(budget.try_take(0).is_none());
        drop(alone);
        let over = budget.overdraw(300);
        assert_eq!((budget.in_use(), budget.peak()), (300, 1_000));
        drop(over);
        assert!(budget.try_take(usize::MAX).is_some());
        assert_eq!(budget.in_use(), 0);
    }

    #[test]
    fn a_batch_can_move_beside_what_stays() {
        let budget = Budget::new(100);
        let mut stays = budget.resident();
        stays.resize(95);
        let batch = budget.try_take(50).expect("nothing is in flight");
        assert!(budget.try_take(1).is_none());
        assert_eq!((budget.in_use(), budget.resident_bytes()), (145, 95));
        drop(batch);
        stays.resize(10);
        assert_eq!((budget.in_use(), budget.resident_bytes()), (10, 10));
        drop(stays);
        assert_eq!((budget.in_use(), budget.resident_bytes(), budget.peak()), (0, 0, 145));
    }

    #[test]
    fn a_run_whose_source_has_ended_wants_no_more() {
        let process = Budget::new(100);
        let (hog, late) = (process.child("hog", 100), process.child("late", 100));
        let _held = (hog.try_take(80), late.try_take(10));
        assert!(late.try_take(20).is_none() && hog.free() == 0);
        late.wants_no_more();
        assert_eq!(hog.free(), 10);
    }

    #[test]
    fn a_want_asks_each_that_can_spill_once_until_it_is_granted() {
        let process = Budget::new(300);
        let run = process.child("run", 300);
        let (large, small) = (process.spiller("large"), process.spiller("small"));
        let (mut large_rows, mut small_rows) = (large.resident(), small.resident());
        large_rows.resize(150);
        small_rows.resize(130);
        let asked = || (large.is_asked_to_spill(), small.is_asked_to_spill());
        let _first = run.try_take(10).expect("nothing is in flight");
        let refused = || assert!(run.try_take(50).is_none());
        refused();
        assert_eq!(asked(), (true, false));
        refused();
        assert_eq!(asked(), (true, false), "it has not answered yet");
        // It could give nothing back.
        large.has_spilled();
        assert_eq!(asked(), (false, false));
        refused();
        assert_eq!(asked(), (false, true), "the other one may have what is wanted");
        small.has_spilled();
        refused();
        assert_eq!(asked(), (false, false), "each of them once");
        small_rows.resize(0);
        let second = run.try_take(50).expect("there is room");
        small_rows.resize(90);
        drop(second);
        assert!(run.try_take(60).is_none());
        assert_eq!(asked(), (true, false), "for another want it begins again");
    }

    #[test]
    fn a_resized_permit_gives_back_what_it_became() {
        let budget = Budget::new(100);
        let mut permit = budget.try_take(50).unwrap();
        permit.resize(80);
        assert_eq!((permit.bytes(), budget.in_use()), (80, 80));
        permit.resize(10);
        assert_eq!(budget.in_use(), 10);
        drop(permit);
        assert_eq!((budget.in_use(), budget.peak()), (0, 80));
    }
}
