//! Weighted sums over the neighbours of each pixel.

use crate::element::Element;
use crate::reduce::Lanes;
use crate::simd::Simd;
use pulp::WithSimd;
use pulp::bytemuck::cast_slice;

impl Simd {
    /// Makes of each pixel the sum of itself and its eight neighbours, each times its weight: blur, sharpen, the slopes of Sobel. Weights and
    /// pixels are in rows, from the upper left; beyond the border the pixel at the border is repeated. Products and sums are rounded one by
    /// one, in the order of the weights: the same bits on every level.
    ///
    /// ```
    /// let mut slopes = [0; 6];
    /// let sobel = [-1, 0, 1, -2, 0, 2, -1, 0, 1];
    /// pipe_cache::Simd::best().stencil(&sobel, 3, &[0, 0, 9, 0, 0, 9], &mut slopes);
    /// assert_eq!(slopes, [0, 36, 36, 0, 36, 36]);
    /// ```
    ///
    /// # Panics
    /// If `out` has not as many pixels as the image, or these are no whole rows of `width` pixels.
    pub fn stencil<T: Element>(&self, weights: &[T; 9], width: usize, image: &[T], out: &mut [T]) {
        assert_eq!(image.len(), out.len(), "an image of another size");
        assert!(image.is_empty() || width > 0 && image.len().is_multiple_of(width), "rows of {width} pixels");
        if !image.is_empty() {
            T::stencil_on(self.arch(), Stencil { weights, width, image, out });
        }
    }
}

#[derive(Debug)]
pub struct Stencil<'b, T> {
    weights: &'b [T; 9],
    width: usize,
    image: &'b [T],
    out: &'b mut [T],
}

/// Row by row, as the compiler does it.
impl<T: Element> WithSimd for Stencil<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let Stencil { weights, width, image, out } = self;
        let height = image.len() / width;
        for (y, out) in out.chunks_exact_mut(width).enumerate() {
            let [above, here, below] = rows_at(image, width, height, y);
            border(weights, [above, here, below], 0, out);
            border(weights, [above, here, below], width - 1, out);
            inner(*weights, above, here, below, out);
        }
    }
}

/// The rows `y - 1` and so on, as many as are asked for; what is beyond the image is its first or last row.
#[inline(always)]
fn rows_at<T, const N: usize>(image: &[T], width: usize, height: usize, y: usize) -> [&[T]; N] {
    std::array::from_fn(|at| {
        let y = (y + at).saturating_sub(1).min(height - 1);
        &image[y * width..(y + 1) * width]
    })
}

/// Two rows at a time, so that what is read of the rows between them is used for both, and registers at a time: a loop over known numbers
/// of pixels the compiler unrolls, and then no longer makes vectors of it.
pub(crate) struct InRegisters<'b, T>(pub(crate) Stencil<'b, T>);

impl<T: Lanes + Element> WithSimd for InRegisters<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, simd: S) {
        let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
        let Stencil { weights, width, image, out } = self.0;
        if lanes == 1 || width < lanes + 2 {
            return Stencil { weights, width, image, out }.with_simd(simd);
        }
        let height = image.len() / width;
        let splats = weights.map(|weight| T::splat(simd, weight));
        let mut pairs = out.chunks_exact_mut(2 * width);
        for (pair, out) in pairs.by_ref().enumerate() {
            let rows: [&[T]; 4] = rows_at(image, width, height, 2 * pair);
            two_rows::<S, T>(simd, &splats, rows, out);
            for (at, out) in out.chunks_exact_mut(width).enumerate() {
                let rows = [rows[at], rows[at + 1], rows[at + 2]];
                border(weights, rows, 0, out);
                border(weights, rows, width - 1, out);
            }
        }
        let last = pairs.into_remainder();
        if !last.is_empty() {
            let [above, here, below] = rows_at(image, width, height, height - 1);
            border(weights, [above, here, below], 0, last);
            border(weights, [above, here, below], width - 1, last);
            inner(*weights, above, here, below, last);
        }
    }
}

/// All but the first and the last pixels of two rows, of which there are more than a register has. The last register begins so that it ends
/// with the row: some pixels are computed twice.
#[inline(always)]
fn two_rows<S: pulp::Simd, T: Lanes>(simd: S, weights: &[T::Vector<S>; 9], rows: [&[T]; 4], out: &mut [T]) {
    let lanes = size_of::<T::Vector<S>>() / size_of::<T>();
    let (upper, lower) = out.split_at_mut(rows[0].len());
    let last = rows[0].len() - 2 - lanes;
    let mut at = 0;
    loop {
        let row = |row: usize| -> [T::Vector<S>; 3] {
            std::array::from_fn(|column| T::vectors::<S>(&rows[row][at + column..at + column + lanes])[0])
        };
        let (first, second, third, fourth) = (row(0), row(1), row(2), row(3));
        upper[at + 1..at + 1 + lanes].copy_from_slice(cast_slice(&[weighed::<S, T>(
            simd,
            weights,
            [first, second, third],
        )]));
        lower[at + 1..at + 1 + lanes].copy_from_slice(cast_slice(&[weighed::<S, T>(
            simd,
            weights,
            [second, third, fourth],
        )]));
        if at == last {
            return;
        }
        at = (at + lanes).min(last);
    }
}

/// The sum of the products, in the order of the weights.
#[inline(always)]
fn weighed<S: pulp::Simd, T: Lanes>(
    simd: S,
    weights: &[T::Vector<S>; 9],
    pixels: [[T::Vector<S>; 3]; 3],
) -> T::Vector<S> {
    let mut sum = T::mul(simd, weights[0], pixels[0][0]);
    for at in 1..9 {
        sum = T::add(simd, sum, T::mul(simd, weights[at], pixels[at / 3][at % 3]));
    }
    sum
}

/// One pixel, with neighbours that may not be there.
#[inline(always)]
fn border<T: Element>(weights: &[T; 9], rows: [&[T]; 3], x: usize, out: &mut [T]) {
    let columns = [x.saturating_sub(1), x, (x + 1).min(out.len() - 1)];
    let product = |at: usize| weights[at].times(rows[at / 3][columns[at % 3]]);
    out[x] = (1..9).fold(product(0), |sum, at| sum.plus(product(at)));
}

/// All but the first and the last pixel of a row: nine slices of the same length, so that no access has to be checked. The rows are
/// arguments of their own, because of those the compiler knows that `out` is none of them.
#[inline(always)]
fn inner<T: Element>(w: [T; 9], above: &[T], here: &[T], below: &[T], out: &mut [T]) {
    let Some(count) = out.len().checked_sub(2) else { return };
    let [a0, a1, a2] = [&above[..count], &above[1..1 + count], &above[2..2 + count]];
    let [b0, b1, b2] = [&here[..count], &here[1..1 + count], &here[2..2 + count]];
    let [c0, c1, c2] = [&below[..count], &below[1..1 + count], &below[2..2 + count]];
    for (at, out) in out[1..=count].iter_mut().enumerate() {
        let sum = w[0].times(a0[at]).plus(w[1].times(a1[at])).plus(w[2].times(a2[at]));
        let sum = sum.plus(w[3].times(b0[at])).plus(w[4].times(b1[at])).plus(w[5].times(b2[at]));
        *out = sum.plus(w[6].times(c0[at])).plus(w[7].times(c1[at])).plus(w[8].times(c2[at]));
    }
}
