//! A sound through a filter and a measure, block by block: memory does not grow with its length.
//!
//! ```text
//! cargo run --release -p docs --example signal -- [--cutoff HZ] [--taps N] [--on inline|parallel] [--workers N] [--report] IN.wav OUT.svg
//! ```
//!
//! IN.wav (`-` is standard input) may have any rate, any number of channels, which become one, and any format. Draws how loud it is over time,
//! before a low-pass and behind it, and prints both as one number.
//!
//! The pipeline is [`docs::signal::loudness`]: it is written once and does not know where it runs.

use clap::Parser;
use docs::program;
use docs::signal::{self, Loudness, LowPass};
use pipe_cache::Tiled;
use pipe_core::{Executor, Report};
use std::error::Error;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;

/// How loud a sound is over time, before a low-pass and behind it
#[derive(Parser)]
#[command(name = "signal")]
struct CommandLine {
    /// Tones above so many Hz are damped
    #[arg(long, default_value_t = 1_000.0)]
    cutoff: f64,
    /// How many taps the filter has, an odd number: more of them make it steeper
    #[arg(long, default_value_t = 101)]
    taps: usize,
    #[command(flatten)]
    args: program::Args,
    /// The plot to draw
    out: PathBuf,
}

fn main() -> ExitCode {
    let command = CommandLine::parse();
    program::finish("signal", &command.args, run(&command))
}

fn run(CommandLine { cutoff, taps, args, out }: &CommandLine) -> Result<Report<String>, Box<dyn Error>> {
    let executor = args.executor().kernels(Tiled::new());
    let low_pass = LowPass { cutoff: *cutoff, taps: *taps };
    let report = match args.path() {
        Some(path) => {
            let file = File::open(path).map_err(|error| format!("open {path:?}: {error}"))?;
            signal::loudness(BufReader::new(file), low_pass, &executor)?
        }
        None => signal::loudness(BufReader::new(io::stdin()), low_pass, &executor)?,
    };
    signal::plot(out, &report.value, low_pass)?;
    Ok(report.map(|Loudness { before, behind }| {
        let [before, behind] = [before, behind].map(|frames| Loudness::overall(&frames));
        format!("before\t{before:.4}\nbehind\t{behind:.4}\n")
    }))
}
