//! 100,000 pages from a server that it starts itself, in order, into one file.
//!
//! ```text
//! cargo run --release -p docs --example fetch_100k -- [--count N] [--in-flight N] [--connections N] FILE
//! ```
//!
//! The server thinks for a millisecond, and answers one request of a thousand with 503, so that there is something to try again. Ctrl-C drains
//! the run: what is under way is finished, and FILE has the pages up to there. FILE has its name only when the run has ended well.
//!
//! The pipeline is [`docs::fetch::pages`].

use clap::Parser;
use docs::fetch::{Load, pages};
use docs::local_server::{LocalServer, Manners};
use docs::program::CtrlC;
use pipe_core::Run;
use pipe_stream::FileSink;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// 100,000 pages, in order, into one file
#[derive(Parser)]
#[command(name = "fetch_100k")]
struct CommandLine {
    /// How many pages
    #[arg(long, default_value_t = 100_000)]
    count: u64,
    /// How many at a time
    #[arg(long, default_value_t = 1_000)]
    in_flight: usize,
    /// Over how many connections
    #[arg(long, default_value_t = 256)]
    connections: usize,
    /// The file to write
    file: PathBuf,
}

fn main() -> ExitCode {
    match run(&CommandLine::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("fetch_100k: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &CommandLine) -> Result<ExitCode, Box<dyn Error>> {
    let ctrl_c = CtrlC::new()?;
    let server = LocalServer::start(Manners { latency: Duration::from_millis(1), one_fails_of: 1_000 })?;
    let base = server.url("");
    let urls = (0..command.count).map(move |n| format!("{base}/{n}"));
    let load = Load { in_flight: command.in_flight, connections: command.connections };
    let (file, run, begun) = (FileSink::create(&command.file)?, Run::new(), Instant::now());
    ctrl_c.ends(run.clone());
    let report = pages(urls, load, file, &run)?;
    let (pages, bytes, seconds) = (report.taken(), report.value, begun.elapsed().as_secs_f64());
    println!("{pages} pages, {bytes} bytes, {} requests, {seconds:.2} s", server.asked());
    if report.drained {
        println!("interrupted; these are the first ones");
        return Ok(ExitCode::from(130));
    }
    Ok(ExitCode::SUCCESS)
}
