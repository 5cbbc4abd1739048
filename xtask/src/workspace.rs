//! Where the workspace is, how its cargo is called, and which library crates it has.

use crate::said::said;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

/// A library crate of the workspace.
pub(crate) struct Library {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Those that it declares besides `default`.
    pub(crate) features: Vec<String>,
    /// How many packages a user may get with it, from `[package.metadata.pipe]`; none if it does not say.
    pub(crate) max_dependencies: Option<u64>,
}

/// The folder that holds the workspace's `Cargo.toml`.
pub(crate) fn root() -> PathBuf {
    let xtask = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().map(PathBuf::from).unwrap_or(xtask)
}

/// Where all that is made goes; cargo's own rule, without its configuration files.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// What `cargo xtask ci` writes in a fresh clone, in KiB, as measured.
pub(crate) const COLD_RUN: u64 = 9 << 20;

/// What is free where things are built, in KiB; none if the system does not tell.
pub(crate) fn free_disk() -> Option<u64> {
    let folder = target();
    // It may not be there yet; the folder above it is.
    let there = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(&folder);
    let table = said(Command::new("df").arg("-Pk").arg(there))?;
    table.lines().last()?.split_whitespace().nth(3)?.parse().ok()
}

/// The cargo that started us, so that `cargo +nightly xtask` stays on one toolchain.
pub(crate) fn cargo<'a>(args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(root());
    command
}

/// Whether `cargo TOOL` is installed; rustfmt and clippy are components that a machine may lack.
pub(crate) fn has_tool(tool: &str) -> bool {
    cargo([tool, "--version"]).output().is_ok_and(|output| output.status.success())
}

/// The crates under `crates/`, as cargo itself sees them.
pub(crate) fn libraries() -> Result<Vec<Library>, String> {
    parse(&metadata()?)
}

/// What cargo knows of the members of the workspace, without their dependencies' own.
pub(crate) fn metadata() -> Result<Value, String> {
    let output = cargo(["metadata", "--no-deps", "--format-version", "1"])
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))
}

fn parse(metadata: &Value) -> Result<Vec<Library>, String> {
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    // A published crate has no `publish` restriction; xtask, benches and docs have an empty list there.
    Ok(packages.iter().filter(|package| package["publish"].is_null()).filter_map(library).collect())
}

fn library(package: &Value) -> Option<Library> {
    let declared = package["features"].as_object()?;
    Some(Library {
        name: package["name"].as_str()?.to_owned(),
        version: package["version"].as_str()?.to_owned(),
        features: declared.keys().filter(|feature| *feature != "default").cloned().collect(),
        max_dependencies: package["metadata"]["pipe"]["max-dependencies"].as_u64(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_crates_are_libraries_and_default_is_not_a_feature_to_try() {
        let metadata = serde_json::json!({ "packages": [
            { "name": "pipe-core", "version": "0.1.0", "publish": null, "features": { "default": [], "testing": [] } },
            { "name": "xtask", "publish": [], "features": {} },
        ]});
        let found = parse(&metadata).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].name.as_str(), found[0].features.as_slice()),
            ("pipe-core", &["testing".into()][..])
        );
    }

    #[test]
    fn this_workspace_has_libraries_and_xtask_is_none_of_them() {
        let found = libraries().unwrap();
        assert!(found.iter().any(|library| library.name == "pipe-core"));
        assert!(found.iter().all(|library| library.name != "xtask"));
    }
}
