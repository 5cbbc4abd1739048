//! Copies a folder with all that is in it.
//!
//! ```text
//! cargo run --release -p docs --example copy_tree -- [--threads N] FROM TO
//! ```
//!
//! What could not be copied is listed, and makes the exit code 1; it keeps nothing else from being copied. Ctrl-C lets the files end that
//! it is at.
//!
//! The pipeline is [`docs::copy_tree::copy_tree`].

use clap::Parser;
use docs::copy_tree::copy_tree;
use docs::program::CtrlC;
use pipe_core::Run;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

/// Copies a folder with all that is in it
#[derive(Parser)]
#[command(name = "copy_tree")]
struct CommandLine {
    /// How many files at once
    #[arg(long, default_value_t = 4)]
    threads: usize,
    /// The folder
    from: PathBuf,
    /// Where it goes
    to: PathBuf,
}

fn main() -> ExitCode {
    match run(&CommandLine::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("copy_tree: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &CommandLine) -> Result<ExitCode, Box<dyn Error>> {
    let (ctrl_c, run) = (CtrlC::new()?, Run::new());
    ctrl_c.ends(run.clone());
    let report = copy_tree(&command.from, &command.to, command.threads, &run)?;
    print!("{}", report.value);
    Ok(match (report.drained, report.value.failed.is_empty()) {
        (true, _) => ExitCode::from(130),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::FAILURE,
    })
}
