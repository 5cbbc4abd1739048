//! Where a batch is in its window.

/// The place of the record lent last and of the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where the record lent last starts; `NONE` before any was lent.
    last: usize,
    /// Where the next one starts.
    pub(crate) next: usize,
}

impl Place {
    const NONE: usize = usize::MAX;

    /// Before the first record, which starts here.
    pub(crate) fn at(next: usize) -> Self {
        Place { last: Place::NONE, next }
    }

    /// Where the record lent last starts.
    pub(crate) fn last(&self) -> Option<usize> {
        (self.last != Place::NONE).then_some(self.last)
    }
}

/// How far a window was lent. A framing keeps it in a local and steps it over each record *before* it lends the record.
///
/// Its drop writes it back, so a batch knows where it is also after a panic; as a local it lives in registers and not behind a reference.
#[derive(Debug)]
pub struct Cursor<'c> {
    place: Place,
    home: &'c mut Place,
}

impl<'c> Cursor<'c> {
    #[inline(always)]
    pub(crate) fn new(home: &'c mut Place) -> Self {
        Cursor { place: *home, home }
    }

    /// Where the next record starts.
    #[inline(always)]
    pub fn next(&self) -> usize {
        self.place.next
    }

    /// The record at `next` is lent; the one behind it starts at `next`.
    #[inline(always)]
    pub fn step(&mut self, next: usize) {
        self.place = Place { last: self.place.next, next };
    }

    /// What is at `next` is no record; the next one starts at `next`.
    #[inline(always)]
    pub fn skip(&mut self, next: usize) {
        self.place.next = next;
    }
}

impl Drop for Cursor<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        *self.home = self.place;
    }
}
