//! `cargo xtask cuda`: what of pipe-gpu is made by tools and committed, so that neither a build nor a user needs them.

mod build;
mod bundle;
mod check;
mod manifest;
mod shim;

use clap::Subcommand;
use std::path::PathBuf;
use std::process::ExitCode;

/// Compile the CUDA kernels, check what was compiled, make the driver shim, pack the tests for a machine with a GPU.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    Build(build::Args),
    Check(check::Args),
    Shim(shim::Args),
    Bundle(bundle::Args),
}

pub(crate) fn run(args: &Args) -> ExitCode {
    let done = match &args.task {
        Task::Build(args) => build::run(args),
        Task::Check(args) => check::run(args),
        Task::Shim(args) => shim::run(args),
        Task::Bundle(args) => bundle::run(args),
    };
    match done {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// The crate that all of this is about.
fn pipe_gpu() -> PathBuf {
    crate::workspace::root().join("crates/pipe-gpu")
}
