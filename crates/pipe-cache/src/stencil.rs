//! Weighted sums over the neighbours of each pixel.

use crate::element::Element;
use crate::simd::Simd;
use pulp::WithSimd;

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
            self.arch().dispatch(Stencil { weights, width, image, out });
        }
    }
}

struct Stencil<'b, T> {
    weights: &'b [T; 9],
    width: usize,
    image: &'b [T],
    out: &'b mut [T],
}

impl<T: Element> WithSimd for Stencil<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let Stencil { weights, width, image, out } = self;
        let height = image.len() / width;
        let row = |y: usize| &image[y * width..(y + 1) * width];
        for (y, out) in out.chunks_exact_mut(width).enumerate() {
            let rows = [row(y.saturating_sub(1)), row(y), row((y + 1).min(height - 1))];
            border(weights, rows, 0, out);
            border(weights, rows, width - 1, out);
            inner(*weights, rows[0], rows[1], rows[2], out);
        }
    }
}

/// One pixel, with neighbours that may not be there.
#[inline(always)]
fn border<T: Element>(weights: &[T; 9], rows: [&[T]; 3], x: usize, out: &mut [T]) {
    let columns = [x.saturating_sub(1), x, (x + 1).min(out.len() - 1)];
    let pixels = rows.iter().flat_map(|row| columns.map(|x| row[x]));
    let products = weights.iter().zip(pixels).map(|(weight, pixel)| weight.times(pixel));
    out[x] = products.reduce(T::plus).unwrap_or_default();
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
