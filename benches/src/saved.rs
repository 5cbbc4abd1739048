//! A run that was kept, to compare a later one with it.

use crate::host::Host;
use crate::measure::BoxError;
use crate::summary::RatioRow;
use serde::Deserialize;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What of its `results.json` a later run needs.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Saved {
    pub(crate) host: SavedHost,
    ratios: Vec<SavedRatio>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct SavedHost {
    pub(crate) commit: String,
    pub(crate) date: String,
    cpu: String,
    cores: usize,
    mode: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct SavedRatio {
    set: String,
    workload: String,
    ours: String,
    against: String,
    pub(crate) ratio: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// Where a ratio is now, seen from where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    Up,
    Down,
    /// The intervals of then and now meet.
    Nowhere,
}

impl Saved {
    /// The run that was saved as `name` below `folder`.
    ///
    /// # Errors
    /// There is none, or its file is not of this program.
    pub(crate) fn read(folder: &Path, name: &str) -> Result<Self, BoxError> {
        let path = path_of(folder, name)?;
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))?)
    }

    /// The same comparison in the saved run, and which way it has gone.
    pub(crate) fn compared(&self, now: &RatioRow) -> Option<(&SavedRatio, Moved)> {
        let same = |then: &&SavedRatio| {
            [&then.set, &then.workload, &then.ours, &then.against]
                == [now.set, now.workload, now.ours, now.against]
        };
        let then = self.ratios.iter().find(same)?;
        let moved = match () {
            () if now.low > then.high => Moved::Up,
            () if now.high < then.low => Moved::Down,
            () => Moved::Nowhere,
        };
        Some((then, moved))
    }

    /// Whether it ran on such a machine, at such sizes.
    pub(crate) fn is_alike(&self, host: &Host) -> bool {
        (self.host.cpu.as_str(), self.host.cores, self.host.mode.as_str())
            == (host.cpu.as_str(), host.cores, host.mode.as_str())
    }
}

/// Keeps the results that were written to `folder` at `path`, which [`path_of`] gave.
pub(crate) fn save(folder: &Path, path: &Path) -> io::Result<()> {
    path.parent().map(fs::create_dir_all).transpose()?;
    fs::copy(folder.join("results.json"), path).map(|_| ())
}

/// Where the run `name` is kept.
///
/// # Errors
/// The name is not one of a file.
pub(crate) fn path_of(folder: &Path, name: &str) -> Result<PathBuf, BoxError> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return Err(format!("`{name}` names no saved run: letters, digits, `-`, `_` and `.` do").into());
    }
    Ok(folder.join("saved").join(format!("{name}.json")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report;
    use crate::summary::tests::summary;

    #[test]
    fn a_saved_run_comes_back_and_tells_what_moved() {
        let folder = tempfile::tempdir().unwrap();
        let mut now = summary();
        report::write(&now, folder.path()).unwrap();
        save(folder.path(), &path_of(folder.path(), "before").unwrap()).unwrap();
        let saved = Saved::read(folder.path(), "before").unwrap();
        assert!(saved.is_alike(&now.host));
        let ratios: Vec<RatioRow> = now.ratios().cloned().collect();
        let moved =
            |low: f64, high: f64| saved.compared(&RatioRow { low, high, ..ratios[0].clone() }).unwrap().1;
        assert_eq!(moved(1.9, 2.1), Moved::Nowhere);
        assert_eq!(moved(2.1, 2.2), Moved::Up);
        assert_eq!(moved(1.0, 1.9), Moved::Down);
        assert!(saved.compared(&RatioRow { workload: "other", ..ratios[0].clone() }).is_none());
        now.workloads[0].ratios[0] = RatioRow { low: 2.1, high: 2.2, ..ratios[0].clone() };
        now.against = Some(saved);
        report::write(&now, folder.path()).unwrap();
        let text = fs::read_to_string(folder.path().join("report.md")).unwrap();
        assert!(text.contains("## Since the saved run") && text.contains("[2.10, 2.20] better"), "{text}");
    }

    #[test]
    fn a_name_is_no_path_and_a_run_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["", "../x", ".x", "a/b"] {
            assert!(path_of(folder.path(), name).is_err(), "{name}");
        }
        let error = Saved::read(folder.path(), "none").unwrap_err().to_string();
        assert!(error.contains("none.json"), "{error}");
    }
}
