//! A web server's logs, whatever the mix of their formats: rows of several kinds, and bad lines listed with where they are.
//!
//! ```text
//! cargo run --release -p docs --example access_log -- [--on inline|parallel] [--workers N] FILE
//! ```
//!
//! FILE (`-` is standard input) has lines of the common, the combined or Apache's error format. Prints, with tabs between fields,
//! requests and bytes per path and status, lines per error level, and how many lines were none of these, the first 20 with their
//! byte. Ctrl-C ends it with exit code 130.
//!
//! The pipeline is [`docs::access_log::summary`]: it is written once and does not know where it runs.

use clap::Parser;
use docs::{access_log, program};
use pipe_stream::Lines;
use std::error::Error;
use std::process::ExitCode;

/// Requests per path and status, and errors per level, of a web server's logs
#[derive(Parser)]
#[command(name = "access_log")]
struct CommandLine {
    #[command(flatten)]
    args: program::Args,
}

fn main() -> ExitCode {
    let CommandLine { args } = CommandLine::parse();
    program::finish("access_log", run(&args))
}

fn run(args: &program::Args) -> Result<(), Box<dyn Error>> {
    let cancel = program::cancelled_by_ctrl_c()?;
    let executor = args.executor();
    let report = match args.path() {
        Some(path) => access_log::summary(Lines::open(path)?, &cancel, &executor)?,
        None => access_log::summary(Lines::stdin(), &cancel, &executor)?,
    };
    program::print(report.value)?;
    Ok(())
}
