//! Out of a pipeline as an iterator.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::numbers::place;
use pipe_core::{Inline, Items, Own, Source, Want, from_iter, from_source};
use std::ops::Range;

/// Out of the pipeline and into a `for` loop.
pub(crate) fn iterated(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let mut sum = 0u64;
        for x in from_iter(0..job.size).map(place::<0>).iter() {
            sum = sum.wrapping_add(x?);
        }
        Ok(sum)
    })
}

/// The same batches into a sink.
pub(crate) fn sunk(job: &Job) -> Result<Outcome, BoxError> {
    let mut sum = 0u64;
    timed(job.size, || {
        from_source(Numbers(0..job.size))
            .map(place::<0>)
            .for_each(|x| sum = sum.wrapping_add(x))
            .run_on(&Inline)?;
        Ok(sum)
    })
}

/// An iterator as a source of batches, which `from_iter` into a sink would do without.
struct Numbers(Range<u64>);

impl Source for Numbers {
    type Item = Own<u64>;
    type Batch = Items<u64>;

    fn pull(&mut self, want: Want) -> Result<Option<Items<u64>>, BoxError> {
        let items: Vec<u64> = self.0.by_ref().take(want.items).collect();
        Ok((!items.is_empty()).then(|| Items::new(0, items)))
    }
}
