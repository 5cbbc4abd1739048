//! What tests of files that are lent share: files of equal lines, backends, and processes that what happens to a file may end.

#![expect(unsafe_code, reason = "mappings that nothing but these tests can change")]

use pipe_core::{Batch, Flow};
use pipe_stream::{Backend, Chunk, Lines, Mapping, Opened, StreamError};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

pub(crate) const LEASED: Backend = Backend::Mapped(Mapping::leased());
// SAFETY: what is lent here is compared with what was written, and used for nothing that relies on it.
pub(crate) const GUARDED: Backend = Backend::Mapped(unsafe { Mapping::guarded() });
pub(crate) const LINE: &[u8] = b"one line, as long as all others are";

/// Names the test that this process was started for.
const CHILD: &str = "PIPE_STREAM_CHILD";

/// Runs `body` in a process of its own, which must end well.
pub(crate) fn alone(test: &str, body: impl FnOnce()) {
    if let Some(status) = in_child(test, &[], body) {
        assert!(status.success(), "{test}: {status}");
    }
}

/// How a process that runs `body` ends; `None` in that process. `with` is the program that starts it, if any.
pub(crate) fn in_child(test: &str, with: &[&str], body: impl FnOnce()) -> Option<ExitStatus> {
    if is_child(test) {
        body();
        return None;
    }
    let me = std::env::current_exe().unwrap();
    let mut command = match with {
        [] => Command::new(me),
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments).arg(me);
            command
        }
    };
    Some(
        command
            .args(["--exact", test, "--nocapture"])
            .env(CHILD, test)
            .stdout(Stdio::null())
            .status()
            .unwrap(),
    )
}

pub(crate) fn is_child(test: &str) -> bool {
    std::env::var(CHILD).is_ok_and(|child| child == test)
}

pub(crate) fn file_of(folder: &Path, lines: usize) -> PathBuf {
    let path = folder.join("input");
    fs::write(&path, [LINE, b"\n"].concat().repeat(lines)).unwrap();
    path
}

/// Another process does this to the file, and is done when this returns.
pub(crate) fn shell(script: &str, path: &Path) {
    let status = Command::new("sh").args(["-c", script, "sh"]).arg(path).status().unwrap();
    assert!(status.success(), "{script}: {status}");
}

pub(crate) fn open(path: &Path, backend: Backend) -> Lines<Opened> {
    Lines::open(path).unwrap().backend(backend)
}

/// The lines of a chunk, if all of them are what was written.
pub(crate) fn lines_of(chunk: &mut Chunk, line: &[u8]) -> Result<usize, StreamError> {
    let mut same = true;
    let lent = chunk.drive(usize::MAX, |_, this| {
        same &= this == line;
        Flow::Continue(())
    });
    chunk.check().map_err(|error| *error.downcast::<StreamError>().unwrap())?;
    assert!(same, "something else than was written");
    Ok(lent)
}
