//! A file that a contender writes, and the answer that is read from it.

use super::text::{COMMON, Found};
use crate::contender::Job;
use crate::measure::BoxError;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Beside the input, on the same disk; removed when this is dropped, and overwritten if a run was killed before that.
pub(crate) struct Written(PathBuf);

impl Written {
    pub(crate) fn beside(job: &Job) -> Result<Self, BoxError> {
        Ok(Self(job.input()?.with_extension("written")))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The answer, if only what is wanted was written.
    pub(crate) fn all(&self) -> Result<String, BoxError> {
        Ok(Found::read(File::open(&self.0)?, |_| true)?.to_string())
    }

    /// The answer of those who write everything.
    pub(crate) fn wanted(&self) -> Result<String, BoxError> {
        let finder = memchr::memmem::Finder::new(COMMON);
        Ok(Found::read(File::open(&self.0)?, |line| finder.find(line).is_some())?.to_string())
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        // A contender that failed may not have made it.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_too_many_is_seen_and_the_file_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let input = Some(folder.path().join("a.txt"));
        let written =
            Written::beside(&Job { size: 1, input, instance: 0, parameter: 0, workers: 1 }).unwrap();
        std::fs::write(written.path(), "a Watson\nb\n").unwrap();
        assert_ne!(written.all().unwrap(), written.wanted().unwrap());
        std::fs::write(written.path(), "a Watson\n").unwrap();
        assert_eq!(written.all().unwrap(), written.wanted().unwrap());
        let path = written.path().to_owned();
        drop(written);
        assert!(!path.exists());
    }
}
