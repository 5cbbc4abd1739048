//! One aggregate of a large file: a fold with one accumulator per worker, over rows that are borrowed from the read buffer.
//!
//! ```text
//! cargo run --release -p docs --example stations -- [--on inline|parallel] [--workers N] [--report] FILE
//! ```
//!
//! FILE (`-` is standard input) has lines `name;value` with one digit behind the point. Prints one line,
//! `{Abha=-23.0/18.0/59.2, ...}`: lowest, mean and highest value of each station. A malformed line ends the run and is named by its
//! byte. Ctrl-C ends it with exit code 130: it prints the totals of what it has read by then, and on standard error that this was not
//! all; if it waits for input or meets a second Ctrl-C, it prints nothing.
//!
//! The pipeline is [`docs::stations::totals`]: it is written once and does not know where it runs.

use clap::Parser;
use docs::{program, stations};
use pipe_core::{Report, Run};
use pipe_stream::Lines;
use std::error::Error;
use std::process::ExitCode;

/// Lowest, mean and highest value of each station
#[derive(Parser)]
#[command(name = "stations")]
struct CommandLine {
    #[command(flatten)]
    args: program::Args,
}

fn main() -> ExitCode {
    let CommandLine { args } = CommandLine::parse();
    program::finish("stations", &args, run(&args))
}

fn run(args: &program::Args) -> Result<Report<String>, Box<dyn Error>> {
    let ctrl_c = program::CtrlC::new()?;
    let (executor, run) = (args.executor(), Run::new());
    ctrl_c.ends(run.clone());
    let report = match args.path() {
        Some(path) => stations::totals(Lines::open(path)?, &executor, &run)?,
        None => stations::totals(Lines::stdin(), &executor, &run)?,
    };
    Ok(report.map(|stations| format!("{stations}\n")))
}
