//! Every line with a literal, from one file to another. What was written is read again after the clock has stopped.

use super::commands;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed, timed_children};
use crate::tasks::text::COMMON;
use crate::tasks::written::Written;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// What the standard documentation shows.
pub(crate) fn bufread(job: &Job) -> Result<Outcome, BoxError> {
    let written = Written::beside(job)?;
    let outcome = timed(job.size, || filter(job, written.path()).map(|()| ""))?;
    Ok(Outcome { answer: written.answer()?, ..outcome })
}

fn filter(job: &Job, to: &Path) -> Result<(), BoxError> {
    let mut out = BufWriter::new(File::create(to)?);
    for line in BufReader::new(File::open(job.input()?)?).lines() {
        let line = line?;
        if line.contains(COMMON) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(out.flush()?)
}

/// `rg LITERAL in > out`
pub(crate) fn ripgrep(job: &Job) -> Result<Outcome, BoxError> {
    let written = Written::beside(job)?;
    let mut rg = Command::new("rg");
    let outcome = into(job, &written, rg.args(["--no-config", "--fixed-strings", COMMON]).arg(job.input()?))?;
    Ok(Outcome { answer: written.answer()?, ..outcome })
}

/// `cat kept > out`: what it costs to copy the lines once they are known. Who has to find them cannot be faster.
pub(crate) fn cat_kept(job: &Job) -> Result<Outcome, BoxError> {
    let (kept, written) = (Written::aside(job)?, Written::beside(job)?);
    filter(job, kept.path())?;
    let outcome = into(job, &written, Command::new("cat").arg(kept.path()))?;
    Ok(Outcome { answer: written.answer()?, ..outcome })
}

fn into(job: &Job, written: &Written, command: &mut Command) -> Result<Outcome, BoxError> {
    timed_children(job.size, || {
        let out = Stdio::from(File::create(written.path())?);
        commands::run(command.stdout(out)).map(|()| "")
    })
}
