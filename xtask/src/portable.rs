//! `cargo xtask portable`: the tests of numbers on a processor without AVX, which an emulator plays.
//!
//! What is compiled for every processor has to run on every processor, and gives the same bits there: a machine with AVX-512 does not show
//! whether it does.

use crate::step::{Limit, Step, run_all};
use crate::tools::debian_file;
use crate::workspace::{cargo, target};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Intel's of 2008: SSE4.2, and nothing wider.
const PROCESSOR: &str = "Nehalem";

/// What the widest level of pipe-cache is called there; its tests fail if they find another one.
const LEVEL: &str = "Scalar";

/// Test pipe-core's kernels and pipe-cache on an emulated processor without AVX; brings the emulator if it can.
#[derive(clap::Args)]
#[command(after_help = "\
The emulator is qemu-x86_64: that of the system, or of Debian's package qemu-user-static, unpacked into target/tools.")]
pub(crate) struct Args {}

/// The files of tests of pipe-cache that compute; the others, such as the laws of executors, are the same on any processor.
const OF_NUMBERS: [&str; 8] =
    ["columns", "guard_page", "math", "programs", "reductions", "retain", "slices", "vocabulary"];

pub(crate) fn run(_: &Args) -> ExitCode {
    run_all(steps(), Limit::None).finish()
}

fn steps() -> Vec<Step> {
    let name = format!("tests on an emulated {PROCESSOR}");
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        return vec![Step::skipped(
            name,
            "the emulator plays an x86-64 processor of Linux on the same system only",
        )];
    }
    match emulator() {
        Err(why) => {
            vec![Step::skipped(name, format!("not installed: apt-get install qemu-user-static ({why})"))]
        }
        Ok(emulator) => vec![
            step("pipe-core", &emulator, &["kernels", "vocabulary"]),
            step("pipe-cache", &emulator, &OF_NUMBERS),
        ],
    }
}

/// Built as ever, and run by the emulator: so a test runs what users get, and nothing is built twice.
fn step(package: &str, emulator: &Path, files: &[&str]) -> Step {
    let runner =
        format!("target.'cfg(all())'.runner = [{:?}, '-cpu', '{PROCESSOR}']", emulator.display().to_string());
    let mut command = cargo(["--config", &runner, "test", "--quiet", "-p", package]);
    command.args(["--features", "pipe-core/testing"]).args(files.iter().flat_map(|file| ["--test", file]));
    command.env("PIPE_CACHE_BEST_LEVEL", LEVEL);
    Step::new(format!("{package} on an emulated {PROCESSOR}"), command)
}

/// The emulator that is there, or that can be brought.
fn emulator() -> Result<PathBuf, String> {
    let tools = target().join("tools");
    let ours = tools.join("qemu-x86_64-static");
    let there = [Path::new("qemu-x86_64-static"), Path::new("qemu-x86_64"), &ours];
    if let Some(there) = there.into_iter().find(|program| starts(program)) {
        return Ok(there.to_owned());
    }
    fs::create_dir_all(&tools).map_err(|error| format!("{}: {error}", tools.display()))?;
    let brought = debian_file("qemu-user-static", &tools, |path| path.ends_with("bin/qemu-x86_64-static"))?;
    fs::rename(&brought, &ours).map_err(|error| format!("{}: {error}", brought.display()))?;
    if starts(&ours) { Ok(ours) } else { Err(format!("{} does not start", ours.display())) }
}

fn starts(program: &Path) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}
