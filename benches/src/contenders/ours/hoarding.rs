//! A consumer that lags: it keeps chunks of a text for as long as a budget lets it, and looks at them when it has to let go.

use crate::contender::Job;
use crate::contenders::mapped;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::text;
use pipe_core::{Batch, Budget, Flow, Permit, Source, Want};
use pipe_stream::{Backend, Chunk, Lines, Mapping};
use std::collections::VecDeque;

/// What it may keep.
pub(crate) const BUDGET: usize = 16 << 20;
const LEASED: Backend = Backend::Mapped(Mapping::leased().strict());

pub(crate) fn read(job: &Job) -> Result<Outcome, BoxError> {
    hoard(job, Backend::Buffered, 1)
}

pub(crate) fn leased(job: &Job) -> Result<Outcome, BoxError> {
    hoard(job, LEASED, 1)
}

pub(crate) fn leased_some(job: &Job) -> Result<Outcome, BoxError> {
    hoard(job, LEASED, 8)
}

pub(crate) fn guarded(job: &Job) -> Result<Outcome, BoxError> {
    hoard(job, mapped::guarded(), 1)
}

pub(crate) fn guarded_some(job: &Job) -> Result<Outcome, BoxError> {
    hoard(job, mapped::guarded(), 8)
}

/// Keeps one chunk in `every`, and is done with the others at once.
fn hoard(job: &Job, backend: Backend, every: usize) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let (budget, mut kept) = (Budget::new(BUDGET), VecDeque::<(Chunk, Permit)>::new());
        let (mut source, mut lines) = (Lines::open(job.input()?)?.backend(backend), 0);
        for keeps in (0..every).map(|turn| turn == 0).cycle() {
            let Some(mut chunk) = source.pull(Want::MOST)? else { break };
            let permit = loop {
                match budget.try_take(chunk.bytes()) {
                    Some(permit) => break permit,
                    None => lines += kept.pop_front().map_or(Ok(0), count)?,
                }
            };
            chunk.load()?;
            kept.push_back((chunk, permit));
            lines += if keeps { 0 } else { kept.pop_back().map_or(Ok(0), count)? };
        }
        kept.into_iter().try_for_each(|one| count(one).map(|some| lines += some))?;
        Ok(text::lines(lines))
    })
}

fn count((mut chunk, _): (Chunk, Permit)) -> Result<u64, BoxError> {
    let lines = chunk.drive(usize::MAX, |_, _| Flow::Continue(()));
    chunk.check().map(|()| lines as u64)
}
