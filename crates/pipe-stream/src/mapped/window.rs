//! A piece of a file, mapped.

#![expect(
    unsafe_code,
    reason = "mapping a file promises that nobody changes it, which the keeper of the window sees to"
)]

use super::Keeper;
#[cfg(target_os = "linux")]
use memmap2::{Advice, UncheckedAdvice};
use memmap2::{Mmap, MmapOptions};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::{Deref, Range};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The bytes of a file from one place to another.
pub(super) struct Window {
    /// `None` only while it is dropped.
    map: Option<Mmap>,
    /// Where the first byte that was asked for is: mappings begin with a page.
    lead: usize,
    /// What was asked for.
    range: Range<u64>,
    keeper: Keeper,
    /// No more slices of it are made. Whoever still has one has it alone, perhaps for long.
    retired: AtomicBool,
}

impl Window {
    /// Maps `range`, which is not empty and lies within the file.
    pub(super) fn new(file: &File, range: &Range<u64>, keeper: Keeper) -> io::Result<Self> {
        let page = page_size();
        let lead = range.start % page as u64;
        let begin = range.start - lead;
        let len = usize::try_from(range.end - begin).map_err(|_| ErrorKind::OutOfMemory)?;
        // SAFETY: while this mapping lives, the bytes stay what they are: under a lease the system sees to it until the lease puts a copy in
        // their place; otherwise whoever called the unsafe `Mapping::guarded` or `Mapping::trusted` has promised it, or to bear it.
        let map = unsafe { MmapOptions::new().offset(begin).len(len).map(file) }?;
        keeper.keep(map.as_ptr() as usize, map.len().next_multiple_of(page));
        Ok(Window {
            map: Some(map),
            lead: lead as usize,
            range: range.clone(),
            keeper,
            retired: AtomicBool::new(false),
        })
    }

    /// What it has of the file.
    pub(super) fn range(&self) -> &Range<u64> {
        &self.range
    }

    pub(super) fn keeper(&self) -> &Keeper {
        &self.keeper
    }

    /// Has the system read what of `range` is not in memory yet. An error if it cannot: the disk fails, or the file was cut. Touching those
    /// bytes would raise a signal.
    #[cfg(target_os = "linux")]
    pub(super) fn bring(&self, range: &Range<u64>) -> io::Result<()> {
        let Some(map) = &self.map else { return Ok(()) };
        let start = (range.start - self.range.start) as usize + self.lead;
        // The advice is for whole pages: from the start of the first one.
        let (start, end) = (start - start % page_size(), start + (range.end - range.start) as usize);
        match map.advise_range(Advice::PopulateRead, start, end - start) {
            // Linux before 5.14 does not know this advice. Then pages come as they are touched.
            Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
            brought => brought,
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn bring(&self, _: &Range<u64>) -> io::Result<()> {
        Ok(())
    }

    /// The last slice of it was made: from here on it keeps no pages in memory but those that are looked at.
    pub(super) fn retire(&self) {
        // Relaxed: who reads it too early lets go of nothing, before all pages are let go of here.
        self.retired.store(true, Relaxed);
        self.let_go(&self.range);
    }

    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Relaxed)
    }

    /// Gives the pages of `range` back to the system. A thread that looks at them later gets them anew, with the same content.
    #[cfg(target_os = "linux")]
    pub(super) fn let_go(&self, range: &Range<u64>) {
        let Some(map) = &self.map else { return };
        let page = page_size();
        let start = (range.start - self.range.start) as usize + self.lead;
        let end = start + (range.end - range.start) as usize;
        // The neighbours' bytes on the first and the last page come back when they are looked at, too.
        let (start, end) = (start - start % page, end.next_multiple_of(page).min(map.len()));
        self.keeper.if_mapped(self.address(), || {
            // SAFETY: this is a shared mapping of a file, which is never written to through it: dropped pages are read from the file again,
            // as the lease or the caller keeps it. The lock of the lease sees to it that no copy in private memory, which would become zeros,
            // is there yet. The guard's zeros become zeros.
            let let_go = unsafe { map.unchecked_advise_range(UncheckedAdvice::DontNeed, start, end - start) };
            // Then they stay in memory; nothing else depends on it.
            drop(let_go);
        });
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn let_go(&self, _: &Range<u64>) {}

    /// Where its first page is.
    pub(super) fn address(&self) -> usize {
        self.map.as_ref().map_or(0, |map| map.as_ptr() as usize)
    }

    /// From its first page to the last byte that was asked for.
    #[cfg(target_os = "linux")]
    pub(super) fn mapped(&self) -> usize {
        self.map.as_ref().map_or(0, |map| map.len())
    }
}

impl Deref for Window {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.map.as_ref().map_or(&[], |map| &map[self.lead..])
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let (address, map) = (self.address(), self.map.take());
        self.keeper.unmap(address, map);
    }
}

/// The bytes of a page, which is where mappings may begin.
pub(super) fn page_size() -> usize {
    static PAGE: OnceLock<usize> = OnceLock::new();
    *PAGE.get_or_init(|| {
        #[cfg(unix)]
        // SAFETY: takes a number and returns one.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(0);
        // What Windows asks for, and what no page exceeds.
        #[cfg(not(unix))]
        let page = 0;
        if page > 0 { page } else { 64 << 10 }
    })
}
