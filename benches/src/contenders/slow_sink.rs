//! A text that comes faster than it is taken, as one writes it with a channel.

use super::ours::memory_limited::HALF;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::memory_group::MemoryGroup;
use crate::tasks::slow::{Digest, Generated};
use std::io::{self, BufRead, BufReader};
use std::sync::mpsc::sync_channel;

/// What is bounded is how many wait, not how large they are.
const WAIT: usize = 10_000;

pub(crate) fn channel(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let (send, receive) = sync_channel(WAIT);
        std::thread::scope(|threads| {
            let reader = threads.spawn(move || -> io::Result<()> {
                for record in BufReader::new(Generated::new(job.size)).split(b'\n') {
                    // Nobody takes them any more: no error of this thread.
                    if send.send(record?).is_err() {
                        break;
                    }
                }
                Ok(())
            });
            let mut digest = Digest::default();
            receive.iter().for_each(|record| digest.add(&record));
            reader.join().map_err(|_| "the reader panicked")??;
            Ok(digest)
        })
    })
}

/// The same in the group of those that are compared with it.
pub(crate) fn plain_loop_in_half(job: &Job) -> Result<Outcome, BoxError> {
    let _group = MemoryGroup::enter(HALF)?;
    plain_loop(job)
}

/// One record after the other, on one thread.
pub(crate) fn plain_loop(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let (mut text, mut record) = (BufReader::new(Generated::new(job.size)), Vec::new());
        let mut digest = Digest::default();
        while text.read_until(b'\n', &mut record)? > 0 {
            digest.add(&record[..record.len() - 1]);
            record.clear();
        }
        Ok(digest)
    })
}
