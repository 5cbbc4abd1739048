//! `cargo xtask cuda bundle`: the tests of the device in one program, for a machine that has a GPU and no Rust.

use crate::workspace::{cargo, target};
use std::fs;
use std::process::Stdio;

/// Build the test of the device in release and put it into target/cuda/pipe-gpu-check; it needs the driver and glibc 2.34, nothing else.
#[derive(clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_: &Args) -> Result<String, String> {
    let test = ["test", "--release", "-p", "pipe-gpu", "--features", "cuda", "--test", "on_a_device"];
    let output = cargo(test)
        .args(["--no-run", "--message-format", "json"])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo test: {error}"))?;
    if !output.status.success() {
        return Err("The test of the device does not build.".to_owned());
    }
    let built = program(&String::from_utf8_lossy(&output.stdout)).ok_or("cargo names no program")?;
    let folder = target().join("cuda");
    let bundle = folder.join("pipe-gpu-check");
    fs::create_dir_all(&folder)
        .and_then(|()| fs::copy(&built, &bundle))
        .map_err(|error| format!("{}: {error}", bundle.display()))?;
    Ok(format!(
        "{}\nRun it on a machine with a GPU; its last lines belong into kernels/out/VERIFIED.",
        bundle.display()
    ))
}

/// The program that cargo's messages name.
fn program(messages: &str) -> Option<String> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    messages.filter_map(|message| Some(message["executable"].as_str()?.to_owned())).next_back()
}
