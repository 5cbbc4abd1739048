//! A run to look at in a browser while it goes on.
//!
//! ```text
//! cargo run --release -p docs --example live -- [--seconds N] [--workers N] [--on ADDRESS]
//! ```
//!
//! Prints the address of its page, and ends after two minutes, or when it is drained or cancelled there; then the page still shows how it
//! ended, until Enter or Ctrl-C. `--seconds` sets another length, and then it does not wait for anybody.
//!
//! The work is made up: numbers are hashed by all workers, some of them fail and are skipped, the rest is numbered by one thread at a
//! time and written by a sink that becomes slower and faster again. So what limits the run moves while one looks.

use clap::Parser;
use pipe_core::{FromIter, Run, RunError, Source, skip};
use pipe_metrics::Live;
use pipe_parallel::Parallel;
use std::error::Error;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// A run to look at in a browser while it goes on
#[derive(Parser)]
#[command(name = "live")]
struct CommandLine {
    /// How long it runs; two minutes unless given
    #[arg(long)]
    seconds: Option<u64>,
    /// Threads, this one included; one per core unless given
    #[arg(long)]
    workers: Option<usize>,
    /// Where the page is; 0 is a port that is free
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    on: String,
}

fn main() -> ExitCode {
    match run(&CommandLine::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("live: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &CommandLine) -> Result<(), Box<dyn Error>> {
    let live = Live::on(&*command.on)?;
    println!("open {}", live.url());
    let executor = match command.workers {
        Some(workers) => Parallel::new().workers(workers),
        None => Parallel::new(),
    };
    let length = Duration::from_secs(command.seconds.unwrap_or(120));
    match pipeline(length, live.clone(), &executor) {
        Ok(()) | Err(RunError::Cancelled) => {}
        Err(error) => return Err(error.into()),
    }
    if command.seconds.is_none() {
        println!("the page shows how it ended; Enter ends it");
        std::io::stdin().read_line(&mut String::new())?;
    }
    Ok(())
}

fn pipeline(length: Duration, live: Live, executor: &Parallel) -> Result<(), RunError> {
    let (run, began) = (Run::new(), Instant::now());
    let clock = run.clone();
    let numbers = FromIter::new((0u64..).inspect(move |n| {
        if n % 1_024 == 0 && began.elapsed() > length {
            clock.drain(Duration::from_secs(10));
        }
    }));
    let report = numbers
        .pipeline()
        .map(|n| work(n, 400))
        .named("hash")
        .try_map(|hash| if hash % 1_000 == 0 { Err("a hash that ends in 000") } else { Ok(hash) })
        .named("check")
        .on_error(skip())
        .scan(
            || 0u64,
            |count, hash| {
                *count += 1;
                (*count, hash)
            },
        )
        .named("number")
        .for_each(move |(_, hash)| {
            // Cheap for ten seconds, dear for ten.
            let dear = began.elapsed().as_secs() % 20 >= 10;
            work(hash, if dear { 600 } else { 20 });
        })
        .handled_by(&run)
        .observe(live)
        .run_on(executor)?;
    print!("{report}");
    Ok(())
}

/// So many multiplications.
fn work(seed: u64, rounds: u64) -> u64 {
    (0..rounds).fold(seed, |hash, _| black_box(hash.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23)))
}
