//! From colours to grey.

use crate::simd::Simd;
use pulp::WithSimd;

impl Simd {
    /// The brightness of each pixel of three bytes, red, green and blue: `(77 r + 150 g + 29 b + 128) / 256`, the weights of ITU-R BT.601
    /// in 256ths. White stays white, black stays black.
    ///
    /// ```
    /// let mut grey = [0; 2];
    /// pipe_cache::Simd::best().grey(&[255, 255, 255, 255, 0, 0], &mut grey);
    /// assert_eq!(grey, [255, 77]);
    /// ```
    ///
    /// # Panics
    /// If there are not three bytes for each byte of `grey`.
    pub fn grey(&self, rgb: &[u8], grey: &mut [u8]) {
        assert_eq!(rgb.len() as u128, 3 * grey.len() as u128, "three bytes for each pixel");
        self.arch().dispatch(Grey { rgb, grey });
    }
}

struct Grey<'b> {
    rgb: &'b [u8],
    grey: &'b mut [u8],
}

impl WithSimd for Grey<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) {
        let (pixels, _) = self.rgb.as_chunks::<3>();
        for (grey, [r, g, b]) in self.grey.iter_mut().zip(pixels) {
            // 16 bits have room for it: 256 * 255 + 128.
            let sum = 77 * u16::from(*r) + 150 * u16::from(*g) + 29 * u16::from(*b) + 128;
            *grey = (sum >> 8) as u8;
        }
    }
}
