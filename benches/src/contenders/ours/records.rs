//! Records that own memory, pooled and in an arena, on the calling thread.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::records::{Record, Seed, Sums, VALUES, features, keep, seeds};
use pipe_core::{FromIter, Inline, from_iter, rows};
use pipe_mem::{Arena, InArena, Pool};
use std::convert::Infallible;

pub(crate) fn pooled(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let pool = Pool::new(Record::default, |_| ());
        let report = from_iter(seeds(job.size))
            .map(|seed| {
                let mut record = pool.get();
                record.fill(seed);
                record
            })
            .filter(|record| keep(&record.name))
            .map(|mut record| {
                record.scale();
                record
            })
            .map(|record| features(record.id, &record.name, &record.values))
            .fold(Sums::default, Sums::add, Sums::merge)
            .run_on(&Inline)?;
        Ok(report.value.answer())
    })
}

struct Row<'a> {
    arena: &'a Arena,
    id: u64,
    name: &'a str,
    values: &'a [f32],
}
rows!(Row);

fn parse(arena: &Arena, seed: Seed) -> Row<'_> {
    let name = arena.format(format_args!("{seed}"));
    Row { arena, id: seed.id, name, values: arena.slice_with(VALUES, |k| seed.value(k)) }
}

fn scale(row: Row<'_>) -> Result<Row<'_>, Infallible> {
    let name = row.arena.text(row.name);
    name.make_ascii_uppercase();
    Ok(Row { name, values: row.arena.slice_with(row.values.len(), |k| row.values[k] * 2.0), ..row })
}

pub(crate) fn in_arena(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let rows = InArena::new(FromIter::new(seeds(job.size)), parse).pipeline();
        let features =
            rows.filter(|row| keep(row.name)).parse(scale).map(|row| features(row.id, row.name, row.values));
        Ok(features.fold(Sums::default, Sums::add, Sums::merge).run_on(&Inline)?.value.answer())
    })
}
