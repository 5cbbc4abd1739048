//! Finding files: by a pattern, below a folder.

use crate::error::{StreamError, StreamErrorKind, Subject};
use globset::{GlobBuilder, GlobMatcher};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use walkdir::{DirEntry, WalkDir};

pub(super) fn matching(pattern: &str) -> Result<Vec<PathBuf>, StreamError> {
    let (folder, rest) = pattern.split_at(fixed(pattern));
    let no_pattern = |error| {
        let error = io::Error::new(ErrorKind::InvalidInput, error);
        StreamError::find(StreamErrorKind::Pattern, Subject::Path(pattern.into()), Some(error))
    };
    let matches = matcher(rest).map_err(no_pattern)?;
    let steps = steps(rest).map_err(no_pattern)?;
    // A pattern of nothing but names finds the one file that has them.
    let root = if folder.is_empty() { Path::new(".") } else { Path::new(folder) };
    let mut walk = WalkDir::new(root).min_depth(1);
    if let Some(depth) = steps.depth {
        walk = walk.max_depth(depth);
    }
    let mut paths = Vec::new();
    for entry in walk.into_iter().filter_entry(|entry| steps.may_lead(entry)) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) if error.depth() == 0 && is_missing(&error) => break,
            Err(error) => return Err(unreadable(error, root)),
        };
        let below = entry.path().strip_prefix(root).unwrap_or(entry.path());
        // What is there but cannot be looked at is an error when it is opened.
        if matches.is_match(below) && !entry.path().is_dir() {
            paths.push(Path::new(folder).join(below));
        }
    }
    sorted(paths, Path::new(pattern))
}

pub(super) fn below(folder: &Path) -> Result<Vec<PathBuf>, StreamError> {
    let mut paths = Vec::new();
    for entry in WalkDir::new(folder) {
        let entry = entry.map_err(|error| unreadable(error, folder))?;
        if entry.file_type().is_file() {
            paths.push(entry.into_path());
        }
    }
    sorted(paths, folder)
}

/// How many bytes at the head of a pattern are folders by name. The name of a file belongs to what is looked for.
fn fixed(pattern: &str) -> usize {
    let wild = pattern.find(['*', '?', '[', '{', '\\']).unwrap_or(pattern.len());
    pattern[..wild].rfind('/').map_or(0, |slash| slash + 1)
}

fn matcher(pattern: &str) -> Result<GlobMatcher, globset::Error> {
    Ok(GlobBuilder::new(pattern).literal_separator(true).build()?.compile_matcher())
}

/// What the names on the way to a match are like, so that no other folder is looked into.
struct Steps {
    names: Vec<GlobMatcher>,
    /// How far below a match is at most, if that is known.
    depth: Option<usize>,
}

fn steps(pattern: &str) -> Result<Steps, globset::Error> {
    let parts: Vec<_> = pattern.split('/').collect();
    // Any number of folders; alternatives may have slashes in them, and so may be cut here.
    let known =
        parts.iter().take_while(|part| !part.contains("**") && !part.contains(['{', '\\', '['])).count();
    let names = parts[..known].iter().map(|part| matcher(part)).collect::<Result<_, _>>()?;
    Ok(Steps { names, depth: (known == parts.len()).then_some(known) })
}

impl Steps {
    fn may_lead(&self, entry: &DirEntry) -> bool {
        let step = entry.depth().checked_sub(1).and_then(|step| self.names.get(step));
        step.is_none_or(|name| name.is_match(entry.file_name()))
    }
}

fn is_missing(error: &walkdir::Error) -> bool {
    error.io_error().is_some_and(|error| error.kind() == ErrorKind::NotFound)
}

fn sorted(mut paths: Vec<PathBuf>, looked_for: &Path) -> Result<Vec<PathBuf>, StreamError> {
    if paths.is_empty() {
        return Err(StreamError::find(StreamErrorKind::NoFiles, Subject::Path(looked_for.to_owned()), None));
    }
    paths.sort();
    Ok(paths)
}

fn unreadable(error: walkdir::Error, root: &Path) -> StreamError {
    let path = error.path().unwrap_or(root).to_owned();
    let error = error.into_io_error().unwrap_or_else(|| ErrorKind::Other.into());
    StreamError::io("read", &Subject::Path(path), None, error)
}
