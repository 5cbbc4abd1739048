//! Lines that come over sockets, kept in a file in batches.
//!
//! ```text
//! cargo run --release -p docs --example tail_and_batch -- [--listen ADDRESS] [--age-ms N] [--bytes N] [--rest-ms N] [--lines N] FILE
//! tail -F access.log | nc 127.0.0.1 PORT
//! ```
//!
//! It prints where it listens. A batch is added to FILE when it is old or large enough, and is on the disk before the next is taken; while
//! that takes long, peers wait. With `--lines` it sends so many lines itself, over four connections, and ends with them. Ctrl-C closes the
//! connections and keeps what has been taken; another Ctrl-C does not wait for that.
//!
//! The pipeline is [`docs::tail_and_batch::tail_and_batch`].

use clap::Parser;
use docs::program::CtrlC;
use docs::tail_and_batch::{Batching, Journal, tail_and_batch};
use pipe_async::{Endpoint, Framing, ListenSettings, Listener, WireLimits, WireSink};
use pipe_core::{Cancel, Inline, Run, from_iter};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Lines that come over sockets, kept in a file in batches
#[derive(Parser)]
#[command(name = "tail_and_batch")]
struct CommandLine {
    /// Where to listen; port 0 is one that is free
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: String,
    /// How long a line may wait for others, in milliseconds
    #[arg(long, default_value_t = 200)]
    age_ms: u64,
    /// How many bytes a batch may have
    #[arg(long, default_value_t = 256 << 10)]
    bytes: usize,
    /// How long to rest behind each batch, in milliseconds: for a slower disk
    #[arg(long, default_value_t = 0)]
    rest_ms: u64,
    /// Send so many lines itself, and end with them
    #[arg(long)]
    lines: Option<u64>,
    /// The file to add to
    file: PathBuf,
}

/// Connections that `--lines` takes.
const SENDERS: u64 = 4;

/// A log may be silent for a night, and a disk be slow.
const IDLE: Duration = Duration::from_secs(24 * 60 * 60);

fn main() -> ExitCode {
    match run(&CommandLine::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tail_and_batch: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &CommandLine) -> Result<ExitCode, Box<dyn Error>> {
    let (ctrl_c, stop) = (CtrlC::new()?, Cancel::new());
    let limits = WireLimits { idle_timeout: IDLE, ..WireLimits::default() };
    let settings = ListenSettings { limits, ..ListenSettings::default() };
    let listener = Listener::bind(&Endpoint::tcp(&command.listen), Framing::Lines, settings)?.until(&stop);
    let journal = Journal::open(&command.file, Duration::from_millis(command.rest_ms))?;
    let batching = Batching { age: Duration::from_millis(command.age_ms), bytes: command.bytes };
    println!("listening on {}", listener.endpoint());
    ctrl_c.stops(stop.clone());
    let begun = Instant::now();
    let (listener, senders) = match command.lines {
        Some(lines) => send(listener, lines),
        None => (listener, Vec::new()),
    };
    let report = tail_and_batch(listener, batching, journal, &Run::new())?;
    let (kept, seconds) = (report.value, begun.elapsed().as_secs_f64());
    let (lines, bytes, batches) = (kept.lines, kept.bytes, kept.batches);
    println!("{lines} lines, {bytes} bytes, {batches} batches, {} broken, {seconds:.2} s", report.skipped());
    if stop.is_cancelled() {
        println!("interrupted; these are the lines taken until then");
        return Ok(ExitCode::from(130));
    }
    senders
        .into_iter()
        .try_for_each(|sender| sender.join().unwrap_or_else(|_| Err("a sender panicked".into())))?;
    Ok(ExitCode::SUCCESS)
}

/// A sender to each of some connections, the last that the listener takes.
fn send(listener: Listener, lines: u64) -> (Listener, Vec<JoinHandle<Result<(), String>>>) {
    let senders = (0..SENDERS).map(|sender| {
        let to = listener.endpoint().clone();
        thread::spawn(move || {
            let said = |error: &dyn Error| error.to_string();
            // However slow the disk is, it waits.
            let limits = WireLimits { frame_timeout: IDLE, ..WireLimits::default() };
            let sink = WireSink::connect(&to, Framing::Lines, limits).map_err(|error| said(&error))?;
            let numbers = from_iter(lines * sender / SENDERS..lines * (sender + 1) / SENDERS);
            let sent = numbers.map(|n| format!("line {n}")).to(sink).run_on(&Inline);
            sent.map(drop).map_err(|error| said(&error))
        })
    });
    let senders = senders.collect();
    (listener.connections(SENDERS), senders)
}
