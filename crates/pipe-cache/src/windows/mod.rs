//! Sums over windows that move by one.

#[cfg(not(target_arch = "x86_64"))]
mod other;
#[cfg(target_arch = "x86_64")]
mod x86_64;

use crate::element::Element;
use crate::plain::LINE_BYTES;
use crate::reduce::Lanes;
use crate::simd::Simd;
use pipe_core::kernel::Float;
use pulp::{Arch, WithSimd};

#[cfg(not(target_arch = "x86_64"))]
use other as machine;
#[cfg(target_arch = "x86_64")]
use x86_64 as machine;

impl Simd {
    /// `out[i] = x[i] + x[i + 1] + .. + x[i + width - 1]`: the sum of each window of `width` numbers.
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
        self.windows(width, x, out, None);
    }

    /// The mean of each window of `width` numbers: the moving average. It is the sum that [`window_sums`](Simd::window_sums) gives, times the
    /// reciprocal of the width, both rounded.
    ///
    /// Faster than first the one and then the other: it is done in the last pass, in registers.
    ///
    /// ```
    /// let mut means = [0.0; 3];
    /// pipe_cache::Simd::best().window_means(2, &[1.0, 2.0, 6.0, 4.0], &mut means);
    /// assert_eq!(means, [1.5, 4.0, 5.0]);
    /// ```
    ///
    /// # Panics
    /// As `window_sums`.
    pub fn window_means<T: Element + Float>(&self, width: usize, x: &[T], out: &mut [T]) {
        self.windows(width, x, out, Some(T::nearest(1.0 / width as f64)));
    }

    fn windows<T: Element>(&self, width: usize, x: &[T], out: &mut [T], factor: Option<T>) {
        let windows = if width == 0 { 0 } else { (x.len() + 1).saturating_sub(width) };
        assert_eq!(out.len(), windows, "{} numbers have {windows} windows of {width}", x.len());
        if windows == 0 {
            return;
        }
        // Two buffers for sums of powers of two, of a tile and what is under the last window of it.
        let tile = (Simd::TILE_BYTES / 2 / size_of::<T>()).max(width).min(windows);
        let [mut from, mut to] = [Buffer::new(tile + width), Buffer::new(tile + width)];
        let buffers = [from.numbers(), to.numbers()];
        T::window_sums_on(self.arch(), WindowSums { width, tile, x, out, buffers, factor });
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

#[derive(Debug)]
pub struct WindowSums<'b, T> {
    width: usize,
    tile: usize,
    x: &'b [T],
    out: &'b mut [T],
    buffers: [&'b mut [T]; 2],
    /// What each sum is multiplied by, if by anything.
    factor: Option<T>,
}

/// Those of floats.
pub(crate) fn window_sums_in_lanes<T: Lanes + Element>(arch: Arch, sums: WindowSums<'_, T>) {
    machine::window_sums(arch, sums);
}

/// Those of all others.
impl<T: Element> WithSimd for WindowSums<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        self.by(Slices);
    }
}

impl<T: Element> WindowSums<'_, T> {
    #[inline(always)]
    fn by(self, pass: impl Pass<T>) {
        let WindowSums { width, tile, x, out, buffers: [from, to], factor } = self;
        // The first tile is short, so that the others begin with a line.
        let first = out.as_ptr().align_offset(LINE_BYTES).min(out.len());
        let (first, others) = out.split_at_mut(first);
        let mut start = 0;
        for out in std::iter::once(first).chain(others.chunks_mut(tile)).filter(|out| !out.is_empty()) {
            let under = &x[start..start + out.len() + width - 1];
            let buffers = [&mut *from, &mut *to];
            match factor {
                None => sums_of_tile(width, under, out, buffers, pass, |sum| sum),
                Some(factor) => sums_of_tile(width, under, out, buffers, pass, |sum| sum.times(factor)),
            }
            start += out.len();
        }
    }
}

/// Makes sums of more numbers of sums of fewer.
trait Pass<T>: Copy {
    /// How often sums of so many numbers are doubled in one pass, of so many times that they have to be.
    fn doublings(self, size: usize, times: u32) -> u32;

    /// Doubles sums of this many numbers so often, for as many as `to` has: each is `from[i] + from[i + size]`, these again, and so on. What comes
    /// out goes through `last`.
    fn double(self, from: &[T], size: usize, doublings: u32, to: &mut [T], last: impl Fn(T) -> T);
}

/// `from` and `to` are room for as many numbers as `x` has. Each sum goes through `last`.
#[inline(always)]
fn sums_of_tile<T: Element>(
    width: usize,
    x: &[T],
    out: &mut [T],
    [mut from, mut to]: [&mut [T]; 2],
    pass: impl Pass<T>,
    last: impl Fn(T) -> T,
) {
    let (mut size, mut done) = (1, 0);
    loop {
        let sums = if size == 1 { x } else { &from[..x.len() + 1 - size] };
        if width & size != 0 {
            let next = &sums[done..done + out.len()];
            match done {
                0 => out.copy_from_slice(next),
                _ => out.iter_mut().zip(next).for_each(|(all, next)| *all = all.plus(*next)),
            }
            done += size;
        }
        if done == width {
            return out.iter_mut().for_each(|sum| *sum = last(*sum));
        }
        // Until the next power of two of which the width consists.
        let times = (width / size / 2).trailing_zeros() + 1;
        let doublings = pass.doublings(size, times);
        let larger = size << doublings;
        if larger == width {
            return pass.double(sums, size, doublings, out, last);
        }
        pass.double(sums, size, doublings, &mut to[..x.len() + 1 - larger], |sum| sum);
        std::mem::swap(&mut from, &mut to);
        size = larger;
    }
}

/// One pass for two doublings at most, over slices, as the compiler does it.
#[derive(Clone, Copy)]
struct Slices;

impl<T: Element> Pass<T> for Slices {
    #[inline(always)]
    fn doublings(self, _: usize, times: u32) -> u32 {
        times.min(2)
    }

    #[inline(always)]
    fn double(self, from: &[T], size: usize, doublings: u32, to: &mut [T], last: impl Fn(T) -> T) {
        let len = to.len();
        let part = |at: usize| &from[at * size..at * size + len];
        if doublings == 1 {
            for ((sum, a), b) in to.iter_mut().zip(part(0)).zip(part(1)) {
                *sum = last(a.plus(*b));
            }
        } else {
            let (ab, cd) = (part(0).iter().zip(part(1)), part(2).iter().zip(part(3)));
            for ((sum, (a, b)), (c, d)) in to.iter_mut().zip(ab).zip(cd) {
                *sum = last(a.plus(*b).plus(c.plus(*d)));
            }
        }
    }
}
