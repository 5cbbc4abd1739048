//! What a thread keeps of a pool for itself, so that getting and putting back take no lock and touch no shared memory.
//!
//! After the magazines of Bonwick and Adams, "Magazines and Vmem" (USENIX 2001). There a thread has two and swaps whole ones; here it has
//! one and moves half of it, which keeps the same distance from the next exchange and is one thing less.
#![expect(
    unsafe_code,
    reason = "a thread-local cannot be generic; a checked downcast costs as much as the rest of a get"
)]

use super::depot::{Depot, Grant};
use super::pooled::Object;
use std::any::Any;
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::{mem, ptr};

thread_local! {
    /// By the slot of their pool.
    static MAGAZINES: RefCell<Vec<Option<Erased>>> = const { RefCell::new(Vec::new()) };
}

/// A `Magazine<T>` for some `T`.
///
/// Invariant, on which `find` builds: `depot` is the address of the `Depot<T>` of that very magazine. The magazine keeps the depot alive,
/// so nothing else has that address while this exists. Made by `install` alone, and never changed.
struct Erased {
    depot: *const (),
    magazine: Box<dyn Any>,
    is_closed: fn(&dyn Any) -> bool,
}

struct Magazine<T: Send + 'static> {
    depot: Arc<Depot<T>>,
    /// As many as it has places for, at most: it never grows.
    objects: Vec<Object<T>>,
    /// As it was when this thread gave back its objects last.
    epoch: usize,
    tally: Arc<Tally>,
}

/// Counts of one thread. Only that thread writes: a load and a store, no locked addition. Others read, for statistics.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct Tally {
    pub(super) hits: AtomicU64,
    pub(super) idle: AtomicUsize,
}

/// An idle object, from this thread's magazine or from the depot, or a new one.
#[inline]
pub(super) fn take<T: Send + 'static>(depot: &Arc<Depot<T>>) -> Option<Object<T>> {
    // SAFETY: `depot` is borrowed.
    match unsafe { find(Arc::as_ptr(depot), |_, magazine| magazine.pop()) } {
        Some(Some(object)) => Some(object),
        _ => take_slowly(depot),
    }
}

#[cold]
fn take_slowly<T: Send + 'static>(depot: &Arc<Depot<T>>) -> Option<Object<T>> {
    if !depot.has_magazines() {
        return depot.take();
    }
    install(depot);
    let refill = |_: &Depot<T>, magazine: &mut Magazine<T>| {
        magazine.refill();
        magazine.pop()
    };
    // SAFETY: `depot` is borrowed.
    let refilled = unsafe { find(Arc::as_ptr(depot), refill) };
    refilled.flatten().or_else(|| depot.take())
}

/// Gives an object back, into this thread's magazine or into the depot.
#[inline]
pub(super) fn put<T: Send + 'static>(object: Object<T>) {
    let depot = Arc::as_ptr(&object.seat.depot);
    let mut object = Some(object);
    // SAFETY: the seat of the object keeps its depot, and the object is in there until `push` takes it.
    unsafe { find(depot, |depot, magazine| magazine.push(depot.epoch(), &mut object)) };
    if let Some(object) = object {
        put_slowly(object);
    }
}

#[cold]
fn put_slowly<T: Send + 'static>(object: Object<T>) {
    let depot = object.seat.depot.clone();
    if !depot.has_magazines() {
        return depot.put(object);
    }
    // First the epoch: if the pool is closed after this asked, the next one that comes back finds a new epoch and asks again.
    let epoch = depot.epoch();
    if depot.is_closed() {
        drop(object);
        return sweep();
    }
    install(&depot);
    let mut object = Some(object);
    let unload = |_: &Depot<T>, magazine: &mut Magazine<T>| {
        let refused = magazine.unload(epoch);
        magazine.push(epoch, &mut object);
        refused
    };
    // SAFETY: `depot` is a reference of its own.
    let refused = unsafe { find(Arc::as_ptr(&depot), unload) };
    drop(refused);
    if let Some(object) = object {
        depot.put(object);
    }
}

/// Calls `f` with this thread's magazine of a pool. `None`: it has none, or is using it already (an allocator that uses a pool), or it is
/// ending.
///
/// # Safety
/// `depot` points to a depot that lives until `f` is called.
#[inline(always)]
unsafe fn find<T: Send + 'static, R>(
    depot: *const Depot<T>,
    f: impl FnOnce(&Depot<T>, &mut Magazine<T>) -> R,
) -> Option<R> {
    let found = MAGAZINES.try_with(|magazines| {
        // SAFETY: the caller says that it lives. Only here, and not before the table is at hand: so nothing of it has to be kept in a
        // register while the table is made, and a get needs no stack.
        let depot = unsafe { &*depot };
        let mut magazines = magazines.try_borrow_mut().ok()?;
        let erased = magazines.get_mut(depot.slot())?.as_mut()?;
        if erased.depot != ptr::from_ref(depot).cast() {
            return None;
        }
        debug_assert!(erased.magazine.is::<Magazine<T>>());
        let magazine: *mut dyn Any = &mut *erased.magazine;
        // SAFETY: `depot` is a live `Depot<T>`, and by the invariant of `Erased` it is the depot of this magazine; a depot has one type, so
        // this is a `Magazine<T>`. It is borrowed from the table, which stays borrowed until `f` returns.
        Some(f(depot, unsafe { &mut *magazine.cast::<Magazine<T>>() }))
    });
    found.ok().flatten()
}

/// Gives this thread a magazine of a pool, if it has none and may have one. Those of pools that are gone, it drops.
fn install<T: Send + 'static>(depot: &Arc<Depot<T>>) {
    // SAFETY: `depot` is borrowed.
    if unsafe { find(Arc::as_ptr(depot), |_, _| ()) }.is_some() {
        return;
    }
    let Some(Grant { objects, tally }) = depot.grant() else { return };
    let magazine = Magazine { depot: depot.clone(), objects, epoch: depot.epoch(), tally };
    let place = Arc::as_ptr(depot).cast();
    let mut erased = Some(Erased { depot: place, magazine: Box::new(magazine), is_closed: is_closed::<T> });
    sweep();
    let installed = MAGAZINES.try_with(|magazines| {
        let Ok(mut magazines) = magazines.try_borrow_mut() else { return };
        if magazines.len() <= depot.slot() {
            magazines.resize_with(depot.slot() + 1, || None);
        }
        mem::swap(&mut magazines[depot.slot()], &mut erased);
    });
    // What was in its place, or this one where the thread is ending: dropped while the table is not borrowed.
    drop((installed, erased));
}

/// Drops this thread's magazines of pools that are gone.
pub(super) fn sweep() {
    let is_gone = |erased: &mut Erased| (erased.is_closed)(&*erased.magazine);
    let gone: Result<Vec<_>, _> = MAGAZINES.try_with(|magazines| match magazines.try_borrow_mut() {
        Ok(mut magazines) => magazines.iter_mut().filter_map(|place| place.take_if(is_gone)).collect(),
        Err(_) => Vec::new(),
    });
    // Here, and not while the table is borrowed: objects are dropped with these, which is code of the user.
    drop(gone);
}

fn is_closed<T: Send + 'static>(magazine: &dyn Any) -> bool {
    magazine.downcast_ref::<Magazine<T>>().is_none_or(|magazine| magazine.depot.is_closed())
}

impl<T: Send + 'static> Magazine<T> {
    #[inline(always)]
    fn pop(&mut self) -> Option<Object<T>> {
        let object = self.objects.pop()?;
        self.tally.hits.store(self.tally.hits.load(Relaxed) + 1, Relaxed);
        self.tell();
        Some(object)
    }

    /// Takes the object, unless it is full or has to give back what it has.
    #[inline(always)]
    fn push(&mut self, epoch: usize, object: &mut Option<Object<T>>) {
        if self.epoch == epoch
            && self.objects.len() < self.objects.capacity()
            && let Some(object) = object.take()
        {
            self.objects.push(object);
            self.tell();
        }
    }

    /// Tells the others how many there are.
    #[inline(always)]
    fn tell(&self) {
        self.tally.idle.store(self.objects.len(), Relaxed);
    }

    /// Fetches half of what it may have, once it is empty.
    fn refill(&mut self) {
        let half = self.objects.capacity().div_ceil(2);
        self.depot.refill(&mut self.objects, half);
        self.tell();
    }

    /// Gives half of a full magazine to the depot, or all of it in a new epoch. Returns what the depot had no room for.
    fn unload(&mut self, epoch: usize) -> Vec<Object<T>> {
        let len = self.objects.len();
        let keep = match self.epoch == epoch {
            true if len < self.objects.capacity() => len,
            true => len / 2,
            false => 0,
        };
        let refused = self.depot.put_all(self.objects.drain(keep..));
        self.epoch = epoch;
        self.tell();
        refused
    }
}

/// The thread ends, or the pool is gone.
impl<T: Send + 'static> Drop for Magazine<T> {
    fn drop(&mut self) {
        self.depot.revoke(mem::take(&mut self.objects), &self.tally);
    }
}
