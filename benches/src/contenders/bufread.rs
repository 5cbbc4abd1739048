//! What the standard documentation shows for a file of lines: `BufRead::lines`, `split`, `HashMap`. One thread, a `String`
//! a line.

use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed};
use crate::tasks::{access_log, stations};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};

pub(crate) fn stations(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let mut all: HashMap<String, stations::Stats> = HashMap::new();
        for line in BufReader::new(File::open(job.input()?)?).lines() {
            let line = line?;
            let (name, value) = line.split_once(';').ok_or("no semicolon")?;
            let tenths = (value.parse::<f64>()? * 10.0).round() as i64;
            let stats = stations::Stats::of(tenths);
            all.entry(name.to_owned()).and_modify(|known| known.merge(&stats)).or_insert(stats);
        }
        Ok(stations::answer(all))
    })
}

pub(crate) fn access_log(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let mut counts: HashMap<(String, u16), u64> = HashMap::new();
        for line in BufReader::new(File::open(job.input()?)?).lines() {
            let line = line?;
            let mut quoted = line.split('"').skip(1);
            let (Some(request), Some(rest)) = (quoted.next(), quoted.next()) else { continue };
            let (Some(path), Some(status)) = (request.split(' ').nth(1), rest.split(' ').nth(1)) else {
                continue;
            };
            let Ok(status) = status.parse() else { continue };
            *counts.entry((path.to_owned(), status)).or_default() += 1;
        }
        Ok(access_log::answer(counts.into_iter().map(|((path, status), count)| (path, status, count))))
    })
}
