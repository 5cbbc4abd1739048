//! What is written for a live source: the plain loop, and a pool behind channels.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome};
use crate::tasks::paced::{Paced, handle, latencies};
use crossbeam_channel::bounded;

/// Items that may wait in each channel.
const WINDOW: usize = 1_024;

pub(crate) fn sequential(job: &Job) -> Result<Outcome, BoxError> {
    latencies(job.size, |sink| {
        Paced::new(job.size, job.parameter).for_each(|item| sink.take(handle(item)));
        Ok(())
    })
}

/// An item at a time: chunks would wait until they are full.
pub(crate) fn crossbeam(job: &Job) -> Result<Outcome, BoxError> {
    latencies(job.size, |sink| {
        std::thread::scope(|threads| {
            let (feed, fed) = bounded(WINDOW);
            let (finish, finished) = bounded(WINDOW);
            for _ in 0..job.workers {
                let (fed, finish) = (fed.clone(), finish.clone());
                // Sending fails only when nobody drains any more.
                threads.spawn(move || fed.iter().try_for_each(|item| finish.send(handle(item))));
            }
            drop((fed, finish));
            threads.spawn(move || Paced::new(job.size, job.parameter).try_for_each(|item| feed.send(item)));
            finished.iter().for_each(|item| sink.take(item));
            Ok(())
        })
    })
}
