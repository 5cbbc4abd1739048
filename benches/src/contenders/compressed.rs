//! The lines of a compressed text: decoders alone, and what one would write around them.

use super::commands;
use super::text::BUFFER;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed, timed_children};
use crate::tasks::text::lines;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::Command;

/// The decoder alone: what it gives is looked at once, and forgotten.
pub(crate) fn gzip_decoder(job: &Job) -> Result<Outcome, BoxError> {
    alone(job, |file| Ok(MultiGzDecoder::new(file)))
}

pub(crate) fn zstd_decoder(job: &Job) -> Result<Outcome, BoxError> {
    alone(job, zstd_reader)
}

fn zstd_reader(file: File) -> std::io::Result<impl Read> {
    zstd::Decoder::new(file)
}

fn alone<R: Read>(job: &Job, decoder: impl Fn(File) -> std::io::Result<R>) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let (mut plain, mut buffer, mut count) = (decoder(File::open(job.input()?)?)?, vec![0; BUFFER], 0);
        loop {
            match plain.read(&mut buffer)? {
                0 => return Ok(lines(count)),
                read => count += memchr::memchr_iter(b'\n', &buffer[..read]).count() as u64,
            }
        }
    })
}

/// What the standard documentation shows, over the decoder.
pub(crate) fn gzip_bufread(job: &Job) -> Result<Outcome, BoxError> {
    bufread(job, |file| Ok(MultiGzDecoder::new(file)))
}

pub(crate) fn zstd_bufread(job: &Job) -> Result<Outcome, BoxError> {
    bufread(job, zstd_reader)
}

fn bufread<R: Read>(job: &Job, decoder: impl Fn(File) -> std::io::Result<R>) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let mut count = 0;
        for line in BufReader::new(decoder(File::open(job.input()?)?)?).lines() {
            line?;
            count += 1;
        }
        Ok(lines(count))
    })
}

/// `gzip -dc in | wc -l`, which is what `zcat` does.
pub(crate) fn gzip_wc(job: &Job) -> Result<Outcome, BoxError> {
    counted(job, "gzip")
}

/// `zstd -dc in | wc -l`
pub(crate) fn zstd_wc(job: &Job) -> Result<Outcome, BoxError> {
    counted(job, "zstd")
}

fn counted(job: &Job, decoder: &str) -> Result<Outcome, BoxError> {
    timed_children(job.size, || {
        let count = commands::lines_of(Command::new(decoder).arg("-dc").arg(job.input()?))?;
        Ok(lines(count))
    })
}
