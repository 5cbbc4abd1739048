//! Measures the pipe crates beside their peers: the same work, in the same run, with the answers checked before a time
//! counts. Started by `cargo xtask bench`.
//!
//! The program runs itself again, once for each contender and round ([`process`]), so that threads, memory and caches of
//! one contender do not meet those of another. Peers that cargo does not build, such as Polars or ripgrep, take part where
//! they are: `cargo xtask peers` installs them, and the report lists who was missing. What its figures are not: a promise for other machines, or for other work.

mod admission;
mod allocations;
mod answers;
mod bar;
mod bench;
mod contender;
mod contenders;
mod echo_server;
mod host;
mod inputs;
mod interrupt;
mod measure;
mod memory_group;
mod metric;
mod nats_server;
// The one of the tasks, word for word: too little for a crate that both would depend on.
#[path = "../../xtask/src/output.rs"]
mod output;
mod process;
mod progress;
mod report;
mod rng;
mod runner;
mod saved;
mod scaling_law;
mod sets;
mod statistics;
mod summary;
mod tasks;
mod weight;
mod workload;

use admission::Peers;
use clap::Parser;
use contender::Job;
use measure::BoxError;
use sets::Mode;
use std::path::PathBuf;
use std::process::ExitCode;

/// Run every workload with all contenders, and write report.html, report.md and results.json to target/bench.
#[derive(Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench", args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    inner: Option<Inner>,
    #[command(flatten)]
    bench: BenchArgs,
}

#[derive(clap::Args)]
struct BenchArgs {
    /// The sets to run; all of them if none is named.
    #[arg(value_name = "SET", value_parser = clap::builder::PossibleValuesParser::new(sets::SETS))]
    sets: Vec<String>,
    /// Smaller inputs and fewer rounds: some minutes.
    #[arg(long, group = "mode")]
    quick: bool,
    /// The sizes of the bars; checks the disk first.
    #[arg(long, group = "mode")]
    full: bool,
    /// Tiny inputs and one round: checks every answer, says nothing about time.
    #[arg(long, group = "mode")]
    smoke: bool,
    /// Which of the others take part.
    #[arg(long, value_enum, default_value = "all")]
    peers: Peers,
    /// Only workloads with this in their name.
    #[arg(long, value_name = "TEXT", default_value = "")]
    filter: String,
    /// Counted rounds of each workload, however long they take.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,
    /// Seed of the order of contenders and of the bootstrap.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Count allocations per item too, under valgrind, in runs of their own; --full does so anyway.
    #[arg(long)]
    allocations: bool,
    /// Keep the results as NAME, for a later run to be compared with.
    #[arg(long, value_name = "NAME")]
    save: Option<String>,
    /// Say which ratios have moved since the run that was saved as NAME.
    #[arg(long, value_name = "NAME")]
    against: Option<String>,
    /// Instead: the workloads that run on one worker, on two, and so on to all cores.
    #[arg(long)]
    scaling: bool,
    /// Print sets, workloads and contenders, and run nothing.
    #[arg(long)]
    list: bool,
}

#[derive(clap::Subcommand)]
enum Inner {
    /// Be one contender, once, and print what came of it.
    #[command(hide = true)]
    Contend(ContendArgs),
    /// Be a server that sends everything back, as long as standard input is open; the first line says where.
    #[command(hide = true)]
    Echo,
}

#[derive(clap::Args)]
struct ContendArgs {
    set: String,
    workload: String,
    contender: String,
    #[arg(long)]
    size: u64,
    #[arg(long)]
    input: Option<PathBuf>,
    #[arg(long, default_value_t = 0)]
    instance: usize,
    #[arg(long, default_value_t = host::workers())]
    workers: usize,
    /// That of the smallest size, unless given.
    #[arg(long)]
    parameter: Option<u64>,
}

impl BenchArgs {
    fn mode(&self) -> Mode {
        match self {
            Self { smoke: true, .. } => Mode::Smoke,
            Self { quick: true, .. } => Mode::Quick,
            Self { full: true, .. } => Mode::Full,
            _ => Mode::Default,
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.inner {
        Some(Inner::Contend(args)) => contend(args).map(|()| ExitCode::SUCCESS),
        Some(Inner::Echo) => echo_server::serve().map(|()| ExitCode::SUCCESS),
        None if cli.bench.list => bench::list(&cli.bench).map(|()| ExitCode::SUCCESS),
        None => bench::run(&cli.bench),
    };
    result.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}

fn contend(args: ContendArgs) -> Result<(), BoxError> {
    let (workload, contender) = bench::find(&args.set, &args.workload, &args.contender)?;
    let ContendArgs { size, input, instance, workers, parameter, .. } = args;
    let parameter = parameter.unwrap_or_else(|| contender.parameter(&workload));
    process::contend(&contender, &Job { size, input, instance, workers, parameter })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
        assert!(Cli::try_parse_from(["bench", "core", "--quick", "--peers", "rust"]).is_ok());
        assert!(Cli::try_parse_from(["bench", "parallel", "--scaling"]).is_ok());
        assert!(Cli::try_parse_from(["bench", "--quick", "--full"]).is_err());
        assert!(Cli::try_parse_from(["bench", "no-such-set"]).is_err());
        let contend = ["bench", "contend", "core", "fused-rows", "ours", "--size", "3"];
        assert!(matches!(Cli::try_parse_from(contend).unwrap().inner, Some(Inner::Contend(_))));
    }
}
