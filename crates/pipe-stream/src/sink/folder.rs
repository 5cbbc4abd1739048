//! A folder that is there whole or not at all.

use crate::error::{StreamError, Subject};
use crate::sink::Fsync;
use crate::sink::temporary::{Temporary, sync_folder};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{self, Path};

/// What a sink of several files has written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// How many files there are.
    pub files: u64,
    /// How many bytes are in them, headers included.
    pub bytes: u64,
}

/// A new folder beside its target, `.NAME.part-PID-N`, that takes the target's name with all files in it. One rename does that, so nobody
/// ever meets some of the files. Dropping it before removes it.
pub(super) struct Folder {
    temporary: Temporary,
    subject: Subject,
}

impl Folder {
    /// For `target`, which does not exist or is an empty folder; the folder that it is in does exist.
    pub(super) fn create(target: &Path) -> Result<Self, StreamError> {
        let subject = Subject::Path(target.to_owned());
        let temporary = make(target).map_err(|error| StreamError::io("create", &subject, None, error))?;
        Ok(Folder { temporary, subject })
    }

    pub(super) fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What errors call a file in it: by the name that it will have.
    pub(super) fn subject_of(&self, name: &str) -> Subject {
        Subject::Path(self.temporary.target().join(name))
    }

    /// A setting that must not be zero.
    pub(super) fn needs_one(
        &self,
        field: &'static str,
        value: u64,
        why: &'static str,
    ) -> Result<(), StreamError> {
        if value == 0 { Err(StreamError::setting(&self.subject, field, 0, why)) } else { Ok(()) }
    }

    /// That `key` names a file below this folder on any system.
    pub(super) fn check_name<'k>(&self, key: &'k [u8]) -> Result<&'k str, StreamError> {
        let name = str::from_utf8(key).map_err(|_| "it is not UTF-8");
        let checked = name.and_then(|name| why_no_name(name).map_or(Ok(name), Err));
        checked.map_err(|why| self.not_a_name(key, why))
    }

    pub(super) fn not_a_name(&self, key: &[u8], why: &'static str) -> StreamError {
        let shown = io::Error::other(format!("{:?}", String::from_utf8_lossy(key)));
        StreamError::not_a_name(why, shown, &self.subject)
    }

    /// A new file in it, and the folders that are part of its name.
    pub(super) fn create_file(&self, name: &str) -> Result<File, StreamError> {
        let path = self.temporary.path().join(name);
        let create = || OpenOptions::new().append(true).create_new(true).open(&path);
        let created = match create() {
            Err(error) if error.kind() == ErrorKind::NotFound && name.contains('/') => {
                path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| create())
            }
            created => created,
        };
        created.map_err(|error| StreamError::io("create", &self.subject_of(name), None, error))
    }

    /// A file that was created in it, to write behind what it has.
    pub(super) fn open_file(&self, name: &str) -> Result<File, StreamError> {
        let opened = OpenOptions::new().append(true).open(self.temporary.path().join(name));
        opened.map_err(|error| StreamError::io("open", &self.subject_of(name), None, error))
    }

    /// Puts what the folders of these files hold on the medium. The folder itself is left to the commit.
    pub(super) fn sync_below<'n>(&self, names: impl Iterator<Item = &'n str>) -> Result<(), StreamError> {
        let above = names.flat_map(|name| Path::new(name).ancestors().skip(1));
        let folders: BTreeSet<&Path> = above.filter(|folder| !folder.as_os_str().is_empty()).collect();
        folders
            .into_iter()
            .try_for_each(|folder| self.failed("sync", sync_folder(&self.temporary.path().join(folder))))
    }

    /// Gives it its name. Its files are closed, and on the medium if they are to be.
    pub(super) fn commit(self, fsync: Fsync) -> Result<(), StreamError> {
        let target = self.temporary.target();
        if fsync != Fsync::Never {
            self.failed("sync", sync_folder(self.temporary.path()))?;
        }
        // Unix renames over an empty folder, other systems do not.
        if cfg!(not(unix)) && target.exists() {
            self.failed("rename to", fs::remove_dir(target))?;
        }
        self.failed("rename to", self.temporary.rename())?;
        if fsync != Fsync::Never {
            self.failed("sync", target.parent().map_or(Ok(()), sync_folder))?;
        }
        Ok(())
    }

    fn failed(&self, operation: &'static str, result: io::Result<()>) -> Result<(), StreamError> {
        result.map_err(|error| StreamError::io(operation, &self.subject, None, error))
    }
}

/// Why a text is not the name of a file below a folder, or of one in a folder below it. Systems that take `\\` and `:` for more than
/// characters must not be a way out of the folder, so these are refused on all.
fn why_no_name(name: &str) -> Option<&'static str> {
    let refused = |part: &str| match part {
        "" => Some("a part of it is empty"),
        "." | ".." => Some("a part of it names a folder and not what is in it"),
        _ => None,
    };
    match name {
        _ if name.contains(['\\', ':']) => Some("it has a character that leads elsewhere on some systems"),
        _ if name.contains(char::is_control) => Some("it has a control character"),
        _ => name.split('/').find_map(refused),
    }
}

fn make(target: &Path) -> io::Result<Temporary> {
    let (target, permissions) = match fs::read_dir(target).map(|mut entries| entries.next().is_some()) {
        Ok(true) => return Err(ErrorKind::DirectoryNotEmpty.into()),
        Ok(false) => (fs::canonicalize(target)?, Some(fs::metadata(target)?.permissions())),
        // A link that leads nowhere is in the way as well.
        Err(error) if error.kind() == ErrorKind::NotFound => match fs::symlink_metadata(target) {
            Ok(_) => return Err(ErrorKind::AlreadyExists.into()),
            // Absolute, so that it stays the same folder when the process changes its own.
            Err(_) => (path::absolute(target)?, None),
        },
        Err(error) => return Err(error),
    };
    let ((), temporary) =
        Temporary::make(target, |path| fs::create_dir(path), |path| fs::remove_dir_all(path))?;
    if let Some(permissions) = permissions {
        fs::set_permissions(temporary.path(), permissions)?;
    }
    Ok(temporary)
}
