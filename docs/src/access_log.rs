//! Counts what a web server's logs say: requests per path and status, errors per level, and where lines are malformed.
//!
//! Each line is recognised by itself: the common format (`host ident user [time] "request" status bytes`), the combined one (also
//! `"referer" "user agent"`), and Apache's error log (`[time] [level] message`, since 2.4 `[time] [module:level] ...`).

use foldhash::fast::RandomState;
use memchr::{memchr, memmem};
use pipe_core::{BlockingExecutor, BoxError, DeadLetter, DeadLetters, Report, Run, dead_letters, rows};
use pipe_stream::{DeadLetterFile, Lines};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::{fmt, mem};

/// Runs the lines through the pipeline, on any executor. Malformed ones are listed, and written into `letters` if there are any.
/// `run` is its handle.
///
/// # Errors
/// [`TooManyPaths`]; what the source, the letters or the executor could not do. A malformed line is none: it is counted.
pub fn summary<'p, R: Read + Send + 'p>(
    lines: Lines<R>,
    letters: Option<DeadLetterFile>,
    executor: &impl BlockingExecutor<'p>,
    run: &Run,
) -> Result<Report<Summary>, Box<dyn Error>> {
    let listed = Listed::default();
    let summary = lines
        .pipeline()
        .parse(entry)
        .named("entry")
        .on_error(dead_letters(Letters { listed: listed.clone(), file: letters }))
        .fold(Summary::default, Summary::add, Summary::merge);
    let mut report = summary.handled_by(run).run_on(executor)?;
    report.value.malformed = report.dead_lettered();
    report.value.listed = listed.into_inner();
    if report.value.too_many { Err(TooManyPaths.into()) } else { Ok(report) }
}

/// What a line is, borrowed from it.
#[derive(Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A request that was answered.
    Access(Access<'a>),
    /// A line of an error log, with its level.
    Error(&'static str),
}

rows!(Entry);

/// A line of an access log.
#[derive(Debug, PartialEq, Eq)]
pub struct Access<'a> {
    /// What was asked for, without its query. The whole request if it is not of the form `METHOD PATH PROTOCOL`: servers log what they
    /// are sent.
    pub path: &'a [u8],
    /// The answer's status.
    pub status: u16,
    /// The bytes of its body; 0 for `-`.
    pub bytes: u64,
}

/// Recognises a line.
///
/// # Errors
/// It has none of the formats.
pub fn entry(line: &[u8]) -> Result<Entry<'_>, Malformed> {
    let text = line.strip_suffix(b"\r").unwrap_or(line);
    let entry = match text.first() {
        Some(b'[') => level(text).map(Entry::Error),
        _ => access(text).map(Entry::Access),
    };
    entry.ok_or(Malformed)
}

/// A line of the common or the combined format.
fn access(line: &[u8]) -> Option<Access<'_>> {
    let (_host, rest) = until(line, b' ')?;
    let (_ident, rest) = until(rest, b' ')?;
    // A user may have blanks in it.
    let rest = &rest[memmem::find(rest, b" [")? + 2..];
    let (_time, rest) = until(rest, b']')?;
    let (request, rest) = quoted(rest.strip_prefix(b" ")?)?;
    let (status, rest) = number(rest.strip_prefix(b" ")?)?;
    let rest = rest.strip_prefix(b" ")?;
    let (bytes, rest) = rest.strip_prefix(b"-").map(|rest| (0, rest)).or_else(|| number(rest))?;
    if !rest.is_empty() {
        let (_referer, rest) = quoted(rest.strip_prefix(b" ")?)?;
        let (_agent, rest) = quoted(rest.strip_prefix(b" ")?)?;
        rest.is_empty().then_some(())?;
    }
    let status = u16::try_from(status).ok().filter(|status| (100..1_000).contains(status))?;
    Some(Access { path: path(request), status, bytes })
}

fn path(request: &[u8]) -> &[u8] {
    let target = until(request, b' ')
        .map_or(request, |(_method, rest)| until(rest, b' ').map_or(rest, |(target, _)| target));
    until(target, b'?').map_or(target, |(path, _query)| path)
}

/// The level of a line of an error log.
fn level(line: &[u8]) -> Option<&'static str> {
    let (_time, rest) = until(line, b']')?;
    let (name, _) = until(rest.strip_prefix(b" [")?, b']')?;
    let level = memchr(b':', name).map_or(name, |colon| &name[colon + 1..]);
    LEVELS.into_iter().find(|known| known.as_bytes() == level)
}

/// Of Apache's `LogLevel`.
const LEVELS: [&str; 16] = [
    "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug", "trace1", "trace2", "trace3",
    "trace4", "trace5", "trace6", "trace7", "trace8",
];

/// What is before the first `end`, and what is behind it.
fn until(text: &[u8], end: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr(end, text)?;
    Some((&text[..at], &text[at + 1..]))
}

/// What is between quotes, and what is behind them. A backslash takes its meaning from what follows it.
fn quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.strip_prefix(b"\"")?;
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', &text[from..])?;
        if text[at] == b'"' {
            return Some((&text[..at], &text[at + 1..]));
        }
        from = at + 2;
        if from > text.len() {
            return None;
        }
    }
}

/// A whole number, and what is behind it.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(digits);
    Some((str::from_utf8(digits).ok()?.parse().ok()?, rest))
}

/// What the lines say.
#[derive(Debug, Default)]
pub struct Summary {
    /// Each path with the statuses it was answered with: few, so they are searched one by one.
    paths: HashMap<Vec<u8>, Vec<Answers>, RandomState>,
    levels: BTreeMap<&'static str, u64>,
    malformed: u64,
    /// The first positions of those, in order.
    listed: BTreeSet<u64>,
    /// There was a path too many. No more are kept: the memory of a fold is bounded too.
    too_many: bool,
}

/// Requests for one path that were answered with one status.
#[derive(Debug, Clone, Copy)]
struct Answers {
    status: u16,
    requests: u64,
    bytes: u64,
}

/// The most paths that are kept apart.
pub const PATHS_MOST: usize = 1_000_000;

/// How many malformed lines are listed.
pub const LISTED_MOST: usize = 20;

impl Summary {
    fn add(&mut self, entry: Entry<'_>) {
        match entry {
            Entry::Access(Access { path, status, bytes }) => {
                self.add_answers(path, Answers { status, requests: 1, bytes });
            }
            Entry::Error(level) => *self.levels.entry(level).or_default() += 1,
        }
    }

    fn merge(&mut self, other: Summary) {
        for (path, answers) in other.paths {
            answers.into_iter().for_each(|answers| self.add_answers(&path, answers));
        }
        for (level, lines) in other.levels {
            *self.levels.entry(level).or_default() += lines;
        }
        self.too_many |= other.too_many;
    }

    fn add_answers(&mut self, path: &[u8], more: Answers) {
        // Looked up by slice first: a path is copied once, not once a line.
        let Some(statuses) = self.paths.get_mut(path) else {
            if self.paths.len() < PATHS_MOST {
                self.paths.insert(path.to_vec(), vec![more]);
            } else {
                self.too_many = true;
            }
            return;
        };
        match statuses.iter_mut().find(|answers| answers.status == more.status) {
            Some(answers) => {
                answers.requests += more.requests;
                answers.bytes = answers.bytes.saturating_add(more.bytes);
            }
            None => statuses.push(more),
        }
    }
}

/// Where malformed lines stood: the first [`LISTED_MOST`], shared with the run that lists them.
#[derive(Debug, Clone, Default)]
struct Listed {
    positions: Arc<Mutex<BTreeSet<u64>>>,
}

impl Listed {
    /// Keeps the lowest positions: workers meet them in any order.
    fn list(&self, at: u64) {
        let mut positions = self.positions.lock().unwrap_or_else(PoisonError::into_inner);
        positions.insert(at);
        if positions.len() > LISTED_MOST {
            positions.pop_last();
        }
    }

    fn into_inner(self) -> BTreeSet<u64> {
        mem::take(&mut self.positions.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Takes the dead letters of a run: lists them, and passes them on.
struct Letters {
    listed: Listed,
    file: Option<DeadLetterFile>,
}

impl DeadLetters for Letters {
    fn write(&mut self, letter: &DeadLetter<'_>) -> Result<(), BoxError> {
        letter.at.into_iter().for_each(|at| self.listed.list(at.place()));
        self.file.as_mut().map_or(Ok(()), |file| file.write(letter))
    }

    fn finish(&mut self) -> Result<(), BoxError> {
        self.file.as_mut().map_or(Ok(()), DeadLetters::finish)
    }
}

/// Lines of fields with tabs between them, sorted: `request PATH STATUS REQUESTS BYTES`, `error LEVEL LINES`, `malformed LINES` and
/// `malformed at byte N`.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut paths: Vec<_> = self.paths.iter().collect();
        paths.sort_unstable_by_key(|(path, _)| *path);
        for (path, statuses) in paths {
            let mut statuses = statuses.clone();
            statuses.sort_unstable_by_key(|answers| answers.status);
            for Answers { status, requests, bytes } in statuses {
                writeln!(f, "request\t{}\t{status}\t{requests}\t{bytes}", Printable(path))?;
            }
        }
        for (level, lines) in &self.levels {
            writeln!(f, "error\t{level}\t{lines}")?;
        }
        if self.malformed > 0 {
            writeln!(f, "malformed\t{}", self.malformed)?;
        }
        for at in &self.listed {
            writeln!(f, "malformed at byte\t{at}")?;
        }
        Ok(())
    }
}

/// What others sent, safe for a terminal and for who splits lines at tabs: control characters are escaped.
struct Printable<'a>(&'a [u8]);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in String::from_utf8_lossy(self.0).chars() {
            match char.is_control() {
                true => write!(f, "{}", char.escape_default())?,
                false => write!(f, "{char}")?,
            }
        }
        Ok(())
    }
}

/// A line that is neither a request nor an error of a known level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("neither a request nor an error of a known level")
    }
}

impl Error for Malformed {}

/// More than [`PATHS_MOST`] paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyPaths;

impl fmt::Display for TooManyPaths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there are more than {PATHS_MOST} paths")
    }
}

impl Error for TooManyPaths {}
