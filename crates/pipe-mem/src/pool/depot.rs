//! The part of a pool that all threads share: idle objects, the account, and who waits. One lock.
//!
//! Invariants. Under the lock: `live` is the number of [`Seat`]s; idle objects, here and in magazines, are at most `max_idle`, since a
//! magazine is granted its capacity out of it; `reserve` is there just while the pool charges a budget, is open and has nothing live. So
//! who waits in line waits for an object of this pool, and never for somebody else's bytes. No code of a user runs under the lock: objects are made, reset and dropped outside.

use super::charge::Charge;
use super::magazine::{self, Tally};
use super::pooled::{Object, Seat, Seated};
use super::slots::Slot;
use super::statistics::PoolStatistics;
use crate::pressure::PressureLevel;
use crate::shrink::Shrink;
use pipe_core::Permit;
use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// What a thread keeps for itself at most. Half of it moves at once, so that one get in sixteen takes the lock at most.
const MAGAZINE: usize = 32;

type Make<T> = Box<dyn Fn() -> T + Send + Sync>;
type Reset<T> = Box<dyn Fn(&mut T) + Send + Sync>;

pub(super) struct Settings<T> {
    pub(super) make: Make<T>,
    pub(super) reset: Reset<T>,
    pub(super) max_idle: usize,
    /// Objects that may be live at once. `None`: any number, and threads may keep idle ones for themselves.
    pub(super) limit: Option<usize>,
    pub(super) charge: Option<Charge<T>>,
}

pub(super) struct Depot<T: Send + 'static> {
    settings: Settings<T>,
    slot: Slot,
    /// How many objects a thread may keep for itself.
    per_thread: usize,
    /// Changes when threads have to give back what they keep. Relaxed: it is a hint, what counts is under the lock.
    epoch: AtomicUsize,
    account: Mutex<Account<T>>,
}

struct Account<T: Send + 'static> {
    idle: Vec<Object<T>>,
    /// How many may lie in `idle`: what was not granted to magazines.
    room: usize,
    live: usize,
    /// Room in the budget for the first object.
    reserve: Option<Permit>,
    closed: bool,
    /// In the order in which they came; the numbers grow.
    waiting: VecDeque<(u64, Waker)>,
    next_ticket: u64,
    tallies: Vec<Arc<Tally>>,
    /// Of threads without a magazine, and of those that are gone.
    counts: PoolStatistics,
}

/// Closes the depot with the last handle of the pool: objects that are out hold the depot, not the pool.
pub(super) struct Open<T: Send + 'static>(pub(super) Arc<Depot<T>>);

impl<T: Send + 'static> Drop for Open<T> {
    fn drop(&mut self) {
        self.0.close();
        // This thread's magazine at once; other threads drop theirs when they give back or ask for an object the next time, or end.
        magazine::sweep();
    }
}

/// Keeps a part of `max_idle`, the less the shorter memory is.
impl<T: Send + 'static> Shrink for Open<T> {
    fn shrink(&self, level: PressureLevel) -> usize {
        let keep = level.kept(self.0.settings.max_idle);
        let before = self.0.statistics().idle;
        if before <= keep {
            return 0;
        }
        self.0.shrink_to(keep);
        before.saturating_sub(self.0.statistics().idle)
    }
}

enum Taken<T: Send + 'static> {
    Idle(Object<T>),
    /// One may be made, and is counted already.
    Seat(Option<Permit>),
}

/// What a thread gets for its magazine.
pub(super) struct Grant<T: Send + 'static> {
    /// With the capacity that is granted.
    pub(super) objects: Vec<Object<T>>,
    pub(super) tally: Arc<Tally>,
}

impl<T: Send + 'static> Depot<T> {
    /// `reserve` is the room for the first object, if the pool charges a budget.
    pub(super) fn new(settings: Settings<T>, reserve: Option<Permit>) -> Self {
        let per_thread = if settings.limit.is_some() { 0 } else { (settings.max_idle / 8).min(MAGAZINE) };
        let account = Account {
            idle: Vec::new(),
            room: settings.max_idle,
            live: 0,
            reserve,
            closed: false,
            waiting: VecDeque::new(),
            next_ticket: 0,
            tallies: Vec::new(),
            counts: PoolStatistics::default(),
        };
        Depot {
            settings,
            slot: Slot::new(),
            per_thread,
            epoch: AtomicUsize::new(0),
            account: Mutex::new(account),
        }
    }

    #[inline(always)]
    pub(super) fn slot(&self) -> usize {
        self.slot.index()
    }

    #[inline(always)]
    pub(super) fn epoch(&self) -> usize {
        self.epoch.load(Relaxed)
    }

    #[inline(always)]
    pub(super) fn reset(&self, value: &mut T) {
        (self.settings.reset)(value);
    }

    pub(super) fn has_magazines(&self) -> bool {
        self.per_thread > 0
    }

    pub(super) fn limit(&self) -> Option<usize> {
        self.settings.limit
    }

    // Nothing under the lock panics but for want of memory, and every step leaves a whole account.
    fn account(&self) -> MutexGuard<'_, Account<T>> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An object, idle or new. `None`: the limit is reached, or somebody waits already.
    pub(super) fn take(self: &Arc<Self>) -> Option<Object<T>> {
        let mut account = self.account();
        if !account.waiting.is_empty() {
            return None;
        }
        let taken = account.take(&self.settings)?;
        drop(account);
        Some(self.made(taken))
    }

    /// As `take`, or waits in line: `ticket` is the place in it.
    pub(super) fn poll_take(self: &Arc<Self>, ticket: &mut Option<u64>, waker: &Waker) -> Poll<Object<T>> {
        let mut account = self.account();
        let first = account.waiting.front().map(|(first, _)| *first) == *ticket;
        let taken = if first { account.take(&self.settings) } else { None };
        let Some(taken) = taken else {
            let before = account.wait(ticket, waker);
            drop(account);
            drop(before);
            return Poll::Pending;
        };
        let left = ticket.take().and_then(|_| account.waiting.pop_front());
        let next = account.next(self.settings.limit);
        drop(account);
        drop(left);
        wake(next);
        Poll::Ready(self.made(taken))
    }

    /// Leaves the line.
    pub(super) fn leave_line(&self, ticket: u64) {
        let mut account = self.account();
        let left = account.place(ticket).and_then(|place| account.waiting.remove(place));
        let next = account.next(self.settings.limit);
        drop(account);
        drop(left);
        wake(next);
    }

    fn made(self: &Arc<Self>, taken: Taken<T>) -> Object<T> {
        let permit = match taken {
            Taken::Idle(object) => return object,
            Taken::Seat(permit) => permit,
        };
        // First the seat: if making panics it is given up again.
        let mut seat = Seat { depot: self.clone(), permit };
        let value = (self.settings.make)();
        if let (Some(charge), Some(permit)) = (&self.settings.charge, &mut seat.permit) {
            charge.count(permit, &value);
        }
        Box::new(Seated { value, seat })
    }

    /// An object is gone.
    pub(super) fn leave(&self, permit: Option<Permit>) {
        let mut account = self.account();
        account.live -= 1;
        account.reserve = permit.filter(|_| account.live == 0 && !account.closed);
        if let (Some(charge), Some(reserve)) = (&self.settings.charge, &mut account.reserve) {
            charge.keep(reserve);
        }
        // If not kept, the permit is given back by now, under the lock: who was refused before is in line, and woken here.
        let next = account.next(self.settings.limit);
        drop(account);
        wake(next);
    }

    pub(super) fn note_poisoned(&self) {
        self.account().counts.poisoned += 1;
    }

    /// Takes an object back, or drops it where there is no room.
    pub(super) fn put(&self, mut object: Object<T>) {
        let Seated { value, seat } = &mut *object;
        if let (Some(charge), Some(permit)) = (&self.settings.charge, &mut seat.permit)
            && !charge.recount(permit, value)
        {
            return drop(object);
        }
        let mut account = self.account();
        let refused = account.keep(object).err();
        let next = account.next(self.settings.limit);
        drop(account);
        drop(refused);
        wake(next);
    }

    /// Takes objects back, and returns those for which there is no room.
    #[must_use = "dropping them is code of the user"]
    pub(super) fn put_all(&self, objects: impl Iterator<Item = Object<T>>) -> Vec<Object<T>> {
        let mut account = self.account();
        objects.filter_map(|object| account.keep(object).err()).collect()
    }

    /// Moves idle objects there until it has this many.
    pub(super) fn refill(&self, objects: &mut Vec<Object<T>>, count: usize) {
        let mut account = self.account();
        let missing = count.saturating_sub(objects.len()).min(account.idle.len());
        let from = account.idle.len() - missing;
        objects.extend(account.idle.drain(from..));
    }

    /// Grants a magazine out of `max_idle`; half of that stays here, so that objects go from thread to thread.
    pub(super) fn grant(&self) -> Option<Grant<T>> {
        let mut objects = Vec::with_capacity(self.per_thread);
        let capacity = objects.capacity();
        let mut account = self.account();
        if capacity == 0 || account.closed || account.room - capacity < self.settings.max_idle.div_ceil(2) {
            return None;
        }
        account.room -= capacity;
        let tally = Arc::<Tally>::default();
        account.tallies.push(tally.clone());
        // What lies here beyond the room that is left has just room there.
        let room = account.room.min(account.idle.len());
        objects.extend(account.idle.drain(room..));
        tally.idle.store(objects.len(), Relaxed);
        Some(Grant { objects, tally })
    }

    /// Takes a magazine back, with what is in it.
    pub(super) fn revoke(&self, objects: Vec<Object<T>>, tally: &Arc<Tally>) {
        let mut account = self.account();
        account.room += objects.capacity();
        account.counts.hits += tally.hits.load(Relaxed);
        account.tallies.retain(|one| !Arc::ptr_eq(one, tally));
        let refused: Vec<_> = objects.into_iter().filter_map(|object| account.keep(object).err()).collect();
        drop(account);
        drop(refused);
    }

    /// Frees idle objects until `count` are left, and tells threads to give back what they keep.
    pub(super) fn shrink_to(&self, count: usize) {
        let mut account = self.account();
        let from = count.min(account.idle.len());
        let freed = account.idle.split_off(from);
        self.epoch.fetch_add(1, Relaxed);
        drop(account);
        drop(freed);
    }

    /// The pool is gone: what comes back from now on is dropped.
    pub(super) fn close(&self) {
        // First this, then the epoch, which `shrink_to` changes: who has read the new one finds the pool closed.
        let mut account = self.account();
        account.closed = true;
        account.reserve = None;
        drop(account);
        self.shrink_to(0);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.account().closed
    }

    pub(super) fn statistics(&self) -> PoolStatistics {
        let account = self.account();
        let mut statistics = account.counts;
        statistics.live = account.live;
        statistics.idle = account.idle.len();
        for tally in &account.tallies {
            statistics.hits += tally.hits.load(Relaxed);
            statistics.idle += tally.idle.load(Relaxed);
        }
        statistics
    }
}

impl<T: Send + 'static> Account<T> {
    /// `None`: there is nothing idle, and no more may be made.
    fn take(&mut self, settings: &Settings<T>) -> Option<Taken<T>> {
        if let Some(object) = self.idle.pop() {
            self.counts.hits += 1;
            return Some(Taken::Idle(object));
        }
        if settings.limit.is_some_and(|limit| self.live >= limit) {
            return None;
        }
        let permit = match &settings.charge {
            Some(charge) => Some(self.reserve.take().or_else(|| charge.grant())?),
            None => None,
        };
        self.live += 1;
        self.counts.misses += 1;
        Some(Taken::Seat(permit))
    }

    fn keep(&mut self, object: Object<T>) -> Result<(), Object<T>> {
        if self.closed || self.idle.len() >= self.room {
            return Err(object);
        }
        self.idle.push(object);
        Ok(())
    }

    /// Waits, or goes on waiting. Returns the waker from before: dropping it may drop a whole task, which may hold objects of this pool.
    fn wait(&mut self, ticket: &mut Option<u64>, waker: &Waker) -> Option<Waker> {
        if let Some(place) = ticket.and_then(|ticket| self.place(ticket)) {
            return Some(mem::replace(&mut self.waiting[place].1, waker.clone()));
        }
        self.counts.waits += 1;
        self.waiting.push_back((self.next_ticket, waker.clone()));
        *ticket = Some(self.next_ticket);
        self.next_ticket += 1;
        None
    }

    fn place(&self, ticket: u64) -> Option<usize> {
        self.waiting.binary_search_by_key(&ticket, |(ticket, _)| *ticket).ok()
    }

    /// The first in line, if there is something for it. It stays in line until it has taken that: so no wake-up is lost with a waiter
    /// that gives up, and nobody overtakes.
    fn next(&self, limit: Option<usize>) -> Option<Waker> {
        let (_, first) = self.waiting.front()?;
        let something = !self.idle.is_empty() || limit.is_none_or(|limit| self.live < limit);
        something.then(|| first.clone())
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
