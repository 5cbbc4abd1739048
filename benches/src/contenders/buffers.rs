//! Buffers from the pools of others, from a vector behind a lock, and new each time.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::buffers::{CAPACITY, READY, on_threads, touch};
use std::sync::Mutex;

fn buffer() -> Vec<u8> {
    Vec::with_capacity(CAPACITY)
}

/// The crate `object-pool`.
pub(crate) fn object_pool(job: &Job) -> Result<Outcome, BoxError> {
    let pool = object_pool::Pool::new(READY, buffer);
    timed(job.size, || {
        Ok(on_threads(job, |index| {
            let mut buffer = pool.pull(buffer);
            let seen = touch(&mut buffer, index);
            buffer.clear();
            seen
        }))
    })
}

struct Buffers;

impl opool::PoolAllocator<Vec<u8>> for Buffers {
    fn allocate(&self) -> Vec<u8> {
        buffer()
    }

    fn reset(&self, buffer: &mut Vec<u8>) {
        buffer.clear();
    }
}

/// The crate `opool`.
pub(crate) fn opool(job: &Job) -> Result<Outcome, BoxError> {
    let pool = opool::Pool::new_prefilled(READY, Buffers);
    timed(job.size, || Ok(on_threads(job, |index| touch(&mut pool.get(), index))))
}

/// The pool that is written first.
pub(crate) fn mutex_vec(job: &Job) -> Result<Outcome, BoxError> {
    let pool: Mutex<Vec<Vec<u8>>> = Mutex::new((0..READY).map(|_| buffer()).collect());
    timed(job.size, || {
        Ok(on_threads(job, |index| {
            let spare = pool.lock().expect("no panic").pop();
            let mut buffer = spare.unwrap_or_else(buffer);
            let seen = touch(&mut buffer, index);
            buffer.clear();
            pool.lock().expect("no panic").push(buffer);
            seen
        }))
    })
}

/// No pool at all.
pub(crate) fn malloc(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || Ok(on_threads(job, |index| touch(&mut buffer(), index))))
}
