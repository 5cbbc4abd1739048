//! crossbeam channels: the pool that one writes by hand. A feeder cuts chunks, workers map them, the caller puts them
//! back in order.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::costed::{Chunks, Ordered, Unordered, chunk, source, window, work};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::collections::BTreeMap;

/// A chunk and its number.
type Numbered = (usize, Vec<u64>);

pub(crate) fn pool_ordered(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let mut sink = Ordered::default();
        pool(job, |done| {
            let (mut next, mut early) = (0, BTreeMap::new());
            for (at, chunk) in done {
                early.insert(at, chunk);
                while let Some(chunk) = early.remove(&next) {
                    chunk.into_iter().for_each(|x| sink.take(x));
                    next += 1;
                }
            }
        });
        Ok(sink.answer())
    })
}

pub(crate) fn pool_unordered(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let mut sink = Unordered::default();
        pool(job, |done| done.into_iter().flat_map(|(_, chunk)| chunk).for_each(|x| sink.take(x)));
        Ok(sink.answer())
    })
}

fn pool(job: &Job, drain: impl FnOnce(Receiver<Numbered>)) {
    let (rounds, size) = (job.parameter, chunk(job.parameter));
    std::thread::scope(|threads| {
        let (feed, fed) = bounded::<Numbered>(window(job.workers));
        let (finish, finished) = bounded::<Numbered>(window(job.workers));
        for _ in 0..job.workers {
            let (fed, finish) = (fed.clone(), finish.clone());
            threads.spawn(move || map(&fed, &finish, rounds));
        }
        drop((fed, finish));
        threads.spawn(move || {
            // Sending fails only when all workers are gone, which ends the feeder as well.
            Chunks::new(source(job.size), size).enumerate().try_for_each(|numbered| feed.send(numbered))
        });
        drain(finished);
    });
}

fn map(fed: &Receiver<Numbered>, finish: &Sender<Numbered>, rounds: u64) {
    for (at, mut chunk) in fed {
        chunk.iter_mut().for_each(|x| *x = work(*x, rounds));
        if finish.send((at, chunk)).is_err() {
            return;
        }
    }
}
