//! A folder with all that is in it, copied.

use pipe_async::{Async, HopSettings, Hops};
use pipe_core::{Report, Run, RunError, from_iter};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

/// A file or folder that was not copied.
#[derive(Debug)]
pub struct NotCopied {
    /// Which one, as it was found.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

impl fmt::Display for NotCopied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "copy {}: {}", self.path.display(), self.source)
    }
}

impl Error for NotCopied {}

/// What became of a tree.
#[derive(Debug, Default)]
pub struct Copied {
    /// Files that were copied.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What was not, in the order in which it was found.
    pub failed: Vec<NotCopied>,
}

impl fmt::Display for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} files, {} bytes", self.files, self.bytes)?;
        self.failed.iter().try_for_each(|failed| writeln!(f, "{failed}"))
    }
}

/// Copies the folder `from` to `to`, which is made, with `threads` threads. One file that cannot be copied keeps no other from it. Neither links
/// nor what is no file are followed or copied: they are listed.
///
/// The names that are waited for are bounded, however large the tree is. `run` is its handle: drained, it finishes the files that it is at.
///
/// # Errors
/// As the run.
pub fn copy_tree(from: &Path, to: &Path, threads: usize, run: &Run) -> Result<Report<Copied>, RunError> {
    let copies = Hops::new(HopSettings { threads, ..HopSettings::default() }, |found: Found| match found {
        Ok((from, to)) => fs::copy(&from, to).map_err(|source| NotCopied { path: from, source }),
        Err(failed) => Err(failed),
    })?;
    let fold = |copied: &mut Copied, one| match one {
        Ok(bytes) => {
            copied.files += 1;
            copied.bytes += bytes;
        }
        Err(failed) => copied.failed.push(failed),
    };
    let merge = |all: &mut Copied, part: Copied| {
        all.files += part.files;
        all.bytes += part.bytes;
        all.failed.extend(part.failed);
    };
    from_iter(Walk::new(from, to))
        .map_async(move |found| copies.call(found))
        .named("copy")
        .concurrency(256)
        .fold(Copied::default, fold, merge)
        .handled_by(run)
        .run_on(&Async::tokio().blocking())
}

/// A file and where it goes, or what could not be read.
type Found = Result<(PathBuf, PathBuf), NotCopied>;

/// All files below a folder, folder by folder. It makes the folders that they go to.
struct Walk {
    /// Those that were found and not opened yet.
    folders: Vec<(PathBuf, PathBuf)>,
    open: Option<(fs::ReadDir, PathBuf, PathBuf)>,
}

impl Walk {
    fn new(from: &Path, to: &Path) -> Self {
        Walk { folders: vec![(from.to_owned(), to.to_owned())], open: None }
    }

    /// What an entry is: a file, a failure, or a folder for later.
    fn look(&mut self, entry: io::Result<fs::DirEntry>) -> Option<Found> {
        let (_, from, to) = self.open.as_ref()?;
        let entry = match entry {
            Ok(entry) => entry,
            Err(source) => return Some(Err(NotCopied { path: from.clone(), source })),
        };
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type() {
            Ok(kind) if kind.is_file() => Some(Ok((path, to))),
            Ok(kind) if kind.is_dir() => {
                self.folders.push((path, to));
                None
            }
            Ok(_) => {
                let source = io::Error::new(io::ErrorKind::Unsupported, "neither file nor folder");
                Some(Err(NotCopied { path, source }))
            }
            Err(source) => Some(Err(NotCopied { path, source })),
        }
    }
}

impl Iterator for Walk {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            while let Some((entries, ..)) = &mut self.open {
                match entries.next() {
                    Some(entry) => {
                        if let Some(found) = self.look(entry) {
                            return Some(found);
                        }
                    }
                    None => self.open = None,
                }
            }
            let (from, to) = self.folders.pop()?;
            match fs::create_dir_all(&to).and_then(|()| fs::read_dir(&from)) {
                Ok(entries) => self.open = Some((entries, from, to)),
                Err(source) => return Some(Err(NotCopied { path: from, source })),
            }
        }
    }
}
