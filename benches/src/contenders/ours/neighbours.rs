//! Filters over neighbours, images, and bytes of a text.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome};
use crate::tasks::neighbours::{BLUR, WIDTH, WINDOW, filtered, inside, of_bytes, of_pixels, taps, weighed};
use crate::tasks::numeric::{checksum, widest};

pub(crate) fn fir(job: &Job) -> Result<Outcome, BoxError> {
    let (simd, taps) = (widest()?, taps());
    filtered(job, 15, |x, out| simd.fir(&taps, x, out), checksum)
}

pub(crate) fn averages(job: &Job) -> Result<Outcome, BoxError> {
    let simd = widest()?;
    filtered(job, WINDOW - 1, |x, out| simd.window_means(WINDOW, x, out), checksum)
}

pub(crate) fn blur(job: &Job) -> Result<Outcome, BoxError> {
    let simd = widest()?;
    filtered(job, 0, |image, out| simd.stencil(&BLUR, WIDTH, image, out), inside)
}

pub(crate) fn histogram(job: &Job) -> Result<Outcome, BoxError> {
    let simd = widest()?;
    of_bytes(job, |bytes| simd.histogram(bytes), weighed)
}

pub(crate) fn grey(job: &Job) -> Result<Outcome, BoxError> {
    let simd = widest()?;
    of_pixels(job, |rgb, grey| simd.grey(rgb, grey))
}

pub(crate) fn count(job: &Job) -> Result<Outcome, BoxError> {
    let simd = widest()?;
    of_bytes(job, |text| simd.count_byte(b'\n', text), |count| count.to_string())
}
