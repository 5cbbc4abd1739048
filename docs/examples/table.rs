//! Columns of a table: what their numbers are like, and each of them normalised.
//!
//! ```text
//! cargo run --release -p docs --example table -- --columns NAME,.. [--on inline|parallel] [--workers N] [--report] IN.csv OUT.csv
//! ```
//!
//! IN.csv has a header. Writes the columns to OUT.csv, each number as its distance from the mean, in standard deviations, and prints for each
//! its name, how many numbers it has, their mean and standard deviation, the least and the greatest one. Rows without a number in one of the
//! columns are left out; `--report` says how many.
//!
//! The pipelines are in [`docs::table`]: they are written once and do not know where they run.

use clap::Parser;
use docs::{program, table};
use pipe_cache::Tiled;
use pipe_core::{Executor, Report};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

/// What the numbers in columns are like, and each of them normalised
#[derive(Parser)]
#[command(name = "table")]
struct CommandLine {
    /// The columns, by their names
    #[arg(long, required = true, value_delimiter = ',')]
    columns: Vec<String>,
    #[command(flatten)]
    args: program::Args,
    /// The table to write
    out: PathBuf,
}

fn main() -> ExitCode {
    let command = CommandLine::parse();
    program::finish("table", &command.args, run(&command))
}

fn run(CommandLine { columns, args, out }: &CommandLine) -> Result<Report<String>, Box<dyn Error>> {
    let executor = args.executor().kernels(Tiled::new());
    let file = pipe_stream::csv(args.path().ok_or("a table is read from a file")?)?;
    let report = table::columns(file, columns, &executor)?;
    let normalised = columns.iter().zip(&report.value);
    let normalised = normalised
        .map(|(name, numbers)| table::normalised(name, numbers.clone(), &executor))
        .collect::<Result<Vec<_>, _>>()?;
    table::write(out, &normalised, &executor)?;
    Ok(report.map(|_| normalised.iter().map(ToString::to_string).collect()))
}
