//! Calls of a service that takes 200 ms, allows so many calls a second, and is busy now and then. It starts the service itself.
//!
//! ```text
//! cargo run --release -p docs --example slow_rpc -- [--count N] [--per-second N] [--batch N]
//! ```
//!
//! The pipeline is [`docs::slow_rpc::call_all`].

use clap::Parser;
use docs::local_server::{LocalServer, Manners};
use docs::slow_rpc::{Terms, call_all};
use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Calls of a service that is slow and allows so many calls a second
#[derive(Parser)]
#[command(name = "slow_rpc")]
struct CommandLine {
    /// How many items
    #[arg(long, default_value_t = 100_000)]
    count: u64,
    /// How many calls a second are allowed
    #[arg(long, default_value_t = 500)]
    per_second: u32,
    /// How many items a call may have
    #[arg(long, default_value_t = 100)]
    batch: usize,
}

fn main() -> ExitCode {
    match run(&CommandLine::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("slow_rpc: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &CommandLine) -> Result<(), Box<dyn Error>> {
    let server = LocalServer::start(Manners { latency: Duration::from_millis(200), one_fails_of: 100 })?;
    let terms = Terms { calls_per_second: command.per_second, batch: command.batch };
    let begun = Instant::now();
    let report = call_all(server.url("/"), command.count, terms)?;
    let (calls, seconds) = (server.asked(), begun.elapsed().as_secs_f64());
    println!("{} answers, {calls} calls, {seconds:.2} s", report.value.len());
    Ok(())
}
