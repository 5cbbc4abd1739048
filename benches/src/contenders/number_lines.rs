//! The plain loop over lines of numbers, with the buffer of a line used again.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::costed::Ordered;
use crate::tasks::number_lines::{mixed, parse};
use std::fs::File;
use std::io::{BufRead, BufReader};

pub(crate) fn sequential(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let mut text = BufReader::with_capacity(256 << 10, File::open(job.input()?)?);
        let (mut sink, mut line) = (Ordered::default(), Vec::new());
        while text.read_until(b'\n', &mut line)? > 0 {
            sink.take(mixed(parse(line.strip_suffix(b"\n").unwrap_or(&line))?));
            line.clear();
        }
        Ok(sink.answer())
    })
}
