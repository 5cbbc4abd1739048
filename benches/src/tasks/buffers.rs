//! `pool-get-put`: a buffer is got, written to and given back, again and again, on some threads.

use crate::contender::Job;
use std::hint::black_box;
use std::thread;

/// Bytes of a buffer.
pub(crate) const CAPACITY: usize = 4096;

/// Buffers that pools of a fixed size make beforehand.
pub(crate) const READY: usize = 1024;

/// What is done with a buffer. One that was not emptied before shows in the answer.
#[inline(always)]
pub(crate) fn touch(buffer: &mut Vec<u8>, index: u64) -> u64 {
    buffer.push(index as u8);
    black_box(&*buffer);
    buffer.len() as u64 + u64::from(buffer[0])
}

/// Calls `each` with every index below `job.size`, on as many threads as the workload says, and adds up what it returns.
#[inline(always)]
pub(crate) fn on_threads(job: &Job, each: impl Fn(u64) -> u64 + Sync) -> u64 {
    let threads = job.parameter.max(1);
    let part =
        |thread: u64| (job.size * thread / threads..job.size * (thread + 1) / threads).map(&each).sum();
    match threads {
        1 => part(0),
        _ => thread::scope(|scope| {
            let part = &part;
            let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || part(thread))).collect();
            running.into_iter().map(|thread| thread.join().expect("no part panics")).sum::<u64>()
        }),
    }
}
