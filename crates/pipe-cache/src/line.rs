//! A value that shares its cache lines with nothing.

use std::ops::{Deref, DerefMut};

/// A value alone on its cache lines.
///
/// Two threads that write different values on the same line take the line from each other at each write (*false sharing*). What each
/// worker writes for itself while others write theirs next to it, counters in an array say, goes into a `Line`.
///
/// It takes 128 bytes where lines are fetched in pairs (`x86_64`, since Sandy Bridge) or are that long (`aarch64`, Apple M1), and 64
/// elsewhere; the same choice as crossbeam's `CachePadded`.
///
/// ```
/// use pipe_cache::Line;
///
/// let mut counts = [Line(0_u64), Line(0)];
/// *counts[1] += 3;
/// assert_eq!(*counts[1], 3);
/// let apart = (&raw const counts[1]).addr() - (&raw const counts[0]).addr();
/// assert!(apart >= 64);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(any(target_arch = "x86_64", target_arch = "aarch64"), repr(align(128)))]
#[cfg_attr(not(any(target_arch = "x86_64", target_arch = "aarch64")), repr(align(64)))]
pub struct Line<T>(pub T);

impl<T> Deref for Line<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Line<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
