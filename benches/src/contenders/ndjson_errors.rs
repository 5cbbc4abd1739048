//! serde_json on one object a line, into a struct that has only the fields that are asked for.

use super::mapped;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::ndjson_errors::Errors;
use crate::tasks::rows::lines;
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;
use std::fs::File;
use std::io::{BufRead, BufReader};

/// What one would write first.
pub(crate) fn bufread(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let mut errors = Errors::default();
        for line in BufReader::new(File::open(job.input()?)?).lines() {
            errors.add(&serde_json::from_str(&line?)?);
        }
        Ok(errors)
    })
}

/// The obvious fast program: map the file, cut it at newlines, parse on all cores.
pub(crate) fn rayon(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let file = mapped::read_only(job.input()?)?;
        let pool = ThreadPoolBuilder::new().num_threads(job.workers).build()?;
        let part = |part: &&[u8]| -> Result<Errors, BoxError> {
            let mut errors = Errors::default();
            for line in lines(part) {
                // UTF-8 is looked at once a line: serde_json would at each text.
                errors.add(&serde_json::from_str(str::from_utf8(line)?)?);
            }
            Ok(errors)
        };
        let both = |mut all: Errors, part: Errors| {
            all.merge(part);
            Ok(all)
        };
        pool.install(|| mapped::at_newlines(&file).par_iter().map(part).try_reduce(Errors::default, both))
    })
}
