//! Memory of the host that a device copies from and to without a copy in between.
//!
//! It is this process's own memory, and the driver is told of it; it is not memory that the driver has made. So a block may outlive its device and be read
//! without one, and what is not pinned is a block all the same. Three invariants: (I1) a slot holds a [`Use`] of memory from before it begins a copy
//! until it has waited for it; for ever, if it could not wait; (I2) memory goes back to the allocator only when there is no use of it and the driver
//! has let go of it, and stays where it is otherwise; (I3) what a device may write to is a [`Target`], which nobody can read, and which becomes memory
//! again only when there is no use of it.
#![expect(
    unsafe_code,
    reason = "it owns raw allocations that a device reads and writes; I1, I2 and I3 above"
)]

use super::driver::{Driver, checked};
use crate::element::Element;
use crate::error::GpuError;
use cust::sys;
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr::NonNull;
use std::slice;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The driver pins whole pages: memory that shared one with something else would pin that, too.
const PAGE: usize = 4096;

/// Whole pages of memory, pinned or not.
pub(crate) struct Pages {
    memory: NonNull<u8>,
    layout: Layout,
    /// Who knows of them.
    pinned_by: Option<Arc<Driver>>,
    /// Copies from them or to them that may be under way.
    uses: Arc<AtomicUsize>,
}

// SAFETY: they own their memory as a `Vec` does, and the driver's functions may be called from any thread.
unsafe impl Send for Pages {}
// SAFETY: as above; shared, they are only read.
unsafe impl Sync for Pages {}

impl Pages {
    /// Zeros, at least this many bytes of them; not pinned.
    ///
    /// # Panics
    /// If there can be no such memory.
    pub(crate) fn new(bytes: usize) -> Self {
        let whole = bytes.max(1).checked_next_multiple_of(PAGE);
        let layout = whole.and_then(|bytes| Layout::from_size_align(bytes, PAGE).ok());
        let layout = layout.expect("a block has no more bytes than there are addresses");
        // SAFETY: it has a page at least.
        let memory = NonNull::new(unsafe { alloc_zeroed(layout) });
        let memory = memory.unwrap_or_else(|| handle_alloc_error(layout));
        Pages { memory, layout, pinned_by: None, uses: Arc::default() }
    }

    /// Pins them, for all devices. Slow: the driver goes through their pages one by one.
    ///
    /// # Errors
    /// The driver's; they are ordinary memory then, as before.
    pub(crate) fn pin(&mut self, driver: &Arc<Driver>) -> Result<(), GpuError> {
        driver.enter()?;
        let (address, bytes) = (self.memory.as_ptr().cast::<c_void>(), self.layout.size());
        let flags = sys::CU_MEMHOSTREGISTER_PORTABLE;
        // SAFETY: all of it is ours, and is freed after the driver was told so.
        checked("cuMemHostRegister", || unsafe { sys::cuMemHostRegister_v2(address, bytes, flags) })?;
        driver.registered().lock().insert(address as usize, (bytes, self.uses.clone()));
        self.pinned_by = Some(driver.clone());
        Ok(())
    }

    pub(crate) fn is_pinned(&self) -> bool {
        self.pinned_by.is_some()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.layout.size()
    }

    /// The first numbers in them.
    ///
    /// # Panics
    /// If they have no room for as many.
    pub(crate) fn numbers<T: Element>(&self, len: usize) -> &[T] {
        assert!(len <= self.bytes() / size_of::<T>(), "there is no room for as many");
        // SAFETY: there are as many, aligned for all numbers; any bits are a number, and all were written as zeros or numbers. No device writes to
        // them: they would be a target then.
        unsafe { slice::from_raw_parts(self.memory.as_ptr().cast::<T>(), len) }
    }

    /// As `numbers`, to write them.
    ///
    /// # Panics
    /// As `numbers`.
    pub(crate) fn numbers_mut<T: Element>(&mut self, len: usize) -> &mut [T] {
        assert!(len <= self.bytes() / size_of::<T>(), "there is no room for as many");
        // SAFETY: as above. A device that still reads them, after an error, gets numbers that nobody asks for.
        unsafe { slice::from_raw_parts_mut(self.memory.as_ptr().cast::<T>(), len) }
    }
}

impl Pages {
    /// Whether a copy may be under way. With the last use everything that its copy did has happened.
    fn is_used(&self) -> bool {
        self.uses.load(Ordering::Acquire) > 0
    }

    /// Lets the driver forget them; whether there is no driver any more that knows of them.
    fn unpin(&mut self) -> bool {
        let Some(driver) = self.pinned_by.take() else { return true };
        let address = self.memory.as_ptr().cast::<c_void>();
        // No use is added from here on: who looks for one has borrowed these pages.
        driver.registered().lock().remove(&(address as usize));
        let let_go = driver.enter_to_free().and_then(|()| {
            // SAFETY: it was registered, and is not used.
            checked("cuMemHostUnregister", || unsafe { sys::cuMemHostUnregister(address) })
        });
        let_go.is_ok()
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // What a device that is lost may still know of is not given to anyone else.
        if !self.is_used() && self.unpin() {
            // SAFETY: it was allocated so, and nobody else knows of it.
            unsafe { dealloc(self.memory.as_ptr(), self.layout) };
        }
    }
}

/// That a copy from pages or to them may be under way.
pub(super) struct Use(Arc<AtomicUsize>);

impl Use {
    fn of(uses: &Arc<AtomicUsize>) -> Self {
        uses.fetch_add(1, Ordering::Relaxed);
        Use(uses.clone())
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

/// Pages that a device writes to: nobody reads them until no slot uses them any more.
pub(crate) struct Target(Pages);

impl Target {
    pub(crate) fn new(pages: Pages) -> Self {
        Target(pages)
    }

    /// Where to write so many bytes, and that they may be written from now on.
    ///
    /// # Panics
    /// If there are not as many from `at` on.
    pub(super) fn place(&self, at: usize, bytes: usize) -> (*mut u8, Use) {
        assert!(at.checked_add(bytes).is_some_and(|end| end <= self.0.bytes()), "there is no room for them");
        (self.0.memory.as_ptr().wrapping_add(at), Use::of(&self.0.uses))
    }

    /// The pages; `None` if a device may still write to them, which are nobody's then.
    pub(crate) fn into_pages(self) -> Option<Pages> {
        (!self.0.is_used()).then_some(self.0)
    }
}

/// Where pinned memory is: its beginnings, how many bytes it has, and its uses. The same for all devices of a fleet.
#[derive(Default)]
pub(crate) struct Registered(Mutex<Ranges>);

type Ranges = BTreeMap<usize, (usize, Arc<AtomicUsize>)>;

impl Registered {
    fn lock(&self) -> MutexGuard<'_, Ranges> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// If all of these numbers are in it, that a copy from there may be under way from now on.
    pub(super) fn using<T>(&self, numbers: &[T]) -> Option<Use> {
        let (address, bytes) = (numbers.as_ptr() as usize, size_of_val(numbers));
        let pinned = self.lock();
        let (from, (all, uses)) = pinned.range(..=address).next_back()?;
        (bytes > 0 && address + bytes <= from + all).then(|| Use::of(uses))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_memory_again_when_nothing_uses_it_and_nobodys_before() {
        let mut pages = Pages::new(10);
        pages.numbers_mut::<u8>(10).fill(7);
        let target = Target::new(pages);
        let (_, use_of_it) = target.place(0, 10);
        drop(use_of_it);
        let pages = target.into_pages().unwrap();
        assert_eq!((pages.bytes(), pages.numbers::<u8>(11)), (PAGE, &[7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 0][..]));
        let target = Target::new(pages);
        let use_of_it = target.place(PAGE - 1, 1).1;
        assert!(target.into_pages().is_none());
        assert_eq!(use_of_it.0.load(Ordering::Relaxed), 1, "in use for ever, if it is never dropped");
    }

    #[test]
    #[should_panic(expected = "there is no room for them")]
    fn a_target_has_no_place_beyond_its_end() {
        Target::new(Pages::new(1)).place(1, PAGE);
    }

    #[test]
    fn numbers_in_pinned_memory_are_found_and_those_that_are_not_all_in_it_are_not() {
        let registered = Registered::default();
        let mut pages = Pages::new(2 * PAGE);
        let uses = pages.uses.clone();
        let numbers = pages.numbers_mut::<u8>(2 * PAGE);
        registered.lock().insert(numbers.as_ptr() as usize, (PAGE, uses.clone()));
        assert!(
            registered.using(&numbers[..PAGE]).is_some()
                && registered.using(&numbers[PAGE - 1..PAGE]).is_some()
        );
        assert!(
            registered.using(&numbers[..=PAGE]).is_none() && registered.using(&numbers[PAGE..]).is_none()
        );
        assert!(registered.using(&numbers[..0]).is_none() && registered.using(&[1_u8]).is_none());
        let held = registered.using(&numbers[5..6]);
        assert_eq!(uses.load(Ordering::Relaxed), 1);
        drop(held);
        assert_eq!(uses.load(Ordering::Relaxed), 0);
    }
}
