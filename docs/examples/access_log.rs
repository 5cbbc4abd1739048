//! A web server's logs, whatever the mix of their formats: rows of several kinds, and bad lines listed with where they are.
//!
//! ```text
//! cargo run --release -p docs --example access_log -- [--on inline|parallel] [--workers N] [--report] [--dead-letters FILE] FILE
//! ```
//!
//! FILE (`-` is standard input) has lines of the common, the combined or Apache's error format. Prints, with tabs between fields,
//! requests and bytes per path and status, lines per error level, and how many lines were none of these, the first 20 with their
//! byte; all of these with `--dead-letters`, in a file that `pipe_stream::Replay` reads. Ctrl-C ends it with exit code 130: it prints the
//! counts of what it has read by then, and on standard error that this was not all; if it waits for input or meets a second Ctrl-C, it
//! prints nothing.
//!
//! The pipeline is [`docs::access_log::summary`]: it is written once and does not know where it runs.

use clap::Parser;
use docs::access_log::{self, Summary};
use docs::program;
use pipe_core::{Report, Run};
use pipe_stream::{DeadLetterFile, Lines};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

/// Requests per path and status, and errors per level, of a web server's logs
#[derive(Parser)]
#[command(name = "access_log")]
struct CommandLine {
    #[command(flatten)]
    args: program::Args,
    /// Append the malformed lines to this file, with position and reason, as one JSON object each
    #[arg(long, value_name = "FILE")]
    dead_letters: Option<PathBuf>,
}

fn main() -> ExitCode {
    let command = CommandLine::parse();
    program::finish("access_log", &command.args, run(&command))
}

fn run(CommandLine { args, dead_letters }: &CommandLine) -> Result<Report<Summary>, Box<dyn Error>> {
    let ctrl_c = program::CtrlC::new()?;
    let letters = dead_letters.as_ref().map(DeadLetterFile::append).transpose()?;
    let (executor, run) = (args.executor(), Run::new());
    ctrl_c.ends(run.clone());
    match args.path() {
        Some(path) => access_log::summary(Lines::open(path)?, letters, &executor, &run),
        None => access_log::summary(Lines::stdin(), letters, &executor, &run),
    }
}
