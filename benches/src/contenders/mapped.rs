//! A file mapped into memory, for those that do it. The only file of this crate with unsafe code.
#![expect(unsafe_code, reason = "mapping a file is unsafe: another process may change it")]

use crate::measure::BoxError;
use memmap2::Mmap;
use pipe_stream::{Backend, Mapping};
use std::fs::File;
use std::path::Path;

/// What one task of a parallel program takes: large enough to forget the cost of a task, small enough that all workers
/// have some at the end.
const PART: usize = 4 << 20;

pub(crate) fn read_only(path: &Path) -> Result<Mmap, BoxError> {
    let file = File::open(path)?;
    // SAFETY: the inputs lie in the benchmark's own folder, are complete before they get their name, and are never
    // written again; a user who changes one while it is measured ends that contender's process, and nothing else.
    Ok(unsafe { Mmap::map(&file) }?)
}

/// The backend of ours that others can make an error, but not a signal.
pub(crate) fn guarded() -> Backend {
    // SAFETY: as above, nobody writes to the inputs.
    Backend::Mapped(unsafe { Mapping::guarded() })
}

/// Parts of about 4 MiB, each of whole lines.
pub(crate) fn at_newlines(mut text: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::with_capacity(text.len() / PART + 1);
    while !text.is_empty() {
        let from = PART.min(text.len());
        let end = memchr::memchr(b'\n', &text[from..]).map_or(text.len(), |newline| from + newline + 1);
        let (part, rest) = text.split_at(end);
        parts.push(part);
        text = rest;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_end_at_newlines_and_lose_nothing() {
        let line = b"0123456789\n";
        let text = line.repeat(PART / line.len() * 2 + 5);
        let parts = at_newlines(&text);
        assert!(parts.len() >= 2 && parts.iter().all(|part| part.ends_with(b"\n")));
        assert_eq!(parts.concat(), text);
        assert!(at_newlines(b"").is_empty());
        assert_eq!(at_newlines(b"no newline"), [b"no newline"]);
    }
}
