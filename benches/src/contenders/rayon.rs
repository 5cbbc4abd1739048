//! rayon: the parallel iterators that most Rust programs use. Hand-made chunks, since one item a time loses everywhere.

use super::mapped;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::access_log::{self, hit};
use crate::tasks::costed::{Chunks, Ordered, Unordered, chunk, source, work};
use crate::tasks::panics::{Thrower, outcome};
use crate::tasks::rows::lines;
use crate::tasks::stations::{self, Stats, reading};
use foldhash::fast::RandomState as Foldhash;
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// Items that `batches` collects before it lets the pool at them; larger ones leave the cache, smaller ones pay more barriers.
const BATCH: usize = 4096;

pub(super) fn pool(job: &Job) -> Result<ThreadPool, BoxError> {
    Ok(ThreadPoolBuilder::new().num_threads(job.workers).build()?)
}

/// rayon lets the other half of a `join` end before it hands on a panic.
pub(crate) fn panic_returns(job: &Job) -> Result<Outcome, BoxError> {
    let thrower = Thrower::new(job.size);
    let pool = pool(job)?;
    let all = || (0..job.size).into_par_iter().for_each(|n| _ = thrower.work(n));
    let thrown = catch_unwind(AssertUnwindSafe(|| pool.install(all))).err().ok_or("an item panics")?;
    let at = thrown.downcast::<u64>().map_err(|_| "the payload is the item")?;
    debug_assert_eq!(*at, thrower.at());
    Ok(outcome(job.size, &thrower, *at))
}

/// `par_bridge` keeps no order, so the chunks are numbered, collected and sorted: the whole output is in memory.
pub(crate) fn par_bridge_ordered(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let (rounds, size) = (job.parameter, chunk(job.parameter));
        let mut chunks: Vec<(usize, Vec<u64>)> = pool(job)?.install(|| {
            let numbered = Chunks::new(source(job.size), size).enumerate().par_bridge();
            numbered.map(|(at, chunk)| (at, chunk.into_iter().map(|x| work(x, rounds)).collect())).collect()
        });
        chunks.sort_unstable_by_key(|(at, _)| *at);
        let mut sink = Ordered::default();
        chunks.into_iter().flat_map(|(_, chunk)| chunk).for_each(|x| sink.take(x));
        Ok(sink.answer())
    })
}

pub(crate) fn par_bridge_unordered(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let (rounds, size) = (job.parameter, chunk(job.parameter));
        let sink = Mutex::new(Unordered::default());
        pool(job)?.install(|| {
            Chunks::new(source(job.size), size).par_bridge().for_each(|mut chunk| {
                chunk.iter_mut().for_each(|x| *x = work(*x, rounds));
                let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
                chunk.into_iter().for_each(|x| sink.take(x));
            });
        });
        Ok(sink.into_inner().unwrap_or_else(PoisonError::into_inner).answer())
    })
}

/// Fill a batch, let the pool map it, drain it, again: ordered and in bounded memory, with a barrier each time.
pub(crate) fn batches_ordered(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let mut sink = Ordered::default();
        batches(job, |x| sink.take(x))?;
        Ok(sink.answer())
    })
}

pub(crate) fn batches_unordered(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let mut sink = Unordered::default();
        batches(job, |x| sink.take(x))?;
        Ok(sink.answer())
    })
}

fn batches(job: &Job, mut sink: impl FnMut(u64)) -> Result<(), BoxError> {
    let (rounds, pool) = (job.parameter, pool(job)?);
    for batch in Chunks::new(source(job.size), BATCH) {
        let done: Vec<u64> = pool.install(|| batch.into_par_iter().map(|x| work(x, rounds)).collect());
        done.into_iter().for_each(&mut sink);
    }
    Ok(())
}

/// The obvious fast program: map the file, cut it at newlines, a map for each part, merge.
pub(crate) fn stations_hashmap(job: &Job) -> Result<Outcome, BoxError> {
    stations::<std::hash::RandomState>(job)
}

/// The same with a faster hash.
pub(crate) fn stations_foldhash(job: &Job) -> Result<Outcome, BoxError> {
    stations::<Foldhash>(job)
}

type Stations<H> = HashMap<Vec<u8>, Stats, H>;

fn stations<H: BuildHasher + Default + Send>(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let file = mapped::read_only(job.input()?)?;
        let all = pool(job)?.install(|| {
            mapped::at_newlines(&file)
                .into_par_iter()
                .fold(Stations::<H>::default, |mut part, text| {
                    for reading in lines(text).filter_map(|line| reading(line).ok()) {
                        match part.get_mut(reading.name) {
                            Some(stats) => stats.add(reading.tenths),
                            None => drop(part.insert(reading.name.to_vec(), Stats::of(reading.tenths))),
                        }
                    }
                    part
                })
                .reduce(Stations::default, |mut all, part| {
                    for (name, stats) in part {
                        all.entry(name).and_modify(|known| known.merge(&stats)).or_insert(stats);
                    }
                    all
                })
        });
        Ok(stations::answer(all))
    })
}

type Counts = HashMap<Vec<u8>, HashMap<u16, u64, Foldhash>, Foldhash>;

/// The obvious fast program for the log, with the faster hash.
pub(crate) fn access_log(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let file = mapped::read_only(job.input()?)?;
        let all = pool(job)?.install(|| {
            mapped::at_newlines(&file)
                .into_par_iter()
                .fold(Counts::default, |mut part, text| {
                    for hit in lines(text).filter_map(|line| hit(line).ok()) {
                        match part.get_mut(hit.path) {
                            Some(counts) => *counts.entry(hit.status).or_default() += 1,
                            None => {
                                drop(part.insert(hit.path.to_vec(), HashMap::from_iter([(hit.status, 1)])))
                            }
                        }
                    }
                    part
                })
                .reduce(Counts::default, |mut all, part| {
                    for (path, counts) in part {
                        let known = all.entry(path).or_default();
                        counts
                            .into_iter()
                            .for_each(|(status, count)| *known.entry(status).or_default() += count);
                    }
                    all
                })
        });
        let flat = |(path, counts): (Vec<u8>, HashMap<u16, u64, Foldhash>)| {
            counts.into_iter().map(move |(status, count)| (path.clone(), status, count)).collect::<Vec<_>>()
        };
        Ok(access_log::answer(all.into_iter().flat_map(flat)))
    })
}
