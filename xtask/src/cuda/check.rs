//! `cargo xtask cuda check`: whether the committed images are those of the committed sources, and which kernels a device has confirmed.
//!
//! And whether the README says as many. That their sources were run on the CPU is what the tests of pipe-gpu do, and no result of a device.
//!
//! Needs no compiler, so continuous integration runs it everywhere. Where NVRTC is installed it also compiles again and compares the bytes,
//! which are the same on every run.

use super::build::{compile, installed, name, texts};
use super::manifest::{Manifest, folder};
use super::pipe_gpu;
use crate::workspace::target;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

/// Check the images of the kernels against their sources, and say which were not verified on a device.
#[derive(clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_: &Args) -> Result<String, String> {
    let (written, now) = (Manifest::read()?, Manifest::of(&folder(), files()?)?);
    let changed = written.changed(&now);
    if !changed.is_empty() {
        let changed = changed.join(", ");
        return Err(format!(
            "not as in kernels/out/MANIFEST: {changed}. Run: cargo xtask cuda build --fetch"
        ));
    }
    if let Some(nvrtc) = installed() {
        compiled_again(&nvrtc, &now)?;
    }
    let kernels = kernels()?;
    let verified = verified(&read(&folder().join("VERIFIED")).unwrap_or_default(), &now);
    let open: Vec<_> = kernels.iter().filter(|kernel| !verified.contains(*kernel)).collect();
    for kernel in &open {
        println!("{kernel}: not verified on a device");
    }
    let said = format!("{} of {} are open", open.len(), kernels.len());
    if !read(&pipe_gpu().join("README.md"))?.contains(&said) {
        return Err(format!("crates/pipe-gpu/README.md does not say that {said}"));
    }
    let total = kernels.len();
    Ok(format!(
        "{total} kernels, run on the CPU by the tests of pipe-gpu, {} not verified on a device",
        open.len()
    ))
}

/// The sources and images that are there, as the manifest names them.
fn files() -> Result<Vec<String>, String> {
    let images = fs::read_dir(folder()).map_err(|error| format!("{}: {error}", folder().display()))?;
    let images = images.filter_map(|entry| Some(entry.ok()?.path()));
    let images = images.filter(|path| has_end(path, "cubin") || has_end(path, "ptx"));
    let sources = texts()?.into_iter().map(|source| format!("../{}", name(&source)));
    Ok(sources.chain(images.map(|image| name(&image))).collect())
}

fn compiled_again(nvrtc: &Path, now: &Manifest) -> Result<(), String> {
    let place = target().join("xtask/kernels");
    let again = Manifest::of(&place, compile(nvrtc, &place)?)?;
    let other = again.0.iter().filter(|(image, hash)| now.0.get(*image) != Some(hash));
    let other: Vec<_> = other.map(|(image, _)| image.as_str()).collect();
    if other.is_empty() { Ok(()) } else { Err(format!("compiled again, these differ: {}", other.join(", "))) }
}

/// The names of all kernels: the entries of the PTX.
fn kernels() -> Result<BTreeSet<String>, String> {
    let images = fs::read_dir(folder()).map_err(|error| format!("{}: {error}", folder().display()))?;
    let texts = images.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| has_end(path, "ptx"));
    let texts = texts.map(|path| read(&path)).collect::<Result<Vec<_>, _>>()?;
    Ok(texts.iter().flat_map(|text| entries(text)).map(str::to_owned).collect())
}

fn entries(ptx: &str) -> impl Iterator<Item = &str> {
    ptx.split(".entry ").skip(1).filter_map(|rest| rest.split('(').next())
}

/// What the driver of the tests calls its device: a CPU, whose results say nothing of a device.
const FAKE: &str = " fake device";

/// The kernels that a device has confirmed in an image that is still the same. A line is `HASH KERNEL DEVICE; DRIVER; DATE`.
fn verified(text: &str, now: &Manifest) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.contains(FAKE));
    let result = |line: &str| {
        let mut words = line.split_whitespace();
        let (hash, kernel) = (words.next()?, words.next()?);
        now.0.values().any(|image| image == hash).then(|| kernel.to_owned())
    };
    lines.filter_map(result).collect()
}

fn has_end(path: &Path, end: &str) -> bool {
    path.extension() == Some(OsStr::new(end))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_entries_of_ptx_are_the_kernels() {
        let ptx = ".version 8.4\n.visible .entry pipe_a(\n.param .u64 x)\n{}\n.visible .entry pipe_b(\n)";
        assert_eq!(entries(ptx).collect::<Vec<_>>(), ["pipe_a", "pipe_b"]);
    }

    #[test]
    fn a_result_counts_while_its_image_is_the_same() {
        let now = Manifest::parse("11  a.ptx\n22  a.sm_90.cubin\n");
        let text = "# results\n22 pipe_a H200; 580.1; 2026-11-23\n21 pipe_b H200; 580.1; 2026-11-23\n\
            22 pipe_c fake device; CUDA 13.0; 2026-11-23\n";
        assert_eq!(verified(text, &now), BTreeSet::from(["pipe_a".to_owned()]));
    }
}
