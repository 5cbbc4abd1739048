//! What a command-line program needs around a pipeline: arguments, an executor, Ctrl-C, exit codes.

use pipe_core::plan::Plan;
use pipe_core::{Cancel, Executor, Inline, Profile, RunError};
use pipe_parallel::Parallel;
use std::convert::Infallible;
use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};
use std::thread;
use std::time::Duration;

/// The arguments that all programs here have.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to run: on this thread, or on several
    #[arg(long, value_enum, default_value = "inline")]
    on: On,
    /// Threads of `--on parallel`, this one included; one per core unless given
    #[arg(long)]
    workers: Option<usize>,
    /// The file to read; `-` is standard input
    file: PathBuf,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum On {
    Inline,
    Parallel,
}

impl Args {
    /// The file to read; `None` is standard input.
    pub fn path(&self) -> Option<&Path> {
        (self.file != Path::new("-")).then_some(&self.file)
    }

    /// The executor to run on.
    pub fn executor(&self) -> Chosen {
        match (self.on, self.workers) {
            (On::Inline, _) => Chosen::Inline,
            (On::Parallel, None) => Chosen::Parallel(Parallel::new()),
            (On::Parallel, Some(workers)) => Chosen::Parallel(Parallel::new().workers(workers)),
        }
    }
}

/// An executor chosen at run time. A pipeline does not know which one it meets, so this is all that a choice takes.
#[derive(Debug)]
pub enum Chosen {
    /// This thread.
    Inline,
    /// Several.
    Parallel(Parallel),
}

impl<'p> Executor<'p> for Chosen {
    type Ran = Result<(), RunError>;
    type Async = Infallible;

    fn profile(&self) -> Result<Profile, RunError> {
        match self {
            Chosen::Inline => Inline.profile(),
            Chosen::Parallel(parallel) => parallel.profile(),
        }
    }

    fn execute(&self, plan: Plan<'p>) -> Result<(), RunError> {
        match self {
            Chosen::Inline => Inline.execute(plan),
            Chosen::Parallel(parallel) => parallel.execute(plan),
        }
    }
}

/// The exit code of a program that was cancelled: 128 and the number of the signal.
const CANCELLED: u8 = 130;

/// A run sees a cancellation within microseconds, unless it waits for a read. Then nothing but the end of the process helps.
const GRACE: Duration = Duration::from_millis(500);

/// Lets Ctrl-C switch on the token that is returned, and end the process if the run has not ended it half a second later.
///
/// # Errors
/// The system takes no handler.
pub fn cancelled_by_ctrl_c() -> Result<Cancel, ctrlc::Error> {
    let cancel = Cancel::new();
    let switch = cancel.clone();
    ctrlc::set_handler(move || {
        switch.cancel();
        thread::sleep(GRACE);
        process::exit(i32::from(CANCELLED));
    })?;
    Ok(cancel)
}

/// Writes a result to standard output.
///
/// # Errors
/// The reader has gone, the disk is full.
pub fn print(result: impl std::fmt::Display) -> io::Result<()> {
    // Standard output itself writes line by line, and its errors are lost in its own flush at the end.
    let mut out = io::BufWriter::with_capacity(64 << 10, io::stdout().lock());
    write!(out, "{result}")?;
    out.flush()
}

/// Ends a program: says what went wrong, and returns 0 if nothing did, 1 for an error, 130 after Ctrl-C. (Wrong usage ends it with 2
/// before it comes here.)
///
/// A reader of our output who has gone, as `head` does when it has seen enough, is no error.
pub fn finish(name: &str, result: Result<(), Box<dyn Error>>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    if let Some(RunError::Cancelled) = error.downcast_ref() {
        return ExitCode::from(CANCELLED);
    }
    // The only input or output of ours that is not a pipeline's; those have errors of their own.
    let output = error.downcast_ref::<io::Error>();
    if output.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe) {
        return ExitCode::SUCCESS;
    }
    let place = if output.is_some() { "write standard output: " } else { "" };
    // Not `eprintln!`, which panics if that reader has gone too.
    let _ = writeln!(io::stderr(), "{name}: {place}{error}");
    ExitCode::FAILURE
}
