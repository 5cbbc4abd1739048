//! The peers on a large text: its lines, its words, the lines that hold a literal.

use super::{commands, mapped};
use crate::contender::Job;
use crate::measure::{BoxError, Outcome, timed, timed_children, timed_reads};
use crate::tasks::text::{Counts, Found, RARE, lines};
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::Command;

/// Reading as fast as it goes: larger buffers leave the second level of the cache, smaller ones cost calls.
pub(super) const BUFFER: usize = 256 << 10;

/// What the standard documentation shows: a `String` a line.
pub(crate) fn bufread_lines(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let mut count = 0;
        for line in BufReader::new(File::open(job.input()?)?).lines() {
            line?;
            count += 1;
        }
        Ok(lines(count))
    })
}

/// Who wants to look at lines again later reads all of them at first.
pub(crate) fn read_to_string(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let text = std::fs::read_to_string(job.input()?)?;
        let kept: Vec<&str> = text.lines().collect();
        Ok(lines(kept.len() as u64))
    })
}

/// The obvious fast program: map the file, count line feeds with SIMD on all cores.
pub(crate) fn rayon_lines(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let file = mapped::read_only(job.input()?)?;
        let pool = ThreadPoolBuilder::new().num_threads(job.workers).build()?;
        let count = |part: &&[u8]| memchr::memchr_iter(b'\n', part).count() as u64;
        let parts = mapped::at_newlines(&file);
        Ok(lines(pool.install(|| parts.par_iter().map(count).sum())))
    })
}

pub(crate) fn wc_lines(job: &Job) -> Result<Outcome, BoxError> {
    counted(job, Command::new("wc").arg("-l"))
}

pub(crate) fn ripgrep_lines(job: &Job) -> Result<Outcome, BoxError> {
    counted(job, Command::new("rg").args(["--no-config", "--count", ""]))
}

pub(crate) fn mawk_lines(job: &Job) -> Result<Outcome, BoxError> {
    counted(job, Command::new("mawk").arg("END { printf \"%d\\n\", NR }"))
}

/// What a program prints about the file is the number of its lines.
fn counted(job: &Job, command: &mut Command) -> Result<Outcome, BoxError> {
    timed_children(job.size, || {
        let numbers = commands::numbers(command.arg(job.input()?))?;
        Ok(lines(*numbers.first().ok_or("it printed no number")?))
    })
}

pub(crate) fn bufread_words(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let mut counts = Counts::default();
        for line in BufReader::new(File::open(job.input()?)?).lines() {
            let line = line?;
            counts.lines += 1;
            counts.words += line.split_whitespace().count() as u64;
            counts.bytes += line.len() as u64 + 1;
        }
        Ok(counts)
    })
}

pub(crate) fn wc_bytewise(job: &Job) -> Result<Outcome, BoxError> {
    wc(job, "C")
}

pub(crate) fn wc_utf8(job: &Job) -> Result<Outcome, BoxError> {
    wc(job, "C.UTF-8")
}

fn wc(job: &Job, locale: &str) -> Result<Outcome, BoxError> {
    timed_children(job.size, || {
        let numbers = commands::numbers(Command::new("wc").env("LC_ALL", locale).arg(job.input()?))?;
        let [lines, words, bytes] = numbers[..] else { return Err("wc printed no three numbers".into()) };
        Ok(Counts { lines, words, bytes })
    })
}

pub(crate) fn bufread_filter(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || {
        let mut found = Found::default();
        for line in BufReader::new(File::open(job.input()?)?).lines() {
            let line = line?;
            if line.contains(RARE) {
                found.add(line.as_bytes());
            }
        }
        Ok(found)
    })
}

/// As it comes: it maps a file that is named.
pub(crate) fn ripgrep_filter(job: &Job) -> Result<Outcome, BoxError> {
    found(job, Command::new("rg").args(["--no-config", "--fixed-strings", RARE]))
}

pub(crate) fn ripgrep_buffered_filter(job: &Job) -> Result<Outcome, BoxError> {
    found(job, Command::new("rg").args(["--no-config", "--no-mmap", "--fixed-strings", RARE]))
}

pub(crate) fn grep_filter(job: &Job) -> Result<Outcome, BoxError> {
    found(job, Command::new("grep").env("LC_ALL", "C").args(["--fixed-strings", RARE]))
}

pub(crate) fn mawk_filter(job: &Job) -> Result<Outcome, BoxError> {
    found(job, Command::new("mawk").arg(format!("/{RARE}/")))
}

/// What a program prints are the lines. Into a pipe: into `/dev/null`, grep would stop at the first one.
fn found(job: &Job, command: &mut Command) -> Result<Outcome, BoxError> {
    timed_children(job.size, || commands::read(command.arg(job.input()?), |output| Found::read(output)))
}

/// Reading alone, which no stage can beat.
pub(crate) fn read_loop(job: &Job) -> Result<Outcome, BoxError> {
    timed(job.size, || Ok(read_all(job)?.0))
}

/// The same, with its calls counted: the last one finds the end.
pub(crate) fn counted_read_loop(job: &Job) -> Result<Outcome, BoxError> {
    timed_reads(job.size, || read_all(job))
}

fn read_all(job: &Job) -> Result<(String, u64), BoxError> {
    let (mut file, mut buffer) = (File::open(job.input()?)?, vec![0; BUFFER]);
    let (mut bytes, mut chunks) = (0, 0);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((format!("{bytes} bytes"), chunks)),
            read => (bytes, chunks) = (bytes + read as u64, chunks + 1),
        }
    }
}
