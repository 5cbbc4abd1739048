//! The bytes of a part, in a window that it shares with its neighbours.

use super::window::Window;
use std::ops::{Deref, Range};
use std::sync::Arc;

/// A range of a window, which is unmapped with the last slice of it.
pub(crate) struct Slice {
    window: Arc<Window>,
    range: Range<usize>,
}

impl Slice {
    /// The bytes of the file at `range`, which the window has.
    pub(super) fn new(window: Arc<Window>, range: &Range<u64>) -> Self {
        let start = (range.start - window.range().start) as usize;
        Slice { window, range: start..start + (range.end - range.start) as usize }
    }

    /// Whether bytes of the window were missing when they were touched; `None` where that is not looked at.
    pub(crate) fn was_hit(&self) -> Option<bool> {
        self.window.keeper().was_hit()
    }

    /// Whether somebody may have changed it while it was lent.
    pub(crate) fn is_lost(&self) -> bool {
        self.window.keeper().is_lost()
    }
}

impl Drop for Slice {
    /// The window stays with whoever has another slice of it; the pages of this one need not.
    fn drop(&mut self) {
        if self.window.is_retired() && Arc::strong_count(&self.window) > 1 {
            let first = self.window.range().start;
            self.window.let_go(&(first + self.range.start as u64..first + self.range.end as u64));
        }
    }
}

impl Deref for Slice {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.window[self.range.clone()]
    }
}

/// The file is mapped by this many bytes at once. Less costs more calls, and more interruptions of other cores: at 256 KiB two workers were a
/// third slower than reading.
pub(crate) const SPAN: u64 = 2 << 20;

/// Before and behind its span a window has what parts at its ends look at.
const BEFORE: u64 = 4 << 10;
const BEHIND: u64 = 40 << 10;

/// What a window has that the part at `range` of a file of `length` bytes shares with its neighbours; the part alone, if it is more than that.
pub(super) fn window_around(range: &Range<u64>, length: u64) -> Range<u64> {
    let span = (range.start + BEFORE) / SPAN * SPAN;
    let around = span.saturating_sub(BEFORE)..(span + SPAN + BEHIND).min(length);
    if covers(&around, range) { around } else { range.clone() }
}

pub(super) fn covers(outer: &Range<u64>, inner: &Range<u64>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_the_part_it_is_for_and_neighbours_have_the_same_one() {
        let length = 3 * SPAN + 1_000;
        for start in [0, 1, SPAN - 1, SPAN, SPAN + 100, 3 * SPAN, 3 * SPAN + 999] {
            for len in [1, 300, 100_000, SPAN, 4 * SPAN] {
                let range = start.saturating_sub(1)..(start + len).min(length);
                let window = window_around(&range, length);
                assert!(covers(&window, &range) && window.end <= length, "{range:?} in {window:?}");
            }
        }
        let part = |start: u64| window_around(&(start - 1..start + (256 << 10) + 512), length);
        assert!((1..8).all(|at| part(SPAN + at * (256 << 10)) == part(SPAN)));
    }
}
