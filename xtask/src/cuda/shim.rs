//! `cargo xtask cuda shim`: the driver functions that the shim of pipe-gpu defines, with the types that `cust_raw` gives them.
//!
//! Those that `cust` and pipe-gpu call, and no others: a library that exports all 353 would only be larger.

use crate::workspace::cargo;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Make the prototypes of the driver shim from the sources of cust and cust_raw.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Only say whether the committed ones are those.
    #[arg(long)]
    check: bool,
}

/// Written by hand in the shim, so that they always give a text.
const BY_HAND: [&str; 2] = ["cuGetErrorString", "cuGetErrorName"];

pub(super) fn run(args: &Args) -> Result<String, String> {
    let sources = sources_of(&["cust", "cust_raw"])?;
    let bindings = read(&sources[1].join("src/cuda.rs"))?;
    let mut callers = String::new();
    append_rust(&sources[0].join("src"), &mut callers)?;
    let folder = super::pipe_gpu().join("src/cuda");
    append_rust(&folder, &mut callers)?;
    let (prototypes, codes) = (prototypes(&bindings, &callers), codes(&bindings));
    let (functions, known) = (prototypes.lines().count() - 4, codes.lines().count() - 3);
    for (name, text) in [("prototypes.in", prototypes), ("codes.in", codes)] {
        let path = folder.join(name);
        if !args.check {
            fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        } else if read(&path)? != text {
            let path = path.display();
            return Err(format!("{path} is not what cust_raw says. Run: cargo xtask cuda shim"));
        }
    }
    Ok(format!("{functions} driver functions, {known} result codes"))
}

/// Where cargo keeps the sources of these packages.
fn sources_of(names: &[&str]) -> Result<Vec<PathBuf>, String> {
    let output = cargo(["metadata", "--format-version", "1", "--all-features"])
        .output()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let source = |name: &&str| {
        let package = packages.iter().find(|package| package["name"] == **name);
        let manifest = package.and_then(|package| package["manifest_path"].as_str());
        let folder = manifest.and_then(|path| Path::new(path).parent()).map(Path::to_owned);
        folder.ok_or_else(|| format!("{name} is no dependency of this workspace"))
    };
    names.iter().map(source).collect()
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn append_rust(folder: &Path, all: &mut String) -> Result<(), String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if path.is_dir() {
            append_rust(&path, all)?;
        } else if path.extension().is_some_and(|end| end == "rs") {
            all.push_str(&read(&path)?);
        }
    }
    Ok(())
}

/// The functions of the bindings that the callers name, as the shim's macro takes them.
fn prototypes(bindings: &str, callers: &str) -> String {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let called: BTreeSet<&str> =
        callers.split(|c| !is_word(c)).filter(|word| word.starts_with("cu")).collect();
    let functions = bindings.split("pub fn ").skip(1).filter_map(|rest| {
        let (name, rest) = rest.split_once('(')?;
        let (arguments, rest) = rest.split_once(") -> ")?;
        let wanted = rest.starts_with("CUresult;") && called.contains(name) && !BY_HAND.contains(&name);
        let arguments = arguments.split_whitespace().collect::<Vec<_>>().join(" ");
        wanted.then(|| (name, format!("    fn {name}({});\n", arguments.trim_end_matches(','))))
    });
    let functions: std::collections::BTreeMap<_, _> = functions.collect();
    let lines: String = functions.into_values().collect();
    format!(
        "// Made by `cargo xtask cuda shim` from cust_raw: the functions that cust and this crate call.\n\nshim! {{\n{lines}}}\n"
    )
}

/// The result codes that the bindings know, ascending.
fn codes(bindings: &str) -> String {
    let body = bindings.split("pub enum cudaError_enum {").nth(1).and_then(|rest| rest.split('}').next());
    let codes: BTreeSet<u32> = body
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.split_once('=')?.1.trim().trim_end_matches(',').parse().ok())
        .collect();
    let lines: String = codes.into_iter().map(|code| format!("    {code},\n")).collect();
    format!(
        "// Made by `cargo xtask cuda shim` from cust_raw: the result codes that its enum has.\n[\n{lines}]\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const BINDINGS: &str = "pub enum cudaError_enum {\n    CUDA_SUCCESS = 0,\n    CUDA_ERROR_UNKNOWN = 999,\n    CUDA_ERROR_A = 2,\n}\n\
        extern \"C\" {\n    pub fn cuB(\n        a: *mut u8,\n        b: f32,\n    ) -> CUresult;\n}\n\
        extern \"C\" { pub fn cuA() -> CUresult; pub fn cuUnused() -> CUresult; pub fn cuGetErrorName(e: u8) -> CUresult; }";

    #[test]
    fn the_functions_that_are_called_are_made_sorted_and_without_those_written_by_hand() {
        let made =
            prototypes(BINDINGS, "unsafe { cuda::cuA(); cuB(a, b); cuGetErrorName(e); cuUnusedElsewhere }");
        assert!(made.ends_with("shim! {\n    fn cuA();\n    fn cuB(a: *mut u8, b: f32);\n}\n"), "{made}");
    }

    #[test]
    fn the_codes_are_made_ascending() {
        assert!(codes(BINDINGS).ends_with("[\n    0,\n    2,\n    999,\n]\n"));
    }
}
