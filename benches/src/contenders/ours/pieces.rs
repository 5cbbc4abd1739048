//! Pieces of a file, many at once: from one that is open, and from one that is opened for each.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome};
use crate::tasks::operations::{add, during, together};
use crate::tasks::pieces::{PIECE, Pieces, number, place};
use pipe_async::{Async, BufferPool, FileReader, HopSettings, Hops, ReaderSettings};
use pipe_core::{RunError, from_iter};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

fn sum<Fut>(job: &Job, read: impl Fn(u64) -> Fut + Send + Sync + 'static) -> Result<u64, RunError>
where
    Fut: Future<Output = u64> + Send + 'static,
{
    let numbers = from_iter(0..job.size).map_async(read).concurrency(job.parameter as usize).unordered();
    let sum = numbers.fold(|| 0, |sum, n| *sum = add(*sum, n), |all, part| *all = add(*all, part));
    Ok(sum.run_on(&Async::tokio().blocking())?.value)
}

pub(crate) fn kept(job: &Job) -> Result<Outcome, BoxError> {
    let pieces = Pieces::write()?;
    let file = Arc::new(File::open(&pieces.path)?);
    let reader = FileReader::new(ReaderSettings::default(), BufferPool::default())?;
    together(job, || {
        let read = move |n| {
            let (reader, file) = (reader.clone(), file.clone());
            during(async move { number(&reader.read_at(&file, place(n), PIECE).await.expect("it is there")) })
        };
        Ok(sum(job, read)?)
    })
}

pub(crate) fn opened(job: &Job) -> Result<Outcome, BoxError> {
    let pieces = Pieces::write()?;
    let path = pieces.path.clone();
    let read = move |n| -> std::io::Result<u64> {
        let mut piece = vec![0; PIECE];
        File::open(&path)?.read_exact_at(&mut piece, place(n))?;
        Ok(number(&piece))
    };
    let hops = Hops::new(HopSettings::default(), read)?;
    together(job, || {
        Ok(sum(job, move |n| {
            let call = hops.call(n);
            during(async move { call.await.expect("it is there") })
        })?)
    })
}
