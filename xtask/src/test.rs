//! `cargo xtask test`: every test of the workspace, and of each crate alone as its users get it.

use crate::ci::task;
use crate::said::said;
use crate::step::{Limit, Step, run_all};
use crate::workspace::{Library, cargo, libraries};
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
/// its users get it by default, and with all features unless the workspace run had them. Each feature by itself is compiled by
/// `cargo xtask ci`.
pub(crate) fn steps(forwarded: &[String]) -> Vec<Step> {
    // The tests over nats-server need one.
    let mut steps = vec![task("tools", &[]), step("test: workspace", &["--workspace"], forwarded)];
    match libraries() {
        Ok(libraries) => {
            let united = said(&mut cargo(UNITED)).unwrap_or_default();
            for library in libraries.iter().filter(|library| !library.features.is_empty()) {
                let name = &library.name;
                steps.push(step(&format!("test: {name}, default features"), &["-p", name], forwarded));
                if !has_all_features(&united, library) {
                    let all = ["-p", name, "--all-features"];
                    steps.push(step(&format!("test: {name}, all features"), &all, forwarded));
                }
            }
        }
        Err(why) => steps.push(Step::failed("test: list of crates", why)),
    }
    steps
}

/// Has cargo print a line for each member: its features in a run of the whole workspace, with commas between, and its name.
const UNITED: [&str; 8] = ["tree", "--workspace", "--depth", "0", "--prefix", "none", "--format", "{f} {p}"];

/// Whether the run of the whole workspace has all features of a crate; not, if cargo did not say.
fn has_all_features(united: &str, library: &Library) -> bool {
    let of = |line: &str| {
        let (features, package) = line.split_once(' ')?;
        (package.split(' ').next() == Some(&library.name))
            .then(|| features.split(',').map(str::to_owned).collect())
    };
    let features: Vec<String> = united.lines().find_map(of).unwrap_or_default();
    library.features.iter().all(|feature| features.contains(feature))
}

fn step(name: &str, options: &[&str], forwarded: &[String]) -> Step {
    // One run shows all that is wrong.
    let mut command = cargo(["test", "--quiet", "--no-fail-fast"]);
    command.args(options).args(forwarded);
    Step::new(name, command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(name: &str, features: &[&str]) -> Library {
        let features = features.iter().map(|&feature| feature.to_owned()).collect();
        Library { name: name.to_owned(), version: "0.1.0".to_owned(), features, max_dependencies: None }
    }

    #[test]
    fn a_crate_has_all_features_in_the_workspace_run_only_where_cargo_names_each() {
        let united = " docs v0.1.0 (/a b/docs)\n[dev-dependencies]\n\ndefault,gzip,mmap pipe-stream v0.1.0 (/a b/crates/pipe-stream)";
        assert!(has_all_features(united, &library("pipe-stream", &["gzip", "mmap"])));
        assert!(!has_all_features(united, &library("pipe-stream", &["gzip", "zstd"])));
        assert!(!has_all_features(united, &library("pipe-strea", &["gzip"])));
        assert!(!has_all_features("", &library("pipe-stream", &["gzip"])));
    }

    #[test]
    fn cargo_says_which_features_the_members_have_together() {
        let united = said(&mut cargo(UNITED)).expect("cargo tree");
        assert!(has_all_features(&united, &library("pipe-core", &["testing"])), "{united}");
        assert!(!has_all_features(&united, &library("pipe-core", &["testing", "no-such"])), "{united}");
    }
}
