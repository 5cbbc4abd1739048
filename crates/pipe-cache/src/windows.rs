//! Sums over windows that move by one.

use crate::element::Element;
use crate::plain::LINE_BYTES;
use crate::simd::Simd;
use pulp::WithSimd;

impl Simd {
    /// `out[i] = x[i] + x[i + 1] + .. + x[i + width - 1]`: the sum of each window of so many numbers. A moving average is this, divided.
    ///
    /// By doubling: sums of 2 are sums of two numbers, sums of 4 those of two sums of 2, and so on; a width is put together of powers of two
    /// from the least on. So each output takes about twice the logarithm of the width in additions, all of them over registers, and no error
    /// moves on from one window to the next, as it does where a sum is updated. Integers wrap around.
    ///
    /// ```
    /// let mut sums = [0; 3];
    /// pipe_cache::Simd::best().window_sums(3, &[1, 2, 3, 4, 5], &mut sums);
    /// assert_eq!(sums, [6, 9, 12]);
    /// ```
    ///
    /// # Panics
    /// If `out` has not as many numbers as there are windows: `x.len() + 1 - width`, none for fewer numbers than the width, and none for a
    /// width of 0.
    pub fn window_sums<T: Element>(&self, width: usize, x: &[T], out: &mut [T]) {
        let windows = if width == 0 { 0 } else { (x.len() + 1).saturating_sub(width) };
        assert_eq!(out.len(), windows, "{} numbers have {windows} windows of {width}", x.len());
        if windows == 0 {
            return;
        }
        // Two buffers for sums of powers of two, of a tile and what is under the last window of it.
        let tile = (Simd::TILE_BYTES / 2 / size_of::<T>()).max(width).min(windows);
        let [mut from, mut to] = [Buffer::new(tile + width), Buffer::new(tile + width)];
        self.arch().dispatch(WindowSums { width, tile, x, out, buffers: [from.numbers(), to.numbers()] });
    }
}

/// Numbers that begin where a line of the cache does: a register that is written across two lines takes more than twice as long.
struct Buffer<T>(Vec<T>);

impl<T: Element> Buffer<T> {
    fn new(len: usize) -> Self {
        Buffer(vec![T::default(); len + numbers_per_line::<T>()])
    }

    fn numbers(&mut self) -> &mut [T] {
        let start = self.0.as_ptr().align_offset(LINE_BYTES).min(numbers_per_line::<T>());
        &mut self.0[start..]
    }
}

fn numbers_per_line<T>() -> usize {
    LINE_BYTES / size_of::<T>()
}

struct WindowSums<'b, T> {
    width: usize,
    tile: usize,
    x: &'b [T],
    out: &'b mut [T],
    buffers: [&'b mut [T]; 2],
}

impl<T: Element> WithSimd for WindowSums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let WindowSums { width, tile, x, out, buffers: [from, to] } = self;
        // The first tile is short, so that the others begin with a line.
        let first = out.as_ptr().align_offset(LINE_BYTES).min(out.len());
        let (first, others) = out.split_at_mut(first);
        let mut start = 0;
        for out in std::iter::once(first).chain(others.chunks_mut(tile)).filter(|out| !out.is_empty()) {
            let under = &x[start..start + out.len() + width - 1];
            sums_of_tile(width, under, out, from, to);
            start += out.len();
        }
    }
}

/// `from` and `to` are room for as many numbers as `x` has.
#[inline(always)]
fn sums_of_tile<T: Element>(width: usize, x: &[T], out: &mut [T], from: &mut [T], to: &mut [T]) {
    let mut done = 0;
    if take(width, 1, &mut done, x, out) {
        return;
    }
    let (mut from, mut to) = (from, to);
    let (mut size, mut count) = (2, x.len() - 1);
    add(x, 1, &mut from[..count]);
    while !take(width, size, &mut done, &from[..count], out) {
        count -= size;
        add(from, size, &mut to[..count]);
        std::mem::swap(&mut from, &mut to);
        size *= 2;
    }
}

/// Adds to `out` the part of the width that sums of so many numbers are, if it has one. Says whether this was all.
#[inline(always)]
fn take<T: Element>(width: usize, size: usize, done: &mut usize, sums: &[T], out: &mut [T]) -> bool {
    // The last doubling of a power of two.
    if width == 2 * size {
        add(sums, size, out);
        return true;
    }
    if width & size != 0 {
        let next = &sums[*done..*done + out.len()];
        if *done == 0 {
            out.copy_from_slice(next);
        } else {
            out.iter_mut().zip(next).for_each(|(all, next)| *all = all.plus(*next));
        }
        *done += size;
    }
    *done == width
}

/// Each number and the one so far behind it, for as many as `to` has.
#[inline(always)]
fn add<T: Element>(from: &[T], apart: usize, to: &mut [T]) {
    let (low, high) = (&from[..to.len()], &from[apart..apart + to.len()]);
    for ((sum, low), high) in to.iter_mut().zip(low).zip(high) {
        *sum = low.plus(*high);
    }
}
