//! Word counts over many files, by one process or by many on any number of machines.
//!
//! ```text
//! cargo run --release -p docs --example word_counts -- --out PARTS FILES...                  # all of it here
//! word_counts --server nats://n1:4222 --job books --role source --out PARTS FILES...         # or each part where you like
//! word_counts --server nats://n1:4222 --job books --role count --out PARTS                   # as many of these as you like
//! word_counts --server nats://n1:4222 --job books --role sink --out PARTS                    # prints the totals
//! ```
//!
//! FILES have to be readable under the same names wherever a worker is. The sink prints `count word` for each word, in the order of the
//! words, when all files have been counted; workers end by then, too. Any process may be killed and started again, with the same arguments.
//! A file that cannot be read is a letter in the stream `JOB-count-dead`; the exit code of its worker is then 1. Ctrl-C and SIGTERM let a
//! process finish the message it is at and give back the rest; its exit code is then 130.
//!
//! The job is [`docs::word_counts::job`].

use clap::Parser;
use docs::word_counts;
use pipe_async::{LocalTransport, Nats, NatsOptions, Role, StreamSettings};
use pipe_core::Cancel;
use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// How often each word is in many files
#[derive(Parser)]
#[command(name = "word_counts")]
struct CommandLine {
    /// What this process does: source, count, sink, or all; unless given, what PIPE_ROLE says, or all
    #[arg(long)]
    role: Option<Role>,
    /// A NATS server with JetStream, or several with commas between; without it everything is in this process
    #[arg(long, value_name = "URL", value_delimiter = ',')]
    server: Vec<String>,
    /// How many of the servers keep each stream
    #[arg(long, default_value_t = 1)]
    replicas: usize,
    /// The name of this input: processes with the same name work on the same job
    #[arg(long, default_value = "words")]
    job: String,
    /// After how many seconds without a word the work of a process that has ended goes to another
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    lease: u64,
    /// After how many seconds without an answer a server is given up
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    patience: u64,
    /// The folder where the sink keeps what comes, for this job alone
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// The files; only the source needs them
    files: Vec<PathBuf>,
}

fn main() -> ExitCode {
    match run(CommandLine::parse()) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(io::stderr(), "word_counts: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: CommandLine) -> Result<ExitCode, Box<dyn Error>> {
    let CommandLine { role, server, replicas, job, lease, patience, out, files } = command;
    let role = role.unwrap_or_else(Role::of_process);
    let stop = Cancel::new();
    let handler = stop.clone();
    ctrlc::set_handler(move || {
        handler.cancel();
        let _ = writeln!(io::stderr(), "word_counts: told to stop");
    })?;
    let (lease, patience) = (Duration::from_secs(lease), Duration::from_secs(patience));
    let settings = StreamSettings { lease, patience, ..StreamSettings::default() };
    let job = if server.is_empty() {
        word_counts::job(Arc::new(LocalTransport::new(settings)?), &job, files, &out)?
    } else {
        let nats = Nats::connect(&NatsOptions::new(server).replicas(replicas), settings)?;
        word_counts::job(Arc::new(nats), &job, files, &out)?
    };
    let done = job.run(&role, &stop)?;
    if stop.is_cancelled() {
        return Ok(ExitCode::from(130));
    }
    if matches!(role, Role::All | Role::Sink) {
        let mut printed = io::BufWriter::new(io::stdout().lock());
        for (word, count) in word_counts::totals(&out)? {
            writeln!(printed, "{count} {word}")?;
        }
        printed.flush()?;
    }
    if done.letters() > 0 {
        writeln!(io::stderr(), "word_counts: {} files could not be counted", done.letters())?;
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}
