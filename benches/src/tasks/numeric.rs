//! The set `cache`: kernels over one buffer of `f32`, again and again, and what they make of a number.
//!
//! The workload's parameter is how many numbers the buffer has, its size how many are handled between two looks at the clock.
//! The fastest of many such blocks counts: others use the machine too, and what is measured takes microseconds.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, fastest, fastest_of};
use crate::rng::mix;
use pipe_cache::{AlignedVec, Level};
use pipe_core::Event;
use std::hint::black_box;

/// Numbers repeat after so many: enough that no branch predictor learns them.
const PERIOD: usize = 1 << 16;

/// Blocks that are timed, unless they take long.
const BLOCKS: usize = 25;

/// The same, of one short call each.
const MANY_BLOCKS: usize = 300;

/// Less than 4 in magnitude, with 16 places behind the point: sums of a few are exact, in any order.
pub(crate) fn number(index: usize, seed: u64) -> f32 {
    let bits = mix((index % PERIOD) as u64 + seed) % 64;
    (bits as f32 - 31.5) / 16.0
}

/// A buffer in whole cache lines, with huge pages where it is large: the same for all that are written in Rust.
pub(crate) fn numbers(len: usize, seed: u64) -> AlignedVec<f32> {
    let period: Vec<f32> = (0..PERIOD.min(len)).map(|index| number(index, seed)).collect();
    let mut all = AlignedVec::with_capacity(len);
    while all.len() < len {
        all.extend_from_slice(&period[..period.len().min(len - all.len())]);
    }
    all
}

#[inline(always)]
pub(crate) fn polynomial(x: f32) -> f32 {
    ((((0.0625 * x - 0.125) * x + 0.1875) * x - 0.25) * x + 0.375) * x + 0.5
}

#[inline(always)]
pub(crate) fn chain5(x: f32) -> f32 {
    let x = (x - 0.25) * 0.5;
    let x = x.abs() + 0.5;
    bounded(x, 0.25, 0.875)
}

#[inline(always)]
pub(crate) fn normalised(x: f32) -> f32 {
    bounded((x - 0.125) * 1.5, -3.0, 3.0)
}

#[inline(always)]
fn bounded(x: f32, low: f32, high: f32) -> f32 {
    let x = if x > high { high } else { x };
    if x < low { low } else { x }
}

/// The factor of `axpy`, which changes its sign with each call: so the numbers stay small.
pub(crate) fn factor(call: u64) -> f32 {
    if call.is_multiple_of(2) { 0.5 } else { -0.5 }
}

/// The answer is of the first call. Calls a kernel on what it made before. It has to be one whose numbers stay in their range.
pub(crate) fn in_place(job: &Job, mut kernel: impl FnMut(&mut [f32])) -> Result<Outcome, BoxError> {
    let mut x = numbers(job.parameter as usize, 1);
    kernel(&mut x);
    let first = checksum(&x);
    let calls = job.size / job.parameter;
    let times = fastest(job.size, BLOCKS, || (0..calls).for_each(|_| kernel(black_box(&mut x))));
    Ok(times.answered(first))
}

/// Calls `kernel(call, x, y)`, which changes `y`.
pub(crate) fn on_two(job: &Job, kernel: impl FnMut(u64, &[f32], &mut [f32])) -> Result<Outcome, BoxError> {
    let (x, mut y) = (numbers(job.parameter as usize, 1), numbers(job.parameter as usize, 2));
    on_these(job, kernel, &x, &mut y)
}

/// The same with buffers that begin four bytes behind the begin of a line.
pub(crate) fn on_two_unaligned(
    job: &Job,
    kernel: impl FnMut(u64, &[f32], &mut [f32]),
) -> Result<Outcome, BoxError> {
    let shifted = |seed| {
        let mut all: AlignedVec<f32> = [0.0].into_iter().collect();
        all.extend_from_slice(&numbers(job.parameter as usize, seed));
        all
    };
    let (x, mut y) = (shifted(1), shifted(2));
    on_these(job, kernel, &x[1..], &mut y[1..])
}

fn on_these(
    job: &Job,
    mut kernel: impl FnMut(u64, &[f32], &mut [f32]),
    x: &[f32],
    y: &mut [f32],
) -> Result<Outcome, BoxError> {
    kernel(0, x, y);
    let first = checksum(y);
    let (calls, mut call) = (job.size / job.parameter, 0);
    let times = fastest(job.size, BLOCKS, || {
        (0..calls).for_each(|_| {
            call += 1;
            kernel(call, black_box(x), black_box(&mut *y));
        });
    });
    Ok(times.answered(first))
}

/// Numbers in a block of those that a pipeline works on: 256 KiB, which stay in the second level of the cache of a worker.
pub(crate) const BLOCK: usize = 1 << 16;

/// Calls `run(call, blocks)`, which gives the blocks back, each changed: all together they are the buffer of [`numbers`].
pub(crate) fn in_blocks(
    job: &Job,
    seed: u64,
    mut run: impl FnMut(u64, Vec<Vec<f32>>) -> Result<Vec<Vec<f32>>, BoxError>,
) -> Result<Outcome, BoxError> {
    let blocks = numbers(job.parameter as usize, seed).chunks(BLOCK).map(<[f32]>::to_vec).collect();
    let mut held = run(0, blocks)?;
    let (first, mut failed) = (checksum_of(held.iter().flatten()), None);
    let (calls, mut call) = (job.size / job.parameter, 0);
    let times = fastest(job.size, BLOCKS, || {
        for _ in 0..calls {
            call += 1;
            match run(call, std::mem::take(&mut held)) {
                Ok(blocks) => held = blocks,
                Err(error) => failed = Some(error),
            }
        }
    });
    failed.map_or_else(|| Ok(times.answered(first)), Err)
}

/// Calls a kernel that reads two buffers, of which it may leave one aside, and has one result.
pub(crate) fn reduced<R>(
    job: &Job,
    mut kernel: impl FnMut(&[f32], &[f32]) -> R,
    answer: impl Fn(R) -> String,
) -> Result<Outcome, BoxError> {
    let (x, y) = (numbers(job.parameter as usize, 1), numbers(job.parameter as usize, 2));
    let first = answer(kernel(&x, &y));
    let calls = job.size / job.parameter;
    let times = fastest(job.size, BLOCKS, || {
        (0..calls).for_each(|_| {
            black_box(kernel(black_box(&x), black_box(&y)));
        });
    });
    Ok(times.answered(first))
}

/// Sums of so many numbers are exact, those of products to the fifth digit. Of more the order of additions shows: then the mean is told.
const EXACT: u64 = 1 << 24;

/// A sum with all its digits, or the mean.
pub(crate) fn total(job: &Job, sum: impl Into<f64>) -> String {
    if job.parameter <= EXACT { format!("{:.8}", sum.into()) } else { mean_of(job, sum, 4) }
}

/// A sum of products, told for each number.
pub(crate) fn per_number(job: &Job, sum: impl Into<f64>) -> String {
    mean_of(job, sum, if job.parameter <= EXACT { 6 } else { 4 })
}

fn mean_of(job: &Job, sum: impl Into<f64>, digits: usize) -> String {
    format!("{:.digits$}", sum.into() / job.parameter as f64)
}

/// The least and the greatest.
pub(crate) fn ends((low, high): (f32, f32)) -> String {
    format!("{low:.8} {high:.8}")
}

/// Calls a kernel that changes a vector, once for each block, always on the same numbers: putting them back takes no time.
pub(crate) fn restored(
    job: &Job,
    mut kernel: impl FnMut(&mut Vec<f32>),
    answer: impl Fn(&[f32]) -> String,
) -> Result<Outcome, BoxError> {
    let x = numbers(job.parameter as usize, 1);
    let mut y = x.to_vec();
    kernel(&mut y);
    let first = answer(&y);
    let restore = |y: &mut Vec<f32>| {
        y.clear();
        y.extend_from_slice(&x);
    };
    let times = fastest_of(job.size, MANY_BLOCKS, &mut y, restore, |y| kernel(black_box(y)));
    Ok(times.answered(first))
}

/// Every bit of every number counts, and where it is.
pub(crate) fn checksum(numbers: &[f32]) -> String {
    checksum_of(numbers)
}

fn checksum_of<'n>(numbers: impl IntoIterator<Item = &'n f32>) -> String {
    let weighed = |(index, x): (usize, &f32)| u64::from(x.to_bits()).wrapping_mul(index as u64 % 1024 + 1);
    let sum = numbers.into_iter().enumerate().map(weighed).fold(0, u64::wrapping_add);
    format!("{sum:016x}")
}

/// The mean to three places: of functions that may differ in their last bits.
pub(crate) fn mean(numbers: &[f32]) -> String {
    let sum: f64 = numbers.iter().map(|x| f64::from(*x)).sum();
    format!("{:.3}", sum / numbers.len() as f64)
}

/// The mean of many scores, whose last digits depend on the order of additions.
pub(crate) fn scored(sum: f64, count: u64) -> String {
    format!("{:.3}", sum / count as f64)
}

/// Copies as many bytes as a kernel moves for each number: the yardstick. It reads as much as it writes, and says what the plain loop
/// says.
pub(crate) fn copied(
    job: &Job,
    bytes_per_number: usize,
    plain: impl Fn(&Job) -> Result<Outcome, BoxError>,
) -> Result<Outcome, BoxError> {
    // No block of calls: the answer is of a call before these.
    let once = plain(&Job { size: 0, ..job.clone() })?;
    let len = (job.parameter as usize * bytes_per_number).div_ceil(2 * size_of::<f32>());
    let (mut from, mut to) = (numbers(len, 1), numbers(len, 2));
    let calls = job.size / job.parameter;
    let times = fastest(job.size, BLOCKS, || {
        (0..calls).for_each(|_| copy(black_box(&from), black_box(&mut to), job.workers));
        std::mem::swap(&mut from, &mut to);
    });
    Ok(times.answered(once.answer))
}

/// On so many threads, each of which has its part; one is the caller.
fn copy(from: &[f32], to: &mut [f32], threads: usize) {
    let part = from.len().div_ceil(threads.max(1));
    std::thread::scope(|scope| {
        let mut parts = from.chunks(part).zip(to.chunks_mut(part));
        let first = parts.next();
        parts.for_each(|(from, to)| _ = scope.spawn(|| to.copy_from_slice(from)));
        first.into_iter().for_each(|(from, to)| to.copy_from_slice(from));
    });
}

/// Fails unless the run says that its kernels were computed with the widest instructions.
pub(crate) fn tiled_with_widest<T>(report: pipe_core::Report<T>) -> Result<T, BoxError> {
    let level = widest()?.level().to_string();
    let tiled = |event: &Event| matches!(event, Event::Kernels { with, .. } if with.starts_with(&level));
    match report.events.iter().any(tiled) {
        true => Ok(report.value),
        false => Err(format!("no kernels were tiled with {level}: {:?}", report.events).into()),
    }
}

/// Fails where ours would not compute with the widest instructions that the processor has: nothing else but the clock would say so.
pub(crate) fn widest() -> Result<pipe_cache::Simd, BoxError> {
    let simd = pipe_cache::Simd::best();
    #[cfg(target_arch = "x86_64")]
    let expected = match (is_x86_feature_detected!("avx512bw"), is_x86_feature_detected!("avx2")) {
        (true, _) => Level::V4,
        (false, true) => Level::V3,
        (false, false) => Level::Scalar,
    };
    #[cfg(not(target_arch = "x86_64"))]
    let expected = Level::best();
    if simd.level() != expected {
        return Err(format!("computed with {}, and not with {expected}", simd.level()).into());
    }
    Ok(simd)
}
