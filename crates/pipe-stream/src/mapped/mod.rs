//! Parts of a file, mapped.
//!
//! ```text
//! file     | span of 2 MiB                   | span of 2 MiB                   | ...
//! parts    | part  | part  | part  | part   | part  | part ...
//! windows [.................................+--]
//!                                        [--+................................+--]
//! ```
//!
//! A window is a mapping of its own: a span, and a little before and behind it that the parts at its ends look at. Parts are slices of it,
//! and it is unmapped with the last of them. A part whose last record goes on for longer has a window for itself.
//!
//! The two windows used last are kept, so that one worker that drops each part before it takes the next does not map each time. That is
//! all that is in memory beyond what is charged to the run. A chunk that is kept longer than its neighbours keeps the window of all of them
//! mapped, but not in memory: when a window is not among the two any more, its pages are given back to the system, and come again, by
//! some 64 KiB, where a chunk that is still there is looked at. A program that drops chunks about in their order pays nothing for that.

#[cfg(target_os = "linux")]
mod guard;
#[cfg(target_os = "linux")]
mod lease;
mod mapping;
mod slice;
mod window;

#[cfg(target_os = "linux")]
use guard::Guard;
#[cfg(target_os = "linux")]
use lease::Lease;
pub use mapping::Mapping;
pub(crate) use mapping::{Otherwise, Safety};
use memmap2::Mmap;
pub(crate) use slice::{SPAN, Slice};
use slice::{covers, window_around};
use std::collections::VecDeque;
use std::fs::File;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use window::Window;

/// A file that is mapped part by part.
pub(crate) struct Mapped {
    file: Arc<File>,
    by: By,
    /// The windows used last.
    recent: Mutex<VecDeque<Arc<Window>>>,
    pub(crate) mapping: Mapping,
}

/// One that workers are in, and one that the first of them goes on to.
const RECENT: usize = 2;

/// How it is mapped.
enum By {
    #[cfg(target_os = "linux")]
    Lease(Arc<Lease>),
    #[cfg(target_os = "linux")]
    Guard,
    Trust,
}

/// What sees to it that the bytes of one window stay what they are, or that it is known if they do not.
enum Keeper {
    #[cfg(target_os = "linux")]
    Lease(Arc<Lease>),
    #[cfg(target_os = "linux")]
    Guard(Guard),
    /// Whoever called an unsafe function.
    Caller,
}

/// Why there is no window.
pub(crate) enum Refused {
    /// The part can be read.
    Unmappable,
    /// What was mapped before may have changed.
    Lost,
}

/// Why files are read, that were to be mapped, since another process asked for this one.
#[cfg(target_os = "linux")]
const ASKED_BACK: &str = "another process wants to write to it";

impl Mapped {
    /// Gets the file ready to be mapped. Why not, if not.
    pub(crate) fn new(file: Arc<File>, mapping: Mapping) -> Result<Self, String> {
        let by = match mapping.safety {
            Safety::Trusted => By::Trust,
            #[cfg(target_os = "linux")]
            Safety::Leased => By::Lease(Arc::new(Lease::take(file.clone())?)),
            #[cfg(target_os = "linux")]
            Safety::Guarded => {
                Guard::install().map_err(|error| format!("no handler for SIGBUS: {error}"))?;
                By::Guard
            }
            #[cfg(not(target_os = "linux"))]
            Safety::Leased | Safety::Guarded => return Err("this system has no leases".to_owned()),
        };
        let mapped = Mapped { file, by, recent: Mutex::default(), mapping };
        // Some files cannot be mapped at all, and a first look costs little.
        Window::new(&mapped.file, &(0..1), Keeper::Caller)
            .map_err(|error| format!("it is refused: {error}"))?;
        Ok(mapped)
    }

    /// The bytes at `range`, which is not empty and lies within the file of `length` bytes.
    pub(crate) fn slice(&self, range: &Range<u64>, length: u64) -> Result<Slice, Refused> {
        let window = self.window_with(range, length)?;
        // Not for the whole window at once, while other workers wait for it.
        window.bring(range).map_err(|_| Refused::Unmappable)?;
        Ok(Slice::new(window, range))
    }

    fn window_with(&self, range: &Range<u64>, length: u64) -> Result<Arc<Window>, Refused> {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        #[cfg(target_os = "linux")]
        if let By::Lease(lease) = &self.by {
            lease.check().inspect_err(|_| recent.clear())?;
        }
        if let Some(window) = recent.iter().find(|window| covers(window.range(), range)) {
            return Ok(window.clone());
        }
        // Under the lock, so that two workers that come to a window at once map it once.
        let around = window_around(range, length);
        if around == *range {
            return Ok(Arc::new(self.window(range)?));
        }
        if recent.len() == RECENT
            && let Some(old) = recent.pop_front()
            && Arc::strong_count(&old) > 1
        {
            old.retire();
        }
        let window = Arc::new(self.window(&around)?);
        recent.push_back(window.clone());
        Ok(window)
    }

    fn window(&self, range: &Range<u64>) -> Result<Window, Refused> {
        let refused = |_| Refused::Unmappable;
        match &self.by {
            #[cfg(target_os = "linux")]
            By::Lease(lease) => lease.map(range),
            #[cfg(target_os = "linux")]
            By::Guard => {
                let guard = Guard::free().ok_or(Refused::Unmappable)?;
                Window::new(&self.file, range, Keeper::Guard(guard)).map_err(refused)
            }
            By::Trust => Window::new(&self.file, range, Keeper::Caller).map_err(refused),
        }
    }

    /// Why parts are read by now.
    pub(crate) fn why_read(&self) -> Option<&'static str> {
        match &self.by {
            #[cfg(target_os = "linux")]
            By::Lease(lease) => (!lease.is_held()).then_some(ASKED_BACK),
            _ => None,
        }
    }
}

impl Keeper {
    /// A window of this many bytes is at this address.
    fn keep(&self, address: usize, len: usize) {
        #[cfg(target_os = "linux")]
        if let Keeper::Guard(guard) = self {
            guard.watch(address..address + len);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (address, len);
    }

    /// Does something to a window while the file is mapped there, and not what took its place.
    #[cfg(target_os = "linux")]
    fn if_mapped(&self, address: usize, act: impl FnOnce()) {
        match self {
            Keeper::Lease(lease) => lease.if_mapped(address, act),
            Keeper::Guard(_) | Keeper::Caller => act(),
        }
    }

    /// It is not needed any more.
    fn unmap(&self, address: usize, map: Option<Mmap>) {
        match self {
            #[cfg(target_os = "linux")]
            Keeper::Lease(lease) => lease.unmap(address, map),
            #[cfg(target_os = "linux")]
            Keeper::Guard(guard) => {
                // In this order: an address that is watched is ours.
                guard.forget();
                drop(map);
            }
            Keeper::Caller => {
                let _ = address;
                drop(map);
            }
        }
    }

    /// Whether bytes were missing when they were touched; `None` where that is not looked at.
    fn was_hit(&self) -> Option<bool> {
        match self {
            #[cfg(target_os = "linux")]
            Keeper::Guard(guard) => Some(guard.was_hit()),
            _ => None,
        }
    }

    /// Whether it could not do what it is there for.
    fn is_lost(&self) -> bool {
        match self {
            #[cfg(target_os = "linux")]
            Keeper::Lease(lease) => lease.is_lost(),
            _ => false,
        }
    }
}
