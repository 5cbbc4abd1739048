//! The peers on word frequencies: a table for each worker, and all of them merged.

use super::rayon::pool;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::blocks::{Frequencies, answer, blocks, count, merge};
use crossbeam_channel::bounded;
use rayon::prelude::*;

pub(crate) fn sequential(job: &Job) -> Result<Outcome, BoxError> {
    let blocks = blocks(job.size, job.parameter);
    timed(job.size, || {
        let mut all = Frequencies::default();
        blocks.for_each(|block| count(&mut all, &block));
        Ok(answer(&all))
    })
}

pub(crate) fn rayon(job: &Job) -> Result<Outcome, BoxError> {
    let blocks = blocks(job.size, job.parameter);
    timed(job.size, || {
        let all = pool(job)?.install(|| {
            let tables = blocks.par_bridge().fold(Frequencies::default, |mut part, block| {
                count(&mut part, &block);
                part
            });
            tables.reduce(Frequencies::default, |mut all, part| {
                merge(&mut all, part);
                all
            })
        });
        Ok(answer(&all))
    })
}

pub(crate) fn crossbeam(job: &Job) -> Result<Outcome, BoxError> {
    let blocks = blocks(job.size, job.parameter);
    timed(job.size, || {
        let (feed, fed) = bounded::<Vec<u8>>(4 * job.workers);
        let table = || {
            fed.iter().fold(Frequencies::default(), |mut part, block| {
                count(&mut part, &block);
                part
            })
        };
        let all = std::thread::scope(|threads| {
            threads.spawn(move || {
                let mut blocks = blocks;
                blocks.try_for_each(|block| feed.send(block))
            });
            let parts: Vec<_> = (0..job.workers).map(|_| threads.spawn(table)).collect();
            parts.into_iter().fold(Frequencies::default(), |mut all, part| {
                merge(&mut all, part.join().expect("counting does not panic"));
                all
            })
        });
        Ok(answer(&all))
    })
}
