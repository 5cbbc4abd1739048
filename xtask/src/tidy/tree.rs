//! What the rules look at: the text of each file that git knows or would add, and the packages as cargo sees them.

use super::tokens::{Token, tokens};
use crate::workspace::{metadata, root};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

pub(super) struct Tree {
    packages: Vec<Package>,
    /// By path from the root, with `/` between folders.
    files: BTreeMap<String, String>,
}

/// A member of the workspace.
pub(super) struct Package {
    pub(super) name: String,
    /// From the root, such as `crates/pipe-core`.
    pub(super) folder: String,
    /// The rest of what cargo says about it, with inherited values filled in.
    pub(super) fields: Value,
}

impl Package {
    /// Whether it is published for others to use, and not a tool of this workspace.
    pub(super) fn is_library(&self) -> bool {
        self.folder.starts_with("crates/") && self.fields["publish"].is_null()
    }

    pub(super) fn path(&self, file: &str) -> String {
        format!("{}/{file}", self.folder)
    }
}

impl Tree {
    /// The workspace that xtask was built in. Files that git does not know yet are included: they are the next commit.
    pub(super) fn read() -> Result<Self, String> {
        let listed = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root())
            .output()
            .map_err(|error| format!("git could not be started: {error}"))?;
        if !listed.status.success() {
            return Err(String::from_utf8_lossy(&listed.stderr).into_owned());
        }
        let mut files = BTreeMap::new();
        for path in String::from_utf8_lossy(&listed.stdout).split_terminator('\0') {
            // A file that was deleted and not yet committed is listed, too.
            if let Ok(bytes) = std::fs::read(root().join(path)) {
                files.insert(path.to_owned(), String::from_utf8_lossy(&bytes).into_owned());
            }
        }
        Self::new(&root().to_string_lossy(), &metadata()?, files)
    }

    fn new(root: &str, metadata: &Value, files: BTreeMap<String, String>) -> Result<Self, String> {
        let listed = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
        let package = |fields: &Value| {
            let manifest = fields["manifest_path"].as_str()?.strip_prefix(root)?;
            let folder = manifest.trim_start_matches('/').strip_suffix("/Cargo.toml")?;
            let name = fields["name"].as_str()?.to_owned();
            Some(Package { name, folder: folder.to_owned(), fields: fields.clone() })
        };
        let packages: Option<Vec<_>> = listed.iter().map(package).collect();
        let packages = packages.ok_or("cargo metadata lists a package outside of the workspace")?;
        Ok(Self { packages, files })
    }

    pub(super) fn packages(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter()
    }

    pub(super) fn libraries(&self) -> impl Iterator<Item = &Package> {
        self.packages().filter(|package| package.is_library())
    }

    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    pub(super) fn file(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Every Rust file, cut into tokens.
    pub(super) fn rust(&self) -> impl Iterator<Item = (&str, Vec<Token<'_>>)> {
        self.files().filter(|(path, _)| path.ends_with(".rs")).map(|(path, text)| (path, tokens(text)))
    }
}

/// A workspace for tests: packages by name with fields beside the usual ones, and files by path.
#[cfg(test)]
pub(super) fn fixture(packages: &[(&str, Value)], files: &[(&str, &str)]) -> Tree {
    let listed: Vec<Value> = packages
        .iter()
        .map(|(name, fields)| {
            let folder = if name.starts_with("pipe-") { "crates/" } else { "" };
            let mut fields = fields.clone();
            fields["name"] = Value::from(*name);
            fields["manifest_path"] = Value::from(format!("/w/{folder}{name}/Cargo.toml"));
            fields
        })
        .collect();
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    Tree::new("/w", &serde_json::json!({ "packages": listed }), files).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Write as _};

    #[test]
    fn this_workspace_is_read_with_its_packages_and_files() {
        let git = Command::new("git").arg("rev-parse").current_dir(root()).output();
        if !git.is_ok_and(|output| output.status.success()) {
            // Not `println!`: the line is counted only if it leaves the test.
            io::stdout().write_all(b"SKIP tidy over this workspace: it is not in git\n").unwrap();
            return;
        }
        let tree = Tree::read().unwrap();
        assert!(tree.libraries().any(|package| package.folder == "crates/pipe-core"));
        assert!(tree.libraries().all(|package| package.name != "xtask"));
        assert!(tree.file("crates/pipe-core/src/lib.rs").is_some());
        assert!(tree.files().all(|(path, _)| !path.starts_with("target/")));
    }
}
