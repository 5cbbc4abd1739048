//! fio, which does nothing but ask the disk: what it is told of the clock and the processor it tells in JSON.

use super::commands;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome};
use crate::tasks::pieces::{PIECE, PIECES, Pieces, reads};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::process::Command;

#[derive(Deserialize)]
struct Report {
    jobs: Vec<Ran>,
}

#[derive(Deserialize)]
struct Ran {
    read: Reads,
    usr_cpu: f64,
    sys_cpu: f64,
    /// How many percent of the reads were begun with so many under way.
    iodepth_level: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct Reads {
    total_ios: u64,
    /// In milliseconds.
    runtime: u64,
}

/// Reads at random places, past the cache, as many at once as the job says, through io_uring. Fails if fewer were at once most of the time.
pub(crate) fn direct(job: &Job) -> Result<Outcome, BoxError> {
    let pieces = Pieces::write_through()?;
    let mut command = Command::new("fio");
    command.args(["--name=reads", "--readonly", "--ioengine=io_uring", "--direct=1", "--rw=randread"]);
    // No map of what was read already, and no clock for each read.
    command.args(["--norandommap", "--gtod_reduce=1", "--output-format=json"]);
    command.arg(format!("--bs={PIECE}")).arg(format!("--iodepth={}", job.parameter));
    command.arg(format!("--size={}", PIECES * PIECE as u64));
    command.arg(format!("--io_size={}", job.size * PIECE as u64));
    command.arg(format!("--filename={}", pieces.path.display()));
    let report: Report = commands::read(&mut command, |json| Ok(serde_json::from_reader(json)?))?;
    let Ran { read, usr_cpu, sys_cpu, iodepth_level } = report.jobs.first().ok_or("it has run nothing")?;
    let at_depth = iodepth_level.get(&job.parameter.to_string()).copied().unwrap_or_default();
    if at_depth < 90.0 {
        return Err(format!("of its reads {at_depth} % were {} at once", job.parameter).into());
    }
    let seconds = read.runtime as f64 / 1e3;
    Ok(Outcome {
        items: read.total_ios,
        seconds,
        cpu_seconds: Some((usr_cpu + sys_cpu) / 100.0 * seconds),
        peak_rss_bytes: None,
        counted: None,
        answer: reads(read.total_ios),
        weight: None,
    })
}
