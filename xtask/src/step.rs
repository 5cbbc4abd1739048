//! A step: a named process that passes, fails, or cannot run here; and the run over many of them.
//!
//! A failed step does not end the run, so that one run shows all that is wrong. The limit does: a step that hangs is
//! killed with its whole process group and named. A step that failed may be run once more, and is named if it then passes: what fails only
//! now and then is a fault, too, but one that says nothing about the change at hand.

use std::io::{BufRead, BufReader, IsTerminal, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long a killed step has to go before the run ends without it.
const GRACE: Duration = Duration::from_secs(5);

pub(crate) struct Step {
    name: String,
    action: Action,
    tries: u32,
}

enum Action {
    Run(Command),
    Skip(String),
    Fail(String),
}

impl Step {
    pub(crate) fn new(name: impl Into<String>, command: Command) -> Self {
        Self { name: name.into(), action: Action::Run(command), tries: 1 }
    }

    /// The same with these variables in its environment, and so in that of all that it starts.
    pub(crate) fn with(mut self, variables: &[(&str, &str)]) -> Self {
        if let Action::Run(command) = &mut self.action {
            command.envs(variables.iter().copied());
        }
        self
    }

    /// The same, run once more if it fails.
    pub(crate) fn or_again(mut self) -> Self {
        self.tries = 2;
        self
    }

    /// A check that this machine cannot run.
    pub(crate) fn skipped(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self { name: name.into(), action: Action::Skip(why.into()), tries: 1 }
    }

    /// A check that failed before it could start.
    pub(crate) fn failed(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self { name: name.into(), action: Action::Fail(why.into()), tries: 1 }
    }
}

/// How long a whole run may take.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    None,
    Whole(Duration),
}

/// What came of a run.
#[derive(Default)]
pub(crate) struct Tally {
    passed: usize,
    /// Names, for the list at the end.
    failed: Vec<String>,
    /// Those that passed when they were run once more.
    unsteady: Vec<String>,
    /// Steps that could not run, and `SKIP` lines that steps printed.
    skipped: usize,
}

impl Tally {
    /// Prints what failed, then the counts alone on the last line, for machines.
    pub(crate) fn finish(self) -> ExitCode {
        for name in &self.unsteady {
            println!("UNSTEADY {name}: it failed, and passed when it was run once more");
        }
        for name in &self.failed {
            println!("FAILED {name}");
        }
        let passed = self.passed + self.unsteady.len();
        println!("{passed} passed, {} failed, {} skipped", self.failed.len(), self.skipped);
        if self.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

pub(crate) fn run_all(steps: Vec<Step>, limit: Limit) -> Tally {
    let started = Instant::now();
    let mut tally = Tally::default();
    let mut steps = steps.into_iter();
    let left = || match limit {
        Limit::None => Duration::MAX,
        Limit::Whole(whole) => whole.saturating_sub(started.elapsed()),
    };
    for step in steps.by_ref() {
        match step.action {
            Action::Run(mut command) => {
                let mut tries = 1;
                let mut outcome = run(&step.name, &mut command, left(), &mut tally.skipped);
                while outcome == Outcome::Failed && tries < step.tries {
                    tries += 1;
                    outcome = run(&step.name, &mut command, left(), &mut tally.skipped);
                }
                match outcome {
                    Outcome::Passed if tries > 1 => tally.unsteady.push(step.name),
                    Outcome::Passed => tally.passed += 1,
                    Outcome::Failed => tally.failed.push(step.name),
                    Outcome::OutOfTime => {
                        tally.failed.push(step.name);
                        break;
                    }
                }
            }
            Action::Skip(why) => {
                println!("SKIP {}: {why}", step.name);
                tally.skipped += 1;
            }
            Action::Fail(why) => {
                println!("== {}\n{why}", step.name);
                tally.failed.push(step.name);
            }
        }
    }
    // Only the limit leaves steps over; they are not passed, and the step that used up the time has failed.
    for step in steps {
        println!("NOT RUN {}", step.name);
    }
    tally
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    /// The limit of the whole run is over.
    OutOfTime,
}

/// Runs one step, and counts what it skipped.
fn run(name: &str, command: &mut Command, left: Duration, skipped: &mut usize) -> Outcome {
    println!("== {name}");
    let started = Instant::now();
    let result = Running::start(command).map(|running| running.wait(left));
    let seconds = started.elapsed().as_secs_f64();
    match result {
        Ok(End { status: Some(status), skips }) => {
            *skipped += skips;
            if status.success() {
                println!("== {name}: passed in {seconds:.1} s");
                return Outcome::Passed;
            }
            println!("== {name}: FAILED in {seconds:.1} s ({status})");
            Outcome::Failed
        }
        Ok(End { status: None, skips }) => {
            *skipped += skips;
            println!(
                "== {name}: FAILED, still running after {seconds:.1} s when the limit of the run was over"
            );
            Outcome::OutOfTime
        }
        Err(error) => {
            println!("== {name}: FAILED, it did not start: {error}");
            Outcome::Failed
        }
    }
}

/// How a step ended: without a status if it had to be killed.
struct End {
    status: Option<ExitStatus>,
    skips: usize,
}

struct Running {
    pid: u32,
    leads_group: bool,
    status: Receiver<std::io::Result<ExitStatus>>,
    skips: Receiver<usize>,
}

impl Running {
    fn start(command: &mut Command) -> std::io::Result<Self> {
        // In a terminal the step stays in our group, so that Ctrl-C reaches it; elsewhere it leads a group of its own,
        // so that the watchdog ends all that it started.
        let leads_group = !std::io::stdin().is_terminal();
        if leads_group {
            command.process_group(0);
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take();
        let (send_skips, skips) = channel();
        std::thread::spawn(move || send_skips.send(stdout.map_or(0, echo)));
        Ok(Self { pid: child.id(), leads_group, status: wait_aside(child), skips })
    }

    fn wait(self, left: Duration) -> End {
        let status = self.status.recv_timeout(left).ok().and_then(Result::ok);
        if status.is_none() {
            self.kill();
        }
        // A grandchild may hold the pipe open for longer than the step lives.
        let skips = self.skips.recv_timeout(GRACE).unwrap_or_default();
        End { status, skips }
    }

    fn kill(&self) {
        let target = if self.leads_group { format!("-{}", self.pid) } else { self.pid.to_string() };
        let killed = Command::new("kill").args(["-KILL", "--", &target]).status();
        if !killed.is_ok_and(|status| status.success()) {
            println!("process {target} could not be killed");
        }
        if self.status.recv_timeout(GRACE).is_err() {
            println!("process {target} is still there");
        }
    }
}

fn wait_aside(mut child: Child) -> Receiver<std::io::Result<ExitStatus>> {
    let (send, status) = channel();
    std::thread::spawn(move || send.send(child.wait()));
    status
}

/// Passes lines on as they come, and counts those that say that something was skipped.
fn echo(from: impl Read) -> usize {
    let mut skips = 0;
    for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
        skips += usize::from(line.starts_with(b"SKIP "));
        println!("{}", String::from_utf8_lossy(&line));
    }
    skips
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_failure_is_named_and_the_rest_goes_on() {
        let steps = vec![
            Step::new("good", shell("exit 0")),
            Step::new("bad", shell("exit 3")),
            Step::new("absent", Command::new("/no/such/program")),
            Step::skipped("elsewhere", "not here"),
            Step::new("last", shell("echo SKIP a: b; echo no SKIP here")),
        ];
        let tally = run_all(steps, Limit::None);
        assert_eq!((tally.passed, tally.skipped), (2, 2));
        assert_eq!(tally.failed, ["bad", "absent"]);
    }

    #[test]
    fn a_step_that_passes_when_it_is_run_once_more_is_named_and_has_passed() {
        let file = std::env::temp_dir().join(format!("xtask-step-{}", std::process::id()));
        let second = format!("test -e {0} && rm {0} || {{ touch {0}; exit 1; }}", file.display());
        let steps = vec![
            Step::new("unsteady", shell(&second)).or_again(),
            Step::new("wrong", shell("exit 1")).or_again(),
            Step::new("once", shell("exit 1")),
        ];
        let tally = run_all(steps, Limit::None);
        assert_eq!((tally.passed, tally.unsteady), (0, vec!["unsteady".to_owned()]));
        assert_eq!(tally.failed, ["wrong", "once"]);
    }

    #[test]
    fn the_limit_ends_the_run_and_names_the_step_that_was_running() {
        let steps = vec![Step::new("hangs", shell("sleep 100")), Step::new("never", shell("exit 0"))];
        let started = Instant::now();
        let tally = run_all(steps, Limit::Whole(Duration::from_millis(200)));
        assert!(started.elapsed() < Duration::from_secs(50));
        assert_eq!((tally.passed, tally.failed), (0, vec!["hangs".to_owned()]));
    }
}
