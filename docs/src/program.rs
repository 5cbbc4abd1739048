//! What a command-line program needs around a pipeline: arguments, an executor, Ctrl-C, exit codes.

use pipe_core::plan::Plan;
use pipe_core::{Cancel, Executor, Inline, Profile, Report, Run, RunError};
use pipe_parallel::Parallel;
use std::convert::Infallible;
use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, mem, thread};

/// The arguments that all programs here have.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to run: on this thread, or on several
    #[arg(long, value_enum, default_value = "inline")]
    on: On,
    /// Threads of `--on parallel`, this one included; one per core unless given
    #[arg(long)]
    workers: Option<usize>,
    /// Print on standard error what the run did: items, bytes, failures
    #[arg(long)]
    report: bool,
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

/// The exit code of a program that Ctrl-C ended: 128 and the number of the signal.
const INTERRUPTED: u8 = 130;

/// How long a run may take to end well after Ctrl-C. It needs some milliseconds, unless it waits for a read: then nothing but the end of
/// the process helps.
const GRACE: Duration = Duration::from_secs(2);

/// What Ctrl-C does, as long as this lives.
///
/// The first one drains the run: it reads no more and ends well, with what it has read so far. If it has not ended in two seconds, or at
/// the next Ctrl-C, the process ends. So it does while there is no run. A run whose source is [stopped](CtrlC::stops) has until the next.
pub struct CtrlC {
    watched: Arc<Mutex<Watched>>,
}

/// What there is to end.
enum Watched {
    Nothing,
    Run(Run),
    Source(Cancel),
    Drained,
}

impl CtrlC {
    /// # Errors
    /// The system takes no handler, or there is one already.
    pub fn new() -> Result<Self, ctrlc::Error> {
        let watched = Arc::new(Mutex::new(Watched::Nothing));
        let handler = watched.clone();
        ctrlc::set_handler(move || {
            let mut watching = lock(&handler);
            let run = match mem::replace(&mut *watching, Watched::Drained) {
                Watched::Run(run) => run,
                Watched::Source(stop) => {
                    // The next Ctrl-C ends the process.
                    *watching = Watched::Nothing;
                    return stop.cancel();
                }
                Watched::Nothing | Watched::Drained => process::exit(i32::from(INTERRUPTED)),
            };
            drop(watching);
            run.drain(GRACE);
            // Not here: the next Ctrl-C is for this thread too.
            let watched = handler.clone();
            thread::spawn(move || {
                thread::sleep(GRACE);
                if matches!(*lock(&watched), Watched::Drained) {
                    process::exit(i32::from(INTERRUPTED));
                }
            });
        })?;
        Ok(CtrlC { watched })
    }

    /// The run that it ends.
    pub fn ends(&self, run: Run) {
        *lock(&self.watched) = Watched::Run(run);
    }

    /// The source that it stops: the run goes on with what that has taken, however long it takes, or until the next Ctrl-C.
    pub fn stops(&self, source: Cancel) {
        *lock(&self.watched) = Watched::Source(source);
    }
}

impl Drop for CtrlC {
    fn drop(&mut self) {
        *lock(&self.watched) = Watched::Nothing;
    }
}

fn lock(watched: &Mutex<Watched>) -> MutexGuard<'_, Watched> {
    watched.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends a program: prints the result, or says on standard error what went wrong. Returns 0, 1 for an error, 130 after Ctrl-C; then what
/// was printed is the result of what had been read. (Wrong usage ends it with 2 before it comes here.)
///
/// A reader of our output who has gone, as `head` does when it has seen enough, is no error.
pub fn finish(name: &str, args: &Args, ended: Result<Report<impl fmt::Display>, Box<dyn Error>>) -> ExitCode {
    // Not `eprintln!`, which panics if that reader has gone too.
    let say = |text: fmt::Arguments<'_>| _ = write!(io::stderr(), "{text}");
    let report = match ended {
        Ok(report) => report,
        // It was given two seconds to drain, and no other deadline.
        Err(error) if matches!(error.downcast_ref(), Some(RunError::TimedOut)) => {
            return ExitCode::from(INTERRUPTED);
        }
        Err(error) => {
            say(format_args!("{name}: {error}\n"));
            return ExitCode::FAILURE;
        }
    };
    if let Err(error) = print(&report.value)
        && error.kind() != ErrorKind::BrokenPipe
    {
        say(format_args!("{name}: write standard output: {error}\n"));
        return ExitCode::FAILURE;
    }
    if args.report {
        say(format_args!("{report}"));
    }
    if report.drained {
        say(format_args!(
            "{name}: interrupted; this is the result of the {} lines read until then\n",
            report.taken()
        ));
        return ExitCode::from(INTERRUPTED);
    }
    ExitCode::SUCCESS
}

/// Writes a result to standard output.
fn print(result: impl fmt::Display) -> io::Result<()> {
    // Standard output itself writes line by line, and its errors are lost in its own flush at the end.
    let mut out = io::BufWriter::with_capacity(64 << 10, io::stdout().lock());
    write!(out, "{result}")?;
    out.flush()
}
