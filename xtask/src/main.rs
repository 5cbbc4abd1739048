//! `cargo xtask`: the tasks of this workspace.
//!
//! It starts processes and reads files, nothing else, so that it builds in seconds and needs no crate of the workspace. Each
//! task is a file of its own; what they share is [`step`], a named process that passes or fails.

#![forbid(unsafe_code)]

mod bench;
mod ci;
mod cluster;
mod cuda;
mod doctor;
mod markdown;
mod output;
mod peers;
mod portable;
mod rust_version;
mod said;
mod scratch;
mod step;
mod test;
mod tidy;
mod tools;
mod workspace;

use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

/// The tasks of this workspace. Without an argument: this list.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Subcommand)]
enum Task {
    Bench(bench::Args),
    Peers(peers::Args),
    Doctor(doctor::Args),
    Test(test::Args),
    Tidy(tidy::Args),
    Tools(tools::Args),
    Portable(portable::Args),
    Cluster(cluster::Args),
    Scratch(scratch::Args),
    Cuda(cuda::Args),
    Ci(ci::Args),
}

fn main() -> ExitCode {
    match Cli::parse().task {
        Some(Task::Bench(args)) => bench::run(&args),
        Some(Task::Peers(args)) => peers::run(&args),
        Some(Task::Doctor(args)) => doctor::run(&args),
        Some(Task::Test(args)) => test::run(&args),
        Some(Task::Tidy(args)) => tidy::run(&args),
        Some(Task::Tools(args)) => tools::run(&args),
        Some(Task::Portable(args)) => portable::run(&args),
        Some(Task::Cluster(args)) => cluster::run(&args),
        Some(Task::Scratch(args)) => scratch::run(&args),
        Some(Task::Cuda(args)) => cuda::run(&args),
        Some(Task::Ci(args)) => ci::run(&args),
        None => match Cli::command().print_long_help() {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
    }
}
