//! `cargo xtask cuda bundle`: the tests of the device and its benchmark in one program, for a machine that has a GPU and no Rust.

use crate::workspace::{cargo, target};
use std::fs;
use std::process::Stdio;

/// Build the tests and the benchmark of the device in release, into target/cuda/pipe-gpu-check; it needs the driver and glibc 2.34, nothing else.
#[derive(clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_: &Args) -> Result<String, String> {
    let build = ["build", "--release", "-p", "benches-gpu", "--message-format", "json"];
    let output =
        cargo(build).stderr(Stdio::inherit()).output().map_err(|error| format!("cargo build: {error}"))?;
    if !output.status.success() {
        return Err("The program does not build.".to_owned());
    }
    let built = program(&String::from_utf8_lossy(&output.stdout)).ok_or("cargo names no program")?;
    let folder = target().join("cuda");
    let bundle = folder.join("pipe-gpu-check");
    fs::create_dir_all(&folder)
        .and_then(|()| fs::copy(&built, &bundle))
        .map_err(|error| format!("{}: {error}", bundle.display()))?;
    let there = "./pipe-gpu-check | tee pipe-gpu-check.txt";
    let size = fs::metadata(&bundle).map_or(0, |file| file.len() >> 20);
    Ok(format!(
        "{} ({size} MiB)\nCarry it to a machine with a GPU, and there: {there}\nWhat to commit of what it says: crates/pipe-gpu/README.md.",
        bundle.display()
    ))
}

/// The program that cargo's messages name.
fn program(messages: &str) -> Option<String> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    messages.filter_map(|message| Some(message["executable"].as_str()?.to_owned())).next_back()
}
