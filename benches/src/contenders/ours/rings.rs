//! Pieces of a file through a reader's own ring.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome};
use crate::tasks::operations::{add, during, together};
use crate::tasks::pieces::{PIECE, Pieces, counted, number, place};
use pipe_async::{Async, BufferPool, FileEngine, FileReader, ReaderSettings};
use pipe_core::from_iter;
use std::fs::File;
use std::sync::Arc;

pub(crate) fn direct(job: &Job) -> Result<Outcome, BoxError> {
    let pieces = Pieces::write_through()?;
    reads(job, pieces.open_direct()?, 1)
}

/// As many reads at the disk, and three more that wait for each of them: when one is over, the next goes at once.
pub(crate) fn direct_in_line(job: &Job) -> Result<Outcome, BoxError> {
    let pieces = Pieces::write_through()?;
    reads(job, pieces.open_direct()?, 4)
}

pub(crate) fn cached(job: &Job) -> Result<Outcome, BoxError> {
    let pieces = Pieces::write()?;
    reads(job, File::open(&pieces.path)?, 1)
}

fn reads(job: &Job, file: File, times: u64) -> Result<Outcome, BoxError> {
    let (file, depth) = (Arc::new(file), job.parameter as usize);
    let settings = ReaderSettings { engine: FileEngine::Ring, depth, ..ReaderSettings::default() };
    let reader = FileReader::new(settings, BufferPool::default())?;
    if let Some(fallback) = reader.fallback() {
        return Err(fallback.to_string().into());
    }
    let job = &Job { parameter: times * job.parameter, ..job.clone() };
    let outcome = together(job, || {
        let numbers = from_iter(0..job.size).map_async(move |n| {
            let (reader, file) = (reader.clone(), file.clone());
            during(async move { number(&reader.read_at(&file, place(n), PIECE).await.expect("it is there")) })
        });
        let numbers = numbers.concurrency(job.parameter as usize).unordered();
        let sum = numbers.fold(|| 0, |sum, n| *sum = add(*sum, n), |all, part| *all = add(*all, part));
        Ok(sum.run_on(&Async::tokio().blocking())?.value)
    });
    counted(job, outcome?)
}
