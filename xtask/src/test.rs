//! `cargo xtask test`: every test of the workspace, and of each crate alone as its users get it.

use crate::ci::task;
use crate::step::{Limit, Step, run_all};
use crate::workspace::{cargo, libraries};
use std::process::ExitCode;

/// Run every test: the whole workspace, then each crate with features alone, by default and with all of them.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Handed to each `cargo test`: a test name, or options such as --release.
    #[arg(allow_hyphen_values = true, value_name = "ARGS")]
    forwarded: Vec<String>,
    /// Handed to the tests themselves, such as --nocapture.
    #[arg(last = true, value_name = "TEST ARGS")]
    to_tests: Vec<String>,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    let forwarded = match args.to_tests.as_slice() {
        [] => args.forwarded.clone(),
        to_tests => [args.forwarded.as_slice(), &["--".to_owned()], to_tests].concat(),
    };
    run_all(steps(&forwarded), Limit::None).finish()
}

/// What "every test" means; `cargo xtask ci` runs the same list.
///
/// In the workspace run cargo unites the features that members ask of each other, so a crate is also tested alone: as
/// its users get it by default, and with all features. Each feature by itself is compiled by `cargo xtask ci`.
pub(crate) fn steps(forwarded: &[String]) -> Vec<Step> {
    // The tests over nats-server need one.
    let mut steps = vec![task("tools", &[]), step("test: workspace", &["--workspace"], forwarded)];
    match libraries() {
        Ok(libraries) => {
            for library in libraries.iter().filter(|library| !library.features.is_empty()) {
                let name = &library.name;
                steps.push(step(&format!("test: {name}, default features"), &["-p", name], forwarded));
                steps.push(step(
                    &format!("test: {name}, all features"),
                    &["-p", name, "--all-features"],
                    forwarded,
                ));
            }
        }
        Err(why) => steps.push(Step::failed("test: list of crates", why)),
    }
    steps
}

fn step(name: &str, options: &[&str], forwarded: &[String]) -> Step {
    // One run shows all that is wrong.
    let mut command = cargo(["test", "--quiet", "--no-fail-fast"]);
    command.args(options).args(forwarded);
    Step::new(name, command)
}
