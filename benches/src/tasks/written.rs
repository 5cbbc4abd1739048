//! A file that a contender writes, and the answer that is read from it after the clock has stopped.

use super::text::Found;
use crate::contender::Job;
use crate::measure::BoxError;
use std::fs::File;
use std::path::{Path, PathBuf};

/// On the disk of the input; removed when this is dropped, and overwritten if a run was killed before that.
pub(crate) struct Written(PathBuf);

impl Written {
    /// The file that is asked for.
    pub(crate) fn beside(job: &Job) -> Result<Self, BoxError> {
        Ok(Self(job.input()?.with_extension("written")))
    }

    /// Another one, for what is made before the clock starts.
    pub(crate) fn aside(job: &Job) -> Result<Self, BoxError> {
        Ok(Self(job.input()?.with_extension("aside")))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// All lines of it, as they are.
    pub(crate) fn answer(&self) -> Result<String, BoxError> {
        Ok(Found::read(File::open(&self.0)?)?.to_string())
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
    fn all_that_was_written_counts_and_the_file_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let input = Some(folder.path().join("a.txt"));
        let job = Job { size: 1, input, instance: 0, parameter: 0, workers: 1 };
        let written = Written::beside(&job).unwrap();
        std::fs::write(written.path(), "a Watson\nb\n").unwrap();
        assert!(written.answer().unwrap().starts_with("2 lines 11 bytes"));
        assert_ne!(written.path(), Written::aside(&job).unwrap().path());
        let path = written.path().to_owned();
        drop(written);
        assert!(!path.exists());
    }
}
