//! The lines of a compressed text: a decoder is a reader like any other.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::text::lines;
use flate2::read::MultiGzDecoder;
use pipe_core::Inline;
use pipe_stream::Lines;
use std::fs::File;
use std::io::Read;

pub(crate) fn gzip(job: &Job) -> Result<Outcome, BoxError> {
    count(job, |file| Ok(MultiGzDecoder::new(file)))
}

pub(crate) fn zstd(job: &Job) -> Result<Outcome, BoxError> {
    count(job, zstd::Decoder::new)
}

fn count<R: Read + Send + 'static>(
    job: &Job,
    decoder: impl Fn(File) -> std::io::Result<R>,
) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let plain = Lines::from_reader(decoder(File::open(job.input()?)?)?).pipeline();
        let counted = plain.fold(u64::default, |count, _| *count += 1, |all, part| *all += part);
        Ok(lines(counted.run_on(&Inline)?.value))
    })
}
