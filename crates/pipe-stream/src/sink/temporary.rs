//! Files and folders under a name that nobody looks for, until they are whole.

use std::cell::Cell;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A file or folder beside its target, `.NAME.part-PID-N`. Dropping it removes it.
pub(super) struct Temporary {
    path: PathBuf,
    target: PathBuf,
    remove: fn(&Path) -> io::Result<()>,
    /// It has its target's name: under its own there may be somebody else's by now, of a process with our number on another machine.
    renamed: Cell<bool>,
}

/// Only a leftover of a killed process with our process id is in the way, or of several.
const NAMES_TRIED: usize = 100;

impl Temporary {
    /// What `make` makes of a path that nothing has; it fails with `AlreadyExists` where something does.
    pub(super) fn make<T>(
        target: PathBuf,
        make: impl Fn(&Path) -> io::Result<T>,
        remove: fn(&Path) -> io::Result<()>,
    ) -> io::Result<(T, Self)> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = target.file_name().ok_or(ErrorKind::InvalidFilename)?;
        // Cut, so that a long name with its ending is still a valid one; it need not be unique.
        let name: String = name.to_string_lossy().chars().take(50).collect();
        for _ in 0..NAMES_TRIED {
            let number = NUMBER.fetch_add(1, Relaxed);
            let path = target.with_file_name(format!(".{name}.part-{}-{number}", process::id()));
            match make(&path) {
                Ok(made) => return Ok((made, Temporary { path, target, remove, renamed: Cell::new(false) })),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// Gives it the name of its target, in one step.
    pub(super) fn rename(&self) -> io::Result<()> {
        fs::rename(&self.path, &self.target)?;
        self.renamed.set(true);
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.renamed.get() {
            // If it fails nobody is left to tell.
            let _ = (self.remove)(&self.path);
        }
    }
}

/// Puts the names in a folder on the medium.
#[cfg(unix)]
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

/// Elsewhere folders cannot be opened; the rename itself is journalled.
#[cfg(not(unix))]
pub(super) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
