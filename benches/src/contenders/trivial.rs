//! So little work that what is around it shows: without a pipeline.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, fastest};
use rayon::prelude::*;

/// Blocks of which the fastest counts.
pub(crate) const BLOCKS: usize = 2_000;

pub(crate) fn iterator(job: &Job) -> Result<Outcome, BoxError> {
    let mut texts = Vec::new();
    let fastest = fastest(job.size, BLOCKS, || texts = (0..job.size).map(|n| n.to_string()).collect());
    Ok(fastest.answered(texts.concat()))
}

pub(crate) fn rayon(job: &Job) -> Result<Outcome, BoxError> {
    let mut texts = Vec::new();
    let fastest =
        fastest(job.size, BLOCKS, || texts = (0..job.size).into_par_iter().map(|n| n.to_string()).collect());
    Ok(fastest.answered(texts.concat()))
}
