//! Parts of a file, mapped.
//!
//! Each part is a mapping of its own, from the page in which it begins to the page in which its last record ends, and is unmapped with the
//! last chunk over it. So what is mapped is what is lent, and is charged as it is; no record crosses the edge of a window, since the
//! window is made for it; and workers share nothing but the lease.

#[cfg(target_os = "linux")]
mod guard;
#[cfg(target_os = "linux")]
mod lease;
mod mapping;
mod window;

#[cfg(target_os = "linux")]
use guard::Guard;
#[cfg(target_os = "linux")]
use lease::Lease;
pub use mapping::Mapping;
pub(crate) use mapping::{Otherwise, Safety};
use memmap2::Mmap;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
pub(crate) use window::Window;

/// A file that is mapped part by part.
pub(crate) struct Mapped {
    file: Arc<File>,
    by: By,
    pub(crate) mapping: Mapping,
}

/// How it is mapped.
enum By {
    #[cfg(target_os = "linux")]
    Lease(Arc<Lease>),
    #[cfg(target_os = "linux")]
    Guard,
    Trust,
}

/// Who sees to it that the bytes of one window stay what they are, or that it is known if they do not.
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
        let mapped = Mapped { file, by, mapping };
        // Some files cannot be mapped at all, and a first look costs little.
        Window::new(&mapped.file, &(0..1), Keeper::Caller)
            .map_err(|error| format!("it is refused: {error}"))?;
        Ok(mapped)
    }

    /// Maps `range`, which is not empty and lies within the file.
    pub(crate) fn window(&self, range: Range<u64>) -> Result<Window, Refused> {
        let refused = |_| Refused::Unmappable;
        match &self.by {
            #[cfg(target_os = "linux")]
            By::Lease(lease) => lease.map(&range),
            #[cfg(target_os = "linux")]
            By::Guard => {
                let guard = Guard::free().ok_or(Refused::Unmappable)?;
                Window::new(&self.file, &range, Keeper::Guard(guard)).map_err(refused)
            }
            By::Trust => Window::new(&self.file, &range, Keeper::Caller).map_err(refused),
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
    /// A window of so many bytes is at this address.
    fn keep(&self, address: usize, len: usize) {
        #[cfg(target_os = "linux")]
        if let Keeper::Guard(guard) = self {
            guard.watch(address..address + len);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (address, len);
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
