//! Kernels that make a buffer of another one: filters over neighbours, and bytes of texts and images.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, fastest};
use crate::rng::mix;
use crate::tasks::numeric::{checksum, numbers};
use std::hint::black_box;

const BLOCKS: usize = 25;

/// Pixels in a row.
pub(crate) const WIDTH: usize = 256;

/// Numbers in a window.
pub(crate) const WINDOW: usize = 64;

/// A blur whose sums are exact, in any order.
pub(crate) const BLUR: [f32; 9] = [0.0625, 0.125, 0.0625, 0.125, 0.25, 0.125, 0.0625, 0.125, 0.0625];

/// Sixteen taps, with sums that are exact.
pub(crate) fn taps() -> [f32; 16] {
    std::array::from_fn(|tap| (tap + 1) as f32 / 16.0)
}

/// Calls `kernel(x, out)`, where `out` has so many numbers less than `x`.
pub(crate) fn filtered(
    job: &Job,
    less: usize,
    mut kernel: impl FnMut(&[f32], &mut [f32]),
    answer: impl Fn(&[f32]) -> String,
) -> Result<Outcome, BoxError> {
    let x = numbers(job.parameter as usize, 1);
    let mut out = vec![0.0; x.len() - less];
    let calls = job.size / job.parameter;
    let times = fastest(job.size, BLOCKS, || {
        (0..calls).for_each(|_| kernel(black_box(&x), black_box(&mut out)));
    });
    Ok(times.answered(answer(&out)))
}

/// Without the pixels at the border, of which there are several opinions.
pub(crate) fn inside(image: &[f32]) -> String {
    let rows: Vec<&[f32]> = image.chunks(WIDTH).collect();
    let pixels: Vec<f32> =
        rows[1..rows.len() - 1].iter().flat_map(|row| &row[1..WIDTH - 1]).copied().collect();
    checksum(&pixels)
}

/// Calls a kernel that reads bytes.
pub(crate) fn of_bytes<R>(
    job: &Job,
    mut kernel: impl FnMut(&[u8]) -> R,
    answer: impl Fn(R) -> String,
) -> Result<Outcome, BoxError> {
    let bytes: Vec<u8> = (0..job.parameter).map(|index| mix(index) as u8).collect();
    let first = answer(kernel(&bytes));
    let calls = job.size / job.parameter;
    let times = fastest(job.size, BLOCKS, || {
        (0..calls).for_each(|_| {
            black_box(kernel(black_box(&bytes)));
        });
    });
    Ok(times.answered(first))
}

/// Calls `kernel(rgb, grey)`, with a pixel for each number of the buffer.
pub(crate) fn of_pixels(job: &Job, mut kernel: impl FnMut(&[u8], &mut [u8])) -> Result<Outcome, BoxError> {
    let mut grey = vec![0; job.parameter as usize];
    let rgb: Vec<u8> = (0..3 * job.parameter).map(|index| mix(index) as u8).collect();
    let calls = job.size / job.parameter;
    let times = fastest(job.size, BLOCKS, || {
        (0..calls).for_each(|_| kernel(black_box(&rgb), black_box(&mut grey)));
    });
    Ok(times.answered(weighed(grey.iter().map(|x| u64::from(*x)))))
}

/// Every number counts, and where it is.
pub(crate) fn weighed(numbers: impl IntoIterator<Item = u64>) -> String {
    let weighed = numbers.into_iter().enumerate().map(|(index, x)| x * (index as u64 % 1024 + 1));
    weighed.sum::<u64>().to_string()
}
