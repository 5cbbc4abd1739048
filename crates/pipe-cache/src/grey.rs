//! From colours to grey.

use crate::simd::Simd;
use pipe_core::kernel::Number;
use pulp::WithSimd;

impl Simd {
    /// The brightness of each pixel of three numbers, red, green and blue: [`Number::luma`], the weights of ITU-R BT.601. White stays white,
    /// black stays black.
    ///
    /// ```
    /// let mut grey = [0_u8; 2];
    /// pipe_cache::Simd::best().grey(&[255, 255, 255, 255, 0, 0], &mut grey);
    /// assert_eq!(grey, [255, 77]);
    /// ```
    ///
    /// # Panics
    /// If there are not three numbers for each one of `grey`.
    pub fn grey<T: Number>(&self, rgb: &[T], grey: &mut [T]) {
        assert_eq!(rgb.len() as u128, 3 * grey.len() as u128, "three numbers for each pixel");
        self.arch().dispatch(Grey { rgb, grey });
    }
}

struct Grey<'b, T> {
    rgb: &'b [T],
    grey: &'b mut [T],
}

impl<T: Number> WithSimd for Grey<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let (pixels, _) = self.rgb.as_chunks::<3>();
        for (grey, [r, g, b]) in self.grey.iter_mut().zip(pixels) {
            *grey = T::luma(*r, *g, *b);
        }
    }
}
