//! pariter: the ordered parallel iterator of the registry that streams, with chunks made by hand. It has no unordered mode.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::costed::{Chunks, Ordered, chunk, source, window, work};
use pariter::IteratorExt;

pub(crate) fn chunked(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let (rounds, size, workers) = (job.parameter, chunk(job.parameter), job.workers);
        let mut sink = Ordered::default();
        Chunks::new(source(job.size), size)
            .parallel_map_custom(
                |options| options.threads(workers).buffer_size(window(workers)),
                move |mut chunk: Vec<u64>| {
                    chunk.iter_mut().for_each(|x| *x = work(*x, rounds));
                    chunk
                },
            )
            .flatten()
            .for_each(|x| sink.take(x));
        Ok(sink.answer())
    })
}
