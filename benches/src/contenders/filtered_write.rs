//! Every line with a literal, from one file to another. What was written is read again after the clock has stopped.

use super::commands;
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed, timed_children};
use crate::tasks::text::COMMON;
use crate::tasks::written::Written;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::process::{Command, Stdio};

/// What the standard documentation shows.
pub(crate) fn bufread(job: &Job) -> Result<Outcome, BoxError> {
    let written = Written::beside(job)?;
    let outcome = timed(job.size, || {
        let mut out = BufWriter::new(File::create(written.path())?);
        for line in BufReader::new(File::open(job.input()?)?).lines() {
            let line = line?;
            if line.contains(COMMON) {
                writeln!(out, "{line}")?;
            }
        }
        out.flush()?;
        Ok("")
    })?;
    Ok(Outcome { answer: written.all()?, ..outcome })
}

/// `rg LITERAL in > out`
pub(crate) fn ripgrep(job: &Job) -> Result<Outcome, BoxError> {
    let written = Written::beside(job)?;
    let outcome = into(job, &written, Command::new("rg").args(["--no-config", "--fixed-strings", COMMON]))?;
    Ok(Outcome { answer: written.all()?, ..outcome })
}

/// `cat in > out`: what it costs to read and write the bytes, all of them.
pub(crate) fn cat(job: &Job) -> Result<Outcome, BoxError> {
    let written = Written::beside(job)?;
    let outcome = into(job, &written, &mut Command::new("cat"))?;
    if written.path().metadata()?.len() != job.input()?.metadata()?.len() {
        return Err("the copy is not as long as the file".into());
    }
    Ok(Outcome { answer: written.wanted()?, ..outcome })
}

fn into(job: &Job, written: &Written, command: &mut Command) -> Result<Outcome, BoxError> {
    timed_children(job.size, || {
        let out = Stdio::from(File::create(written.path())?);
        commands::run(command.arg(job.input()?).stdout(out)).map(|()| "")
    })
}
