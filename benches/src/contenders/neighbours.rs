//! Filters, images and texts without us: loops as they are written first, for the default target and for this processor, and the
//! crates that count bytes.

use super::native::native;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome};
use crate::tasks::neighbours::{BLUR, WIDTH, WINDOW, filtered, inside, of_bytes, of_pixels, taps, weighed};
use crate::tasks::numeric::checksum;

type Ran = Result<Outcome, BoxError>;

#[inline(always)]
fn fir_of(taps: &[f32], x: &[f32], out: &mut [f32]) {
    for (out, under) in out.iter_mut().zip(x.windows(taps.len())) {
        *out = taps.iter().zip(under.iter().rev()).map(|(tap, x)| tap * x).sum();
    }
}

/// A sum that is updated: the fewest operations.
#[inline(always)]
fn averages_of(x: &[f32], out: &mut [f32]) {
    let mut sum: f32 = x[..WINDOW].iter().sum();
    out[0] = sum / WINDOW as f32;
    for at in WINDOW..x.len() {
        sum += x[at] - x[at - WINDOW];
        out[at + 1 - WINDOW] = sum / WINDOW as f32;
    }
}

#[inline(always)]
fn blur_of(image: &[f32], out: &mut [f32]) {
    let height = image.len() / WIDTH;
    for y in 1..height - 1 {
        for x in 1..WIDTH - 1 {
            let mut sum = 0.0;
            for (row, weights) in BLUR.chunks(3).enumerate() {
                let start = (y + row - 1) * WIDTH + x - 1;
                sum +=
                    weights[0] * image[start] + weights[1] * image[start + 1] + weights[2] * image[start + 2];
            }
            out[y * WIDTH + x] = sum;
        }
    }
}

#[inline(always)]
fn histogram_of(bytes: &[u8]) -> [u64; 256] {
    let mut counts = [0; 256];
    bytes.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    counts
}

#[inline(always)]
fn grey_of(rgb: &[u8], grey: &mut [u8]) {
    for (grey, pixel) in grey.iter_mut().zip(rgb.chunks_exact(3)) {
        let [r, g, b] = [u32::from(pixel[0]), u32::from(pixel[1]), u32::from(pixel[2])];
        *grey = ((77 * r + 150 * g + 29 * b + 128) >> 8) as u8;
    }
}

#[inline(always)]
fn count_of(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte == b'\n').count()
}

pub(crate) fn fir(job: &Job) -> Ran {
    filtered(job, 15, |x, out| fir_of(&taps(), x, out), checksum)
}

pub(crate) fn fir_native(job: &Job) -> Ran {
    let taps = taps();
    filtered(
        job,
        15,
        |x, out| {
            native(
                #[inline(always)]
                || fir_of(&taps, x, out),
            )
        },
        checksum,
    )
}

pub(crate) fn averages(job: &Job) -> Ran {
    filtered(job, WINDOW - 1, averages_of, checksum)
}

pub(crate) fn averages_native(job: &Job) -> Ran {
    filtered(
        job,
        WINDOW - 1,
        |x, out| {
            native(
                #[inline(always)]
                || averages_of(x, out),
            )
        },
        checksum,
    )
}

pub(crate) fn blur(job: &Job) -> Ran {
    filtered(job, 0, blur_of, inside)
}

pub(crate) fn blur_native(job: &Job) -> Ran {
    filtered(
        job,
        0,
        |x, out| {
            native(
                #[inline(always)]
                || blur_of(x, out),
            )
        },
        inside,
    )
}

pub(crate) fn histogram(job: &Job) -> Ran {
    of_bytes(job, histogram_of, weighed)
}

pub(crate) fn histogram_native(job: &Job) -> Ran {
    of_bytes(
        job,
        |bytes| {
            native(
                #[inline(always)]
                || histogram_of(bytes),
            )
        },
        weighed,
    )
}

pub(crate) fn grey(job: &Job) -> Ran {
    of_pixels(job, grey_of)
}

pub(crate) fn grey_native(job: &Job) -> Ran {
    of_pixels(job, |rgb, grey| {
        native(
            #[inline(always)]
            || grey_of(rgb, grey),
        )
    })
}

pub(crate) fn count(job: &Job) -> Ran {
    of_bytes(job, count_of, |count| count.to_string())
}

pub(crate) fn count_native(job: &Job) -> Ran {
    of_bytes(
        job,
        |text| {
            native(
                #[inline(always)]
                || count_of(text),
            )
        },
        |count| count.to_string(),
    )
}

/// The crate `bytecount`, which finds out what the processor has.
pub(crate) fn count_bytecount(job: &Job) -> Ran {
    of_bytes(job, |text| bytecount::count(text, b'\n'), |count| count.to_string())
}

/// The crate `memchr`.
pub(crate) fn count_memchr(job: &Job) -> Ran {
    of_bytes(job, |text| memchr::memchr_iter(b'\n', text).count(), |count| count.to_string())
}
