//! One run of one contender, as a process of its own: this binary again, told what to be.

use crate::contender::{Contender, Job, Program};
use crate::host;
use crate::measure::{BoxError, Outcome};
use crate::metric::Metric;
use crate::weight;
use crate::workload::Workload;
use rustix::process::{Pid, Signal, getpgid, kill_process, kill_process_group};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// What one run gives: a figure, and the answers that must be right before it counts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Run {
    pub(crate) sample: Sample,
    /// The size of each input that was worked on, and what came out.
    pub(crate) answers: Vec<(u64, String)>,
    pub(crate) weight: Option<String>,
}

/// The figures of one run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) value: f64,
    pub(crate) seconds: Option<f64>,
    pub(crate) cpu_seconds: Option<f64>,
    pub(crate) peak_rss_bytes: Option<u64>,
}

/// Runs a contender once.
pub(crate) fn run(
    workload: &Workload,
    contender: &Contender,
    job: &Job,
    limit: Duration,
) -> Result<Run, BoxError> {
    if workload.metric.is_counted() {
        return counted(workload, contender, job, limit);
    }
    let output = output_within(command(workload, contender, job)?, limit)?;
    let outcome = parse(&output)?;
    let peak = || outcome.peak_rss_bytes.ok_or("this system does not tell a process its peak memory");
    let cpu = || outcome.cpu_seconds.ok_or("it has not told its processor time");
    let value = match workload.metric {
        Metric::ItemsPerSecond => outcome.items as f64 / outcome.seconds,
        Metric::PeakBytes => peak()? as f64,
        Metric::PeakOver { budget } => peak()? as f64 - budget as f64,
        Metric::ReadsPerChunk => outcome.counted.ok_or("it has not counted its reads")?,
        Metric::Percentile99 | Metric::Percentile999 => outcome.counted.ok_or("it has no percentile")?,
        Metric::NanosecondsPerCall => outcome.seconds * 1e9 * job.parameter as f64 / outcome.items as f64,
        Metric::PercentOff => outcome.counted.ok_or("it has not told how far it was off")?,
        Metric::PercentMissed => outcome.counted.ok_or("it has not counted what it missed")?,
        Metric::CpuNanosecondsPerItem => cpu()? * 1e9 / outcome.items as f64,
        Metric::CpuPercent => cpu()? * 100.0 / outcome.seconds,
        _ => outcome.seconds,
    };
    let sample = Sample {
        value,
        seconds: Some(outcome.seconds),
        cpu_seconds: outcome.cpu_seconds,
        // Whoever starts other programs does not see their memory.
        peak_rss_bytes: outcome.peak_rss_bytes.filter(|_| workload.metric != Metric::Seconds),
    };
    Ok(Run { sample, answers: vec![(job.size, outcome.answer)], weight: outcome.weight })
}

/// The same work on n and on 2n items: the difference has neither the start of the process nor the input's.
fn counted(workload: &Workload, contender: &Contender, job: &Job, limit: Duration) -> Result<Run, BoxError> {
    let (arguments, found): (&[&str], fn(&str) -> Option<u64>) = match workload.metric {
        Metric::AllocatorCallsPerItem => (&CALLS, calls),
        Metric::AllocatorInstructionsPerItem => (&IN_ALLOCATOR, collected),
        _ => (&CALLGRIND, collected),
    };
    let mut counts = Vec::new();
    let mut answers = Vec::new();
    for size in [job.size, 2 * job.size] {
        let mut valgrind = Command::new("valgrind");
        valgrind.args(arguments);
        let plain = command(workload, contender, &Job { size, ..job.clone() })?;
        let counted = under(valgrind, &plain, limit)?;
        answers.push((size, counted.outcome.answer));
        counts.push(found(&counted.report).ok_or("valgrind printed no count")?);
    }
    // One at least: so that there is a ratio to who needs none for an item.
    let value = counts[1].saturating_sub(counts[0]).max(1) as f64 / job.size as f64;
    let sample = Sample { value, seconds: None, cpu_seconds: None, peak_rss_bytes: None };
    Ok(Run { sample, answers, weight: None })
}

const CALLGRIND: [&str; 2] = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];

/// Collects from the entry to the exit of each of these.
const IN_ALLOCATOR: [&str; 8] = [
    "--tool=callgrind",
    "--callgrind-out-file=/dev/null",
    "--toggle-collect=malloc",
    "--toggle-collect=calloc",
    "--toggle-collect=realloc",
    "--toggle-collect=free",
    "--toggle-collect=posix_memalign",
    "--toggle-collect=aligned_alloc",
];

const CALLS: [&str; 2] = ["--tool=memcheck", "--undef-value-errors=no"];

/// A run under a tool: what the contender says, and what the tool says.
pub(crate) struct Inspected {
    pub(crate) outcome: Outcome,
    pub(crate) report: String,
}

/// Runs `plain` as the last arguments of `tool`.
pub(crate) fn under(mut tool: Command, plain: &Command, limit: Duration) -> Result<Inspected, BoxError> {
    tool.arg(plain.get_program()).args(plain.get_args());
    let output = output_within(tool, limit)?;
    Ok(Inspected { outcome: parse(&output)?, report: String::from_utf8_lossy(&output.stderr).into_owned() })
}

/// `==123== Collected : 456`
fn collected(report: &str) -> Option<u64> {
    report.lines().find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
}

/// `==7==   total heap usage: 1,234 allocs, 1,230 frees, 56,789 bytes allocated`
fn calls(report: &str) -> Option<u64> {
    let usage = report.lines().find_map(|line| line.split_once("total heap usage: "))?.1;
    let (allocs, rest) = usage.split_once(" allocs, ")?;
    let number = |text: &str| text.replace(',', "").parse::<u64>().ok();
    Some(number(allocs)? + number(rest.split_once(" frees")?.0)?)
}

/// How the contender is started; the reports print it.
pub(crate) fn command(workload: &Workload, contender: &Contender, job: &Job) -> std::io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["contend", workload.set, workload.name, contender.name]);
    command.args(["--size", &job.size.to_string(), "--instance", &job.instance.to_string()]);
    command.args(["--workers", &job.workers.to_string(), "--parameter", &job.parameter.to_string()]);
    command.envs(contender.environment);
    if let Some(input) = &job.input {
        command.arg("--input").arg(input);
    }
    Ok(command)
}

/// What a contender's process does: raise its weight, work, and say in one line what came of it.
pub(crate) fn contend(contender: &Contender, job: &Job) -> Result<(), BoxError> {
    let weight = weight::lift();
    match contender.program {
        Program::Function(work) => {
            let outcome = Outcome { weight: Some(weight), ..work(job)? };
            println!("{}", serde_json::to_string(&outcome)?);
            Ok(())
        }
        Program::Python => {
            let ((script, function), workers) = (contender.source, job.workers.to_string());
            let mut command = Command::new(host::python());
            command.arg(host::root().join(script)).arg(function).args(["--size", &job.size.to_string()]);
            command.args(["--workers", &workers, "--parameter", &job.parameter.to_string()]);
            if let Some(input) = &job.input {
                command.arg("--input").arg(input);
            }
            // Polars and NumPy read how many threads they may have when they are loaded.
            command.env("POLARS_MAX_THREADS", &workers).env("OMP_NUM_THREADS", &workers);
            command
                .env("NUMEXPR_NUM_THREADS", &workers)
                .env("NUMBA_CACHE_DIR", host::output_folder().join("numba"));
            // For scripts that ask this program for something: a server.
            command.env("PIPE_BENCHES", std::env::current_exe()?).env("PYTHONDONTWRITEBYTECODE", "1");
            // The script takes the place of this process, and with it its weight.
            Err(command.exec().into())
        }
        Program::Native(program) => {
            let mut command = Command::new(host::native(program));
            command.arg(contender.source.1).args(["--size", &job.size.to_string()]);
            command.args(["--workers", &job.workers.to_string()]).arg("--input").arg(job.input()?);
            Err(command.exec().into())
        }
    }
}

fn parse(output: &Output) -> Result<Outcome, BoxError> {
    let stdout = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!("{}: {}", output.status, last_lines(&output.stderr)).into());
    }
    let line = stdout.lines().last().ok_or("it printed nothing")?;
    Ok(serde_json::from_str(line)?)
}

fn last_lines(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(5)..].join("\n")
}

/// Waits without polling, which would disturb what is measured, and kills what is over its time.
///
/// The process is started here, on the runner's main thread: a contender ends when the thread that started it does.
fn output_within(mut command: Command, limit: Duration) -> Result<Output, BoxError> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn()?;
    let pid = Pid::from_child(&child);
    let (send, receive) = channel();
    std::thread::spawn(move || send.send(collect(child)));
    match receive.recv_timeout(limit) {
        Ok(output) => Ok(output?),
        Err(RecvTimeoutError::Disconnected) => Err("the thread that waited for it is gone".into()),
        Err(RecvTimeoutError::Timeout) => {
            kill(pid)?;
            Err(format!("killed after {} s", limit.as_secs()).into())
        }
    }
}

/// With the programs that it started, where it opened a session of its own.
fn kill(pid: Pid) -> rustix::io::Result<()> {
    if getpgid(Some(pid))? == pid {
        return kill_process_group(pid, Signal::KILL);
    }
    kill_process(pid, Signal::KILL)
}

fn collect(mut child: Child) -> std::io::Result<Output> {
    let mut stderr_pipe = child.stderr.take();
    let stderr = std::thread::spawn(move || {
        let mut text = Vec::new();
        stderr_pipe.as_mut().map(|pipe| pipe.read_to_end(&mut text));
        text
    });
    let mut stdout = Vec::new();
    child.stdout.take().map(|mut pipe| pipe.read_to_end(&mut stdout)).transpose()?;
    let status = child.wait()?;
    Ok(Output { status, stdout, stderr: stderr.join().unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn the_last_line_is_the_outcome() {
        let line =
            r#"{"items": 3, "seconds": 0.5, "cpu_seconds": 0.4, "peak_rss_bytes": null, "answer": "a"}"#;
        let output =
            output_within(shell(&format!("echo noise; echo '{line}'")), Duration::from_secs(20)).unwrap();
        let outcome = parse(&output).unwrap();
        assert_eq!((outcome.items, outcome.answer.as_str(), outcome.peak_rss_bytes), (3, "a", None));
    }

    #[test]
    fn a_failure_tells_what_the_process_said() {
        let output = output_within(shell("echo why >&2; exit 3"), Duration::from_secs(20)).unwrap();
        assert!(parse(&output).unwrap_err().to_string().ends_with("why"));
    }

    #[test]
    fn what_takes_too_long_is_killed() {
        let started = Instant::now();
        let killed = output_within(shell("exec sleep 100"), Duration::from_millis(50)).unwrap_err();
        assert!(
            killed.to_string().starts_with("killed after") && started.elapsed() < Duration::from_secs(50)
        );
    }

    #[test]
    fn what_it_started_is_killed_with_it() {
        // The output stays open for as long as one of the group lives, and `collect` reads it to its end.
        let mut grouped = shell("sleep 100 & sleep 100");
        let child = grouped.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let started = Instant::now();
        kill(Pid::from_child(&child)).unwrap();
        collect(child).unwrap();
        assert!(started.elapsed() < Duration::from_secs(50));
    }

    #[test]
    fn the_counts_are_found_in_the_reports_of_valgrind() {
        let report = "==7== Events    : Ir\n==7== Collected : 164012\n==7==\n==7== I   refs:      164,012\n";
        assert_eq!(collected(report), Some(164_012));
        assert_eq!(collected("nothing"), None);
        let report = "==7==   total heap usage: 1,234 allocs, 1,230 frees, 56,789 bytes allocated\n";
        assert_eq!((calls(report), calls("nothing")), (Some(2_464), None));
    }
}
