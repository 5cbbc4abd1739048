//! `cargo xtask bench`: starts the benchmark runner, which is a crate of its own because it builds every peer.

use crate::workspace::cargo;
use std::process::ExitCode;

/// Measure the crates beside their peers, and write target/bench/report.html, report.md and results.json.
#[derive(clap::Args)]
#[command(after_help = "\
Without arguments: every set, at sizes that fit this machine. One set, named, is what is mostly wanted.
Peers that cargo does not build take part once cargo xtask peers has installed them.

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

/// Runs the runner in the foreground: its progress belongs to the terminal.
pub(crate) fn run(args: &Args) -> ExitCode {
    let mut command = cargo(["run", "--quiet", "--release", "-p", "benches", "--"]);
    match command.args(&args.forwarded).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(status) => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        Err(error) => {
            eprintln!("cannot start cargo: {error}");
            ExitCode::FAILURE
        }
    }
}
