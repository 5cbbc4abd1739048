//! Memory for the short-lived parts of one batch, freed all at once.

use bumpalo::Bump;
use bumpalo::boxed::Box as BumpBox;
use bumpalo::collections::String as BumpString;
use pipe_core::{Budget, Permit};
use std::fmt::{self, Write};
use std::mem::needs_drop;
use std::ops::{Deref, DerefMut};

/// Gives out memory by moving a pointer, and takes all of it back at once. The crate [`bumpalo`](https://docs.rs/bumpalo) does the work.
///
/// For what a record is made of on its way through a segment: texts, slices, rows. An allocation costs a few nanoseconds, and
/// [`Arena::reset`] a few more for all of them, however many there were. An arena may move to another thread between two uses; two
/// threads cannot use it at once.
///
/// Nothing in an arena is dropped. So what needs it is refused when the program is compiled, unless it is [boxed](Arena::boxed):
///
/// ```compile_fail
/// let arena = pipe_mem::Arena::new();
/// arena.alloc(String::new());           // error: an arena drops nothing: box it with `Arena::boxed`, ..
/// ```
///
/// ```
/// use pipe_mem::Arena;
///
/// let mut arena = Arena::new();
/// let name = arena.text("north");
/// name.make_ascii_uppercase();
/// let twice = arena.slice_with(3, |k| 2.0 * k as f32);
/// assert_eq!((&*name, &*twice), ("NORTH", &[0.0, 2.0, 4.0][..]));
/// arena.reset();                         // borrowed things are gone by now: the compiler sees to it
/// ```
pub struct Arena {
    bump: Bump,
    permit: Option<Permit>,
}

const DROPS_NOTHING: &str = "an arena drops nothing: box it with `Arena::boxed`, or keep in the arena what it is made of (`text`, `slice`)";

impl Arena {
    /// An arena that has no memory yet.
    pub fn new() -> Self {
        Arena { bump: Bump::new(), permit: None }
    }

    /// An arena with room for `bytes`, taken from the allocator at once.
    pub fn with_capacity(bytes: usize) -> Self {
        Arena { bump: Bump::with_capacity(bytes), permit: None }
    }

    /// Puts a value into the arena. Does not compile for a type that has to be dropped.
    #[inline]
    pub fn alloc<T>(&self, value: T) -> &mut T {
        const { assert!(!needs_drop::<T>(), "{}", DROPS_NOTHING) };
        self.bump.alloc(value)
    }

    /// Puts a copy of a text into the arena.
    #[inline]
    pub fn text(&self, text: &str) -> &mut str {
        self.bump.alloc_str(text)
    }

    /// Writes a text into the arena: `arena.format(format_args!("sensor-{id}"))`.
    ///
    /// # Panics
    /// If a `Display` in there returns an error.
    #[inline]
    pub fn format(&self, text: fmt::Arguments<'_>) -> &str {
        let mut string = BumpString::new_in(&self.bump);
        string.write_fmt(text).expect("a `Display` returns no errors of its own");
        string.into_bump_str()
    }

    /// Puts a copy of a slice into the arena.
    #[inline]
    pub fn slice<T: Copy>(&self, items: &[T]) -> &mut [T] {
        self.bump.alloc_slice_copy(items)
    }

    /// Makes a slice of `len` items in the arena, each from its index. Does not compile for a type that has to be dropped.
    #[inline]
    pub fn slice_with<T>(&self, len: usize, make: impl FnMut(usize) -> T) -> &mut [T] {
        const { assert!(!needs_drop::<T>(), "{}", DROPS_NOTHING) };
        self.bump.alloc_slice_fill_with(len, make)
    }

    /// Puts a value into the arena that has to be dropped: the box does so. What the value owns elsewhere is not in the arena.
    #[inline]
    pub fn boxed<T>(&self, value: T) -> ArenaBox<'_, T> {
        ArenaBox(BumpBox::new_in(value, &self.bump))
    }

    /// Frees everything in it. The memory stays for what comes next, in one piece: after a few batches of about the same size an arena
    /// asks the allocator for nothing any more.
    #[inline]
    pub fn reset(&mut self) {
        self.bump.reset();
    }

    /// The bytes that it has from the allocator, whether they are in use or not.
    pub fn bytes(&self) -> usize {
        self.bump.allocated_bytes()
    }

    /// Counts its bytes against a budget, now and each time that [`Arena::recharge`] is called, until it is dropped.
    pub fn charge_to(&mut self, budget: &Budget) {
        self.permit = Some(budget.overdraw(self.bytes()));
    }

    /// Tells the budget how many bytes it has become. Once a batch is often enough.
    pub fn recharge(&mut self) {
        let bytes = self.bytes();
        if let Some(permit) = &mut self.permit {
            permit.resize(bytes);
        }
    }
}

impl Default for Arena {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

/// A value in an [`Arena`] that is dropped with its box.
pub struct ArenaBox<'a, T>(BumpBox<'a, T>);

impl<T> Deref for ArenaBox<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for ArenaBox<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: fmt::Debug> fmt::Debug for ArenaBox<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
