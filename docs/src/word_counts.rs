//! How often each word is in many files, counted by any number of processes.
//!
//! The source sends the names of the files, workers count, and the sink keeps what comes of each message in a file of its own, named by the id
//! of the message. So a message that comes twice is there once, and a sink that is killed loses nothing: the totals are added up from these
//! files at the end.

use pipe_async::{Distributed, FrameLimits, Taken, Transport, WorkerSettings, distribute, key_of};
use pipe_core::{Inline, RunError, Source, from_iter};
use pipe_stream::Lines;
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

/// A word is what stands between blanks; bytes that are no UTF-8 are replaced.
pub type Counts = BTreeMap<String, u64>;

/// A few files make a message: what a worker that ends was at is counted again by another.
const FILES: u32 = 4;

/// The job: its roles are `source`, `count` and `keep`. The folder of the parts is for this job alone.
///
/// # Errors
/// The folder of the parts cannot be made.
pub fn job<X: Transport + 'static>(
    transport: Arc<X>,
    name: &str,
    files: Vec<PathBuf>,
    parts: &Path,
) -> io::Result<Distributed<'static>> {
    fs::create_dir_all(parts)?;
    let parts = parts.to_owned();
    let frames = FrameLimits { linger: None, ..FrameLimits::default() };
    Ok(distribute(transport, name)
        .settings(WorkerSettings { limits: frames, fetch: 4, ..WorkerSettings::default() })
        .source(move |sink| {
            let sink = sink.limits(FrameLimits { items: FILES, ..frames });
            let sink = sink.map_err(|error| RunError::Sink { written: 0, source: error.into() })?;
            Ok(from_iter(files).to(sink).run_on(&Inline)?.value)
        })
        .stage("count", |files: Taken<PathBuf>| {
            // A file that cannot be read becomes a letter, and the others of its message go on.
            let counted = files.pipeline().try_map(|file: PathBuf| count(&file)).named("count");
            Ok(counted.flat_map(|counts| counts).collect().run_on(&Inline)?.value)
        })
        .sink("keep", move |counts| {
            keep(&parts, counts).map_err(|error| RunError::Sink { written: 0, source: error.into() })
        }))
}

/// The words of one file.
///
/// # Errors
/// It cannot be read.
pub fn count(file: &Path) -> Result<Counts, RunError> {
    let add = |counts: &mut HashMap<Vec<u8>, u64>, line: &[u8]| {
        for word in line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
            match counts.get_mut(word) {
                Some(count) => *count += 1,
                None => drop(counts.insert(word.to_vec(), 1)),
            }
        }
    };
    let lines = Lines::open(file).map_err(|error| RunError::Source { source: error.into() })?;
    // One thread, so nothing is merged.
    let counted =
        lines.pipeline().fold(HashMap::new, add, |all, part| all.extend(part)).run_on(&Inline)?.value;
    let mut counts = Counts::new();
    for (word, count) in counted {
        *counts.entry(String::from_utf8_lossy(&word).into_owned()).or_default() += count;
    }
    Ok(counts)
}

/// Writes what came of one message, whole or not at all.
fn keep(parts: &Path, counts: Taken<(String, u64)>) -> io::Result<()> {
    let part = parts.join(format!("{:016x}-{}.part", key_of(counts.id()), counts.attempt()));
    let whole = parts.join(format!("{:016x}.counts", key_of(counts.id())));
    let text: String = counts.map(|(word, count)| format!("{count} {word}\n")).collect();
    fs::write(&part, text)?;
    fs::rename(part, whole)
}

/// The sum of what the sink has kept.
///
/// # Errors
/// A part cannot be read, or is none.
pub fn totals(parts: &Path) -> Result<Counts, Box<dyn Error>> {
    let mut totals = Counts::new();
    for entry in fs::read_dir(parts)? {
        let path = entry?.path();
        // What a sink that was killed left half written has another ending.
        if path.extension() != Some(OsStr::new("counts")) {
            continue;
        }
        for line in fs::read_to_string(&path)?.lines() {
            let (count, word) = line.split_once(' ').ok_or_else(|| format!("{}: {line}", path.display()))?;
            *totals.entry(word.to_owned()).or_default() += count.parse::<u64>()?;
        }
    }
    Ok(totals)
}
