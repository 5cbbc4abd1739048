//! The hashes of the kernels' sources and images: `kernels/out/MANIFEST`, in the format that `sha256sum` checks, too.

use super::pipe_gpu;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the images lie.
pub(super) fn folder() -> PathBuf {
    pipe_gpu().join("kernels/out")
}

/// Hashes by path, from the folder of the images.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Manifest(pub(super) BTreeMap<String, String>);

impl Manifest {
    /// As these files are now.
    pub(super) fn of(folder: &Path, names: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let names: Vec<_> = names.into_iter().collect();
        let output = Command::new("sha256sum").args(&names).current_dir(folder).output();
        let output = output.map_err(|error| format!("sha256sum does not start: {error}"))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        Ok(Self::parse(&String::from_utf8_lossy(&output.stdout)))
    }

    /// As it was written.
    pub(super) fn read() -> Result<Self, String> {
        let path = folder().join("MANIFEST");
        let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self::parse(&text))
    }

    pub(super) fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let entry = |line: &str| line.split_once("  ").map(|(hash, path)| (path.to_owned(), hash.to_owned()));
        Manifest(lines.filter_map(entry).collect())
    }

    pub(super) fn write(&self, header: &[String]) -> Result<(), String> {
        let header: String = header.iter().map(|line| format!("# {line}\n")).collect();
        let lines: String = self.0.iter().map(|(path, hash)| format!("{hash}  {path}\n")).collect();
        let made = "# Made by `cargo xtask cuda build`, checked by `cargo xtask cuda check`.\n";
        let path = folder().join("MANIFEST");
        fs::write(&path, format!("{made}{header}{lines}"))
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Paths whose hash is another one in `now`, or that only one of the two has.
    pub(super) fn changed<'a>(&'a self, now: &'a Manifest) -> Vec<&'a str> {
        let mut paths: Vec<&str> = self.0.keys().chain(now.0.keys()).map(String::as_str).collect();
        paths.sort_unstable();
        paths.dedup();
        paths.retain(|path| self.0.get(*path) != now.0.get(*path));
        paths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_new_gone_or_another_one_has_changed() {
        let then = Manifest::parse("# by hand\n11  ../a.cu\n22  a.ptx\n33  b.ptx\n");
        let now = Manifest::parse("11  ../a.cu\n23  a.ptx\n44  c.ptx\n");
        assert_eq!(then.changed(&now), ["a.ptx", "b.ptx", "c.ptx"]);
        assert!(then.changed(&then).is_empty());
    }
}
