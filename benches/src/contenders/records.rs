//! Records that own memory: collected after each step, lazily, from a list of free ones, and in an arena.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::records::{Record, Sums, VALUES, features, keep, seeds};
use bumpalo::Bump;
use bumpalo::collections::{String as BumpString, Vec as BumpVec};

/// Records in a batch of the programs written by hand.
const BATCH: usize = 1024;

/// What is written first: each step in full.
pub(crate) fn naive_collect(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let parsed: Vec<Record> = seeds(job.size).map(Record::new).collect();
        let kept: Vec<Record> = parsed.into_iter().filter(|record| keep(&record.name)).collect();
        let scaled: Vec<Record> = kept.iter().map(Record::scaled).collect();
        let features: Vec<_> =
            scaled.iter().map(|record| features(record.id, &record.name, &record.values)).collect();
        let mut sums = Sums::default();
        features.into_iter().for_each(|one| sums.add(one));
        Ok(sums.answer())
    })
}

/// The same, one record at a time.
pub(crate) fn std_iterator(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let mut sums = Sums::default();
        seeds(job.size)
            .map(Record::new)
            .filter(|record| keep(&record.name))
            .map(|record| record.scaled())
            .map(|record| features(record.id, &record.name, &record.values))
            .for_each(|one| sums.add(one));
        Ok(sums.answer())
    })
}

/// A loop with a list of free records.
pub(crate) fn free_list(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let (mut free, mut batch) = (Vec::<Record>::new(), Vec::with_capacity(BATCH));
        let (mut sums, mut seeds) = (Sums::default(), seeds(job.size));
        loop {
            for seed in seeds.by_ref().take(BATCH) {
                let mut record = free.pop().unwrap_or_default();
                record.fill(seed);
                batch.push(record);
            }
            if batch.is_empty() {
                return Ok(sums.answer());
            }
            for mut record in batch.drain(..) {
                if keep(&record.name) {
                    record.scale();
                    sums.add(features(record.id, &record.name, &record.values));
                }
                free.push(record);
            }
        }
    })
}

/// A loop with an arena for each batch.
pub(crate) fn bump(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let mut arena = Bump::with_capacity(1 << 18);
        let (mut sums, mut seeds) = (Sums::default(), seeds(job.size));
        loop {
            let mut batch = BumpVec::with_capacity_in(BATCH, &arena);
            for seed in seeds.by_ref().take(BATCH) {
                let mut name = BumpString::with_capacity_in(24, &arena);
                seed.write_name(&mut name);
                let values = arena.alloc_slice_fill_with(VALUES, |k| seed.value(k));
                batch.push((seed.id, name.into_bump_str(), values));
            }
            if batch.is_empty() {
                return Ok(sums.answer());
            }
            for (id, name, values) in batch.iter().filter(|(_, name, _)| keep(name)) {
                let upper = arena.alloc_str(name);
                upper.make_ascii_uppercase();
                sums.add(features(
                    *id,
                    upper,
                    arena.alloc_slice_fill_with(values.len(), |k| values[k] * 2.0),
                ));
            }
            drop(batch);
            arena.reset();
        }
    })
}
