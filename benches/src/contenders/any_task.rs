//! The peers on any task, into one serial sink: chunks made by hand where an item at a time would lose.

use super::rayon::pool;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::costed::{Chunks, Ordered, Unordered, window};
use crate::tasks::skew::{Costly, Costs, Skewed, even_split};
use crate::tasks::task::Task;
use crossbeam_channel::{Receiver, bounded};
use orx_parallel::{IterIntoParIter, IterationOrder, Par};
use pariter::IteratorExt;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The plain loop.
pub(crate) fn sequential<T: Task>(job: &Job) -> Result<Outcome, BoxError> {
    let items = T::items(job.size, job.parameter);
    timed(job.size, || {
        let mut sink = Ordered::default();
        items.for_each(|item| sink.take(T::digest(&T::work(item))));
        Ok(sink.answer())
    })
}

/// `par_bridge` keeps no order: the chunks are numbered, collected and sorted, so that the whole output is in memory.
pub(crate) fn rayon_bridge<T: Task>(job: &Job) -> Result<Outcome, BoxError> {
    let items = T::items(job.size, job.parameter);
    timed(job.size, || {
        let numbered = Chunks::new(items, T::CHUNK).enumerate().par_bridge();
        let mut chunks: Vec<(usize, Vec<T::Out>)> =
            pool(job)?.install(|| numbered.map(|(at, chunk)| (at, done::<T>(chunk))).collect());
        chunks.sort_unstable_by_key(|(at, _)| *at);
        let mut sink = Ordered::default();
        chunks.iter().flat_map(|(_, chunk)| chunk).for_each(|output| sink.take(T::digest(output)));
        Ok(sink.answer())
    })
}

pub(crate) fn rayon_bridge_unordered<T: Task>(job: &Job) -> Result<Outcome, BoxError> {
    let items = T::items(job.size, job.parameter);
    timed(job.size, || {
        let sink = Mutex::new(Unordered::default());
        pool(job)?.install(|| {
            Chunks::new(items, T::CHUNK).par_bridge().for_each(|chunk| {
                let outputs = done::<T>(chunk);
                let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
                outputs.iter().for_each(|output| sink.take(T::digest(output)));
            });
        });
        Ok(sink.into_inner().unwrap_or_else(PoisonError::into_inner).answer())
    })
}

/// Fill a batch, let the pool map it, drain it, again: ordered and in bounded memory, with a barrier each time.
pub(crate) fn rayon_batches<T: Task>(job: &Job) -> Result<Outcome, BoxError> {
    let items = T::items(job.size, job.parameter);
    timed(job.size, || {
        let (mut sink, pool) = (Ordered::default(), pool(job)?);
        for batch in Chunks::new(items, window(job.workers) * T::CHUNK) {
            let outputs: Vec<T::Out> = pool.install(|| batch.into_par_iter().map(T::work).collect());
            outputs.iter().for_each(|output| sink.take(T::digest(output)));
        }
        Ok(sink.answer())
    })
}

pub(crate) fn crossbeam<T: Task>(job: &Job) -> Result<Outcome, BoxError> {
    channels::<T>(job, |finished| {
        let (mut sink, mut next, mut early) = (Ordered::default(), 0, BTreeMap::new());
        for (at, chunk) in finished {
            early.insert(at, chunk);
            while let Some(chunk) = early.remove(&next) {
                chunk.iter().for_each(|output| sink.take(T::digest(output)));
                next += 1;
            }
        }
        sink.answer()
    })
}

pub(crate) fn crossbeam_unordered<T: Task>(job: &Job) -> Result<Outcome, BoxError> {
    channels::<T>(job, |finished| {
        let mut sink = Unordered::default();
        finished.iter().for_each(|(_, chunk)| chunk.iter().for_each(|output| sink.take(T::digest(output))));
        sink.answer()
    })
}

/// A feeder, the workers, and the caller that drains.
fn channels<T: Task>(
    job: &Job,
    drain: impl FnOnce(Receiver<(usize, Vec<T::Out>)>) -> String,
) -> Result<Outcome, BoxError> {
    let items = T::items(job.size, job.parameter);
    timed(job.size, || {
        std::thread::scope(|threads| {
            let (feed, fed) = bounded::<(usize, Vec<T::In>)>(window(job.workers));
            let (finish, finished) = bounded(window(job.workers));
            for _ in 0..job.workers {
                let (fed, finish) = (fed.clone(), finish.clone());
                // Sending fails only when nobody drains any more.
                threads.spawn(move || {
                    fed.iter().try_for_each(|(at, chunk)| finish.send((at, done::<T>(chunk))))
                });
            }
            drop((fed, finish));
            threads.spawn(move || {
                Chunks::new(items, T::CHUNK).enumerate().try_for_each(|numbered| feed.send(numbered))
            });
            Ok(drain(finished))
        })
    })
}

pub(crate) fn pariter<T: Task>(job: &Job) -> Result<Outcome, BoxError> {
    let items = T::items(job.size, job.parameter);
    timed(job.size, || {
        let (mut sink, workers) = (Ordered::default(), job.workers);
        Chunks::new(items, T::CHUNK)
            .parallel_map_custom(|options| options.threads(workers).buffer_size(window(workers)), done::<T>)
            .for_each(|chunk| chunk.iter().for_each(|output| sink.take(T::digest(output))));
        Ok(sink.answer())
    })
}

/// It chooses its chunks itself, and collects all outputs.
pub(crate) fn orx<T: Task>(job: &Job) -> Result<Outcome, BoxError> {
    let items = T::items(job.size, job.parameter);
    timed(job.size, || {
        let outputs: Vec<T::Out> =
            items.iter_into_par().num_threads(job.workers).map(|item| T::work(item)).collect();
        let mut sink = Ordered::default();
        outputs.iter().for_each(|output| sink.take(T::digest(output)));
        Ok(sink.answer())
    })
}

pub(crate) fn orx_unordered<T: Task>(job: &Job) -> Result<Outcome, BoxError> {
    let items = T::items(job.size, job.parameter);
    timed(job.size, || {
        let sink = Mutex::new(Unordered::default());
        items
            .iter_into_par()
            .num_threads(job.workers)
            .iteration_order(IterationOrder::Arbitrary)
            .map(|item| T::digest(&T::work(item)))
            .for_each(|digest| sink.lock().unwrap_or_else(PoisonError::into_inner).take(digest));
        Ok(sink.into_inner().unwrap_or_else(PoisonError::into_inner).answer())
    })
}

fn done<T: Task>(chunk: Vec<T::In>) -> Vec<T::Out> {
    chunk.into_iter().map(T::work).collect()
}

/// All work shared out evenly before the clock runs, by who knows what each item costs. The sink comes after it, on one thread.
pub(crate) fn even_shares<C: Costs>(job: &Job) -> Result<Outcome, BoxError> {
    shares::<C>(job, |outputs| {
        let mut sink = Ordered::default();
        outputs.iter().for_each(|output| sink.take(*output));
        sink.answer()
    })
}

pub(crate) fn even_shares_unordered<C: Costs>(job: &Job) -> Result<Outcome, BoxError> {
    shares::<C>(job, |outputs| {
        let mut sink = Unordered::default();
        outputs.iter().for_each(|output| sink.take(*output));
        sink.answer()
    })
}

fn shares<C: Costs>(job: &Job, answer: impl FnOnce(&[u64]) -> String) -> Result<Outcome, BoxError> {
    let shares = even_split::<C>(job.size, job.workers);
    timed(job.size, || {
        let mut outputs = vec![0; job.size as usize];
        let of = |share: &[(u64, Costly)]| -> Vec<(u64, u64)> {
            share.iter().map(|(index, item)| (*index, Skewed::<C>::work(*item))).collect()
        };
        std::thread::scope(|threads| {
            let of = &of;
            let others: Vec<_> = shares[1..].iter().map(|share| threads.spawn(move || of(share))).collect();
            let first = of(&shares[0]);
            let others = others.into_iter().flat_map(|other| other.join().expect("the work does not panic"));
            first.into_iter().chain(others).for_each(|(index, output)| outputs[index as usize] = output);
        });
        Ok(answer(&outputs))
    })
}
