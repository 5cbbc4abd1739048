//! `cargo xtask bench`: starts the benchmark runner, which is a crate of its own because it builds every peer.

use crate::workspace::{cargo, target};
use std::os::unix::process::CommandExt;
use std::process::ExitCode;

/// Measure the crates beside their peers, and write target/bench/report.html, report.md and results.json.
#[derive(clap::Args)]
#[command(after_help = "\
Without arguments: every set, at sizes that fit this machine. One set, named, is what is mostly wanted.
Peers that cargo does not build take part once cargo xtask peers has installed them.
Ctrl-C ends a run, and what it had measured is reported to target/bench/interrupted.

  cargo xtask bench --list              what there is: sets, workloads, contenders
  cargo xtask bench --quick parallel    smaller sizes: one to three minutes for a set, on two cores
  cargo xtask bench --full parallel     one set at the sizes of the bars; checks the disk first
  cargo xtask bench parallel --scaling  one worker, two, and so on to all cores; fits the scalability law
  cargo xtask bench --filter stations --rounds 15 --peers rust
  cargo xtask bench -- --help           every option of the runner")]
pub(crate) struct Args {
    /// Sets, as --list names them, and options, handed to the runner word for word.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    forwarded: Vec<String>,
}

/// Becomes the runner, so that the terminal, with its Ctrl-C, is the runner's alone.
pub(crate) fn run(args: &Args) -> ExitCode {
    if !target().join("release/benches").exists() {
        eprintln!(
            "Building the runner and every peer that cargo builds: some five minutes on two cores, once."
        );
    }
    let mut command = cargo(["run", "--release", "-p", "benches", "--"]);
    // Comes back only if cargo cannot be started.
    let error = command.args(&args.forwarded).exec();
    eprintln!("cannot start cargo: {error}");
    ExitCode::FAILURE
}
