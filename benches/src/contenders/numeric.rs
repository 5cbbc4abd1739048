//! Numeric kernels without us: loops as they are written first, compiled for the default target and for this processor, ndarray, and
//! copies as a yardstick.

use super::native::native;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome};
use crate::tasks::numeric::{
    chain5, checksum, copied, ends, factor, in_place, mean, normalised, on_two, per_number, polynomial,
    reduced, restored, total,
};
use ndarray::{ArrayView1, ArrayViewMut1};

type Ran = Result<Outcome, BoxError>;

#[inline(always)]
fn each(numbers: &mut [f32], f: impl Fn(f32) -> f32) {
    for x in numbers {
        *x = f(*x);
    }
}

#[inline(always)]
fn axpy_of(a: f32, x: &[f32], y: &mut [f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += a * *x;
    }
}

#[inline(always)]
fn dot_of(x: &[f32], y: &[f32]) -> f32 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

#[inline(always)]
fn range_of(x: &[f32]) -> (f32, f32) {
    let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
    for x in x {
        low = if *x < low { *x } else { low };
        high = if *x > high { *x } else { high };
    }
    (low, high)
}

#[inline(always)]
fn to_the_front(x: &mut [f32]) -> usize {
    let mut kept = 0;
    for at in 0..x.len() {
        x[kept] = x[at];
        kept += usize::from(x[at] > 0.0);
    }
    kept
}

fn plain(job: &Job, f: impl Fn(f32) -> f32) -> Ran {
    in_place(job, |x| each(x, &f))
}

fn on_native(job: &Job, f: impl Fn(f32) -> f32) -> Ran {
    in_place(job, |x| {
        native(
            #[inline(always)]
            || each(x, &f),
        );
    })
}

fn on_ndarray(job: &Job, f: impl Fn(f32) -> f32) -> Ran {
    in_place(job, |x| ArrayViewMut1::from(x).mapv_inplace(&f))
}

pub(crate) fn axpy(job: &Job) -> Ran {
    on_two(job, |call, x, y| axpy_of(factor(call), x, y))
}

pub(crate) fn axpy_native(job: &Job) -> Ran {
    on_two(job, |call, x, y| {
        native(
            #[inline(always)]
            || axpy_of(factor(call), x, y),
        );
    })
}

pub(crate) fn axpy_ndarray(job: &Job) -> Ran {
    on_two(job, |call, x, y| {
        ArrayViewMut1::from(y).scaled_add(factor(call), &ArrayView1::from(x));
    })
}

pub(crate) fn axpy_copied(job: &Job) -> Ran {
    copied(job, 12, axpy)
}

pub(crate) fn polynomial_plain(job: &Job) -> Ran {
    plain(job, polynomial)
}

pub(crate) fn polynomial_native(job: &Job) -> Ran {
    on_native(job, polynomial)
}

pub(crate) fn polynomial_ndarray(job: &Job) -> Ran {
    on_ndarray(job, polynomial)
}

pub(crate) fn polynomial_copied(job: &Job) -> Ran {
    copied(job, 8, polynomial_plain)
}

pub(crate) fn chain5_plain(job: &Job) -> Ran {
    plain(job, chain5)
}

pub(crate) fn chain5_native(job: &Job) -> Ran {
    on_native(job, chain5)
}

pub(crate) fn chain5_ndarray(job: &Job) -> Ran {
    on_ndarray(job, chain5)
}

pub(crate) fn chain5_copied(job: &Job) -> Ran {
    copied(job, 8, chain5_plain)
}

pub(crate) fn normalised_plain(job: &Job) -> Ran {
    plain(job, normalised)
}

pub(crate) fn normalised_native(job: &Job) -> Ran {
    on_native(job, normalised)
}

pub(crate) fn normalised_ndarray(job: &Job) -> Ran {
    on_ndarray(job, normalised)
}

pub(crate) fn normalised_copied(job: &Job) -> Ran {
    copied(job, 8, normalised_plain)
}

pub(crate) fn sum(job: &Job) -> Ran {
    reduced(job, |x, _| x.iter().sum::<f32>(), |sum| total(job, sum))
}

pub(crate) fn sum_native(job: &Job) -> Ran {
    reduced(
        job,
        |x, _| {
            native(
                #[inline(always)]
                || x.iter().sum::<f32>(),
            )
        },
        |sum| total(job, sum),
    )
}

pub(crate) fn sum_ndarray(job: &Job) -> Ran {
    reduced(job, |x, _| ArrayView1::from(x).sum(), |sum| total(job, sum))
}

pub(crate) fn sum_copied(job: &Job) -> Ran {
    copied(job, 4, sum)
}

pub(crate) fn dot(job: &Job) -> Ran {
    reduced(job, dot_of, |sum| per_number(job, sum))
}

pub(crate) fn dot_native(job: &Job) -> Ran {
    reduced(
        job,
        |x, y| {
            native(
                #[inline(always)]
                || dot_of(x, y),
            )
        },
        |sum| per_number(job, sum),
    )
}

pub(crate) fn dot_ndarray(job: &Job) -> Ran {
    reduced(job, |x, y| ArrayView1::from(x).dot(&ArrayView1::from(y)), |sum| per_number(job, sum))
}

pub(crate) fn dot_copied(job: &Job) -> Ran {
    copied(job, 8, dot)
}

pub(crate) fn range(job: &Job) -> Ran {
    reduced(job, |x, _| range_of(x), ends)
}

pub(crate) fn range_native(job: &Job) -> Ran {
    reduced(
        job,
        |x, _| {
            native(
                #[inline(always)]
                || range_of(x),
            )
        },
        ends,
    )
}

pub(crate) fn range_copied(job: &Job) -> Ran {
    copied(job, 4, range)
}

pub(crate) fn exp(job: &Job) -> Ran {
    restored(job, |x| each(x, f32::exp), mean)
}

pub(crate) fn sigmoid(job: &Job) -> Ran {
    restored(job, |x| each(x, |x| 1.0 / (1.0 + (-x).exp())), mean)
}

pub(crate) fn compact(job: &Job) -> Ran {
    restored(job, |x| x.retain(|x| *x > 0.0), checksum)
}

/// As `Vec::retain`, without a branch.
pub(crate) fn compact_native(job: &Job) -> Ran {
    restored(
        job,
        |x| {
            let kept = native(
                #[inline(always)]
                || to_the_front(x),
            );
            x.truncate(kept);
        },
        checksum,
    )
}
