//! `cargo xtask cuda build`: compiles the kernels with NVRTC, a library that needs no toolkit, no host compiler and no GPU.

use super::manifest::{self, Manifest};
use super::pipe_gpu;
use crate::workspace::target;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Compile crates/pipe-gpu/kernels/*.cu and write the images and their manifest.
#[derive(clap::Args)]
pub(super) struct Args {
    /// Install NVRTC into target/xtask first, from the wheel that kernels/requirements.txt pins by its hash.
    #[arg(long)]
    fetch: bool,
    /// This NVRTC, libnvrtc.so.12, instead of the one in target/xtask.
    #[arg(long, value_name = "PATH")]
    nvrtc: Option<PathBuf>,
}

/// What the images are made by, as the manifest says it.
pub(super) const COMPILER: &str = "NVRTC 12.4.127";

/// Rounded one by one, as on the CPU: no operation is fused with another.
const OPTIONS: [&str; 3] = ["--std=c++17", "-default-device", "--fmad=false"];

/// An image for each of these: machine code for the two generations that data centres have, and PTX for those to come.
const ARCHITECTURES: [(&str, &str); 3] = [("sm_80", "cubin"), ("sm_90", "cubin"), ("compute_75", "ptx")];

pub(super) fn run(args: &Args) -> Result<String, String> {
    if args.fetch {
        fetch()?;
    }
    let nvrtc = args
        .nvrtc
        .clone()
        .or_else(installed)
        .ok_or("NVRTC is missing. Run: cargo xtask cuda build --fetch")?;
    let folder = manifest::folder();
    let images = compile(&nvrtc, &folder)?;
    let header = [format!("compiler: {COMPILER}"), format!("options: {}", OPTIONS.join(" "))];
    let sources: Vec<_> = texts()?.iter().map(|text| format!("../{}", name(text))).collect();
    Manifest::of(&folder, sources.into_iter().chain(images.iter().cloned()))?.write(&header)?;
    Ok(format!("{} images", images.len()))
}

/// The NVRTC that `--fetch` has installed.
pub(super) fn installed() -> Option<PathBuf> {
    let path = place().join("nvidia/cuda_nvrtc/lib/libnvrtc.so.12");
    path.exists().then_some(path)
}

fn place() -> PathBuf {
    target().join("xtask/nvrtc-12.4.127")
}

fn fetch() -> Result<(), String> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--upgrade", "--target"]);
    pip.arg(place()).arg("-r").arg(pipe_gpu().join("kernels/requirements.txt"));
    succeeded(&mut pip)
}

/// Compiles every source for every architecture; the names of the images that are in `folder` then.
pub(super) fn compile(nvrtc: &Path, folder: &Path) -> Result<Vec<String>, String> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut images = Vec::new();
    for source in sources()? {
        for (architecture, end) in ARCHITECTURES {
            let image = format!("{}.{architecture}.{end}", name(&source.with_extension("")));
            let mut python = Command::new("python3");
            python.arg(pipe_gpu().join("kernels/nvrtc.py")).arg(nvrtc).arg(&source).arg(folder.join(&image));
            succeeded(python.arg(architecture).args(OPTIONS))?;
            images.push(image);
        }
    }
    Ok(images)
}

/// The sources of the kernels, by name.
fn sources() -> Result<Vec<PathBuf>, String> {
    let mut sources = texts()?;
    sources.retain(|path| path.extension() == Some(OsStr::new("cu")));
    Ok(sources)
}

/// The sources, and what they include.
pub(super) fn texts() -> Result<Vec<PathBuf>, String> {
    let folder = pipe_gpu().join("kernels");
    let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let is_text = |path: &PathBuf| {
        path.extension().is_some_and(|end| end == OsStr::new("cu") || end == OsStr::new("cuh"))
    };
    let mut texts: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_text).collect();
    texts.sort();
    Ok(texts)
}

pub(super) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn succeeded(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program} failed ({status})")),
        Err(error) => Err(format!("{program} does not start: {error}")),
    }
}
