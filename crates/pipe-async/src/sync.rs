//! Locks and atomics: those of the standard library, or in models those of loom.

#[cfg(all(test, loom))]
pub(crate) use loom::sync::{Mutex, MutexGuard, atomic};
pub(crate) use std::sync::PoisonError;
#[cfg(not(all(test, loom)))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic};
