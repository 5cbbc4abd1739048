//! The crate csv: what Rust programs take for tables.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::csv_sum::{PRICE, Sum, cents};
use csv::{ByteRecord, Reader};

/// As its tutorial has it where speed counts: one record of bytes, filled again and again.
pub(crate) fn byte_record(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let (mut sum, mut record) = (Sum::default(), ByteRecord::new());
        let mut reader = Reader::from_path(job.input()?)?;
        while reader.read_byte_record(&mut record)? {
            sum.add(cents(record.get(PRICE).ok_or("a record without a price")?)?);
        }
        Ok(sum)
    })
}

/// As its first page has it: a record of strings each.
pub(crate) fn string_records(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let mut sum = Sum::default();
        for record in Reader::from_path(job.input()?)?.records() {
            let price: f64 = record?.get(PRICE).ok_or("a record without a price")?.parse()?;
            sum.add((price * 100.0).round() as u64);
        }
        Ok(sum)
    })
}
