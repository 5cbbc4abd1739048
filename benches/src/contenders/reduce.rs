//! The peers on a sum: over a range, over a slice, and over an iterator that nobody can split.

use super::rayon::pool;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::costed::{Chunks, chunk, source, window, work};
use crate::tasks::reduced::{answer, value, values};
use crossbeam_channel::bounded;
use rayon::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What threads take at a time, where they take numbers from a counter.
const CLAIM: u64 = 16_384;

pub(crate) fn range_loop(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let each = (0..job.size).map(|index| value(index, job.parameter));
        Ok(answer(each.fold(0, u64::wrapping_add)))
    })
}

pub(crate) fn iterator_loop(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let each = source(job.size).map(|x| work(x, job.parameter));
        Ok(answer(each.fold(0, u64::wrapping_add)))
    })
}

pub(crate) fn slice_loop(job: &Job) -> Result<Outcome, BoxError> {
    let values = values(job.size);
    timed(job.size, || {
        let each = values.iter().map(|x| work(*x, job.parameter));
        Ok(answer(each.fold(0, u64::wrapping_add)))
    })
}

pub(crate) fn rayon_range(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let each = (0..job.size).into_par_iter().map(|index| value(index, job.parameter));
        Ok(answer(pool(job)?.install(|| each.reduce(|| 0, u64::wrapping_add))))
    })
}

pub(crate) fn rayon_slice(job: &Job) -> Result<Outcome, BoxError> {
    let values = values(job.size);
    timed(job.size, || {
        let each = values.par_iter().map(|x| work(*x, job.parameter));
        Ok(answer(pool(job)?.install(|| each.reduce(|| 0, u64::wrapping_add))))
    })
}

pub(crate) fn rayon_bridge(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let rounds = job.parameter;
        let each = Chunks::new(source(job.size), chunk(rounds)).par_bridge().map(|chunk| part(chunk, rounds));
        Ok(answer(pool(job)?.install(|| each.reduce(|| 0, u64::wrapping_add))))
    })
}

fn part(chunk: Vec<u64>, rounds: u64) -> u64 {
    chunk.into_iter().map(|x| work(x, rounds)).fold(0, u64::wrapping_add)
}

/// What one writes by hand for a range: each thread takes the next numbers from a counter.
pub(crate) fn counter(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let next = AtomicU64::new(0);
        Ok(answer(on_threads(job, || {
            let starts = std::iter::from_fn(|| Some(next.fetch_add(CLAIM, Relaxed)));
            let parts = starts.take_while(|start| *start < job.size);
            parts
                .map(|start| {
                    let each = start..(start + CLAIM).min(job.size);
                    each.map(|index| value(index, job.parameter)).fold(0, u64::wrapping_add)
                })
                .fold(0, u64::wrapping_add)
        })))
    })
}

/// And for an iterator: a feeder of chunks, and a channel.
pub(crate) fn crossbeam(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let (feed, fed) = bounded(window(job.workers));
        let (rounds, size) = (job.parameter, job.size);
        std::thread::scope(|threads| {
            threads.spawn(move || {
                Chunks::new(source(size), chunk(rounds)).try_for_each(|chunk| feed.send(chunk))
            });
            Ok(answer(on_threads(job, || {
                fed.iter().map(|chunk| part(chunk, rounds)).fold(0, u64::wrapping_add)
            })))
        })
    })
}

/// The sum of what each of the threads comes to.
fn on_threads(job: &Job, sum: impl Fn() -> u64 + Sync) -> u64 {
    std::thread::scope(|threads| {
        let all: Vec<_> = (0..job.workers).map(|_| threads.spawn(&sum)).collect();
        all.into_iter().map(|one| one.join().expect("a sum does not panic")).fold(0, u64::wrapping_add)
    })
}
