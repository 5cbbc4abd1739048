//! `cargo xtask ci`: what continuous integration runs, but for its check of security advisories. What passes here passes there.

use crate::step::{Limit, Step, run_all};
use crate::workspace::{COLD_RUN, Library, cargo, free_disk, has_tool, libraries, target};
use crate::{rust_version, test};
use std::process::{Command, ExitCode};
use std::time::Duration;

/// The whole run ends by then, with the name of the step that was running.
const LIMIT: Duration = Duration::from_secs(60 * 60);

/// Format, clippy, house rules, tests, docs, each crate alone and packaged, and a smoke run of every benchmark.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Nothing is built twice, and a failed test is told by its message and place: what incremental builds and debuggers need would be most of
/// what lies on the disk.
const SMALL: [(&str, &str); 2] = [("CARGO_INCREMENTAL", "0"), ("CARGO_PROFILE_DEV_DEBUG", "0")];

pub(crate) fn run(_: &Args) -> ExitCode {
    // A full disk shows in some test as something else.
    if let Some(free) = free_disk().filter(|free| *free < COLD_RUN)
        && !target().join("debug").exists()
    {
        println!(
            "A fresh clone builds {} GiB, and {} GiB are free in {}.",
            COLD_RUN >> 20,
            free >> 20,
            target().display()
        );
        return ExitCode::FAILURE;
    }
    let steps = steps().into_iter().map(|step| step.with(&SMALL)).collect();
    run_all(steps, Limit::Whole(LIMIT)).finish()
}

fn steps() -> Vec<Step> {
    let mut steps = vec![
        component("fmt", "rustfmt", &["fmt", "--all", "--check"]),
        component("clippy", "clippy", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
        // Some code is behind features that no member asks for.
        component(
            "clippy with all features",
            "clippy",
            &["clippy", "--workspace", "--all-features", "--all-targets", "--", "-D", "warnings"],
        ),
        task("tidy", &[]),
        licences(),
        task("cuda", &["check"]),
    ];
    // Hundreds of tests with threads, sockets and processes on a machine that nobody knows: one that fails now and then is named at the end.
    steps.extend(test::steps(&[]).into_iter().map(Step::or_again));
    steps.push(task("portable", &[]));
    let mut docs = cargo(["doc", "--workspace", "--all-features", "--no-deps"]);
    docs.env("RUSTDOCFLAGS", "-Dwarnings");
    steps.push(Step::new("docs", docs));
    steps.push(models());
    match libraries() {
        Ok(libraries) => steps.extend(libraries.iter().flat_map(alone)),
        Err(why) => steps.push(Step::failed("list of crates", why)),
    }
    steps.extend([task("scratch", &[]), rust_version::step()]);
    let smoke = ["run", "--quiet", "--profile", "smoke", "-p", "benches", "--", "--smoke"];
    steps.push(Step::new("benches, every answer checked", cargo(smoke)));
    steps
}

/// The protocols of who sleeps and who wakes, in every order that the memory model allows, by loom: seconds. In a folder of its own, or the
/// flag would make cargo build everything anew.
fn models() -> Step {
    let crates = ["-p", "pipe-parallel", "-p", "pipe-async"];
    let mut models = cargo(["test", "--lib", "--target-dir", "target/models"]);
    models.args(crates).arg("models");
    models.env("RUSTFLAGS", "--cfg loom");
    Step::new("models of who wakes whom", models)
}

/// A cargo subcommand that is a component of the toolchain, and that a machine may lack.
fn component(name: &str, component: &str, args: &[&str]) -> Step {
    if args.first().is_some_and(|tool| has_tool(tool)) {
        return Step::new(name, cargo(args.iter().copied()));
    }
    Step::skipped(name, format!("not installed: rustup component add {component}"))
}

/// Another task of ours, as a process: so that the limit of the run holds for it, too.
pub(crate) fn task(name: &str, args: &[&str]) -> Step {
    match std::env::current_exe() {
        Ok(xtask) => {
            let mut command = Command::new(xtask);
            command.arg(name).args(args);
            Step::new([&[name], args].concat().join(" "), command)
        }
        Err(error) => Step::failed(name, format!("The path of xtask is not known: {error}.")),
    }
}

/// What may be depended on: `deny.toml`. Without its check of advisories, which needs a network.
fn licences() -> Step {
    let name = "licences and sources of dependencies";
    if has_tool("deny") {
        return Step::new(name, cargo(["deny", "check", "licenses", "bans", "sources"]));
    }
    Step::skipped(name, "not installed: cargo install --locked cargo-deny")
}

/// A crate as a user gets it who takes nothing else: without features, then with each one by itself.
fn alone(library: &Library) -> Vec<Step> {
    let name = library.name.as_str();
    let check = ["check", "-p", name, "--no-default-features"];
    let bare = Step::new(format!("{name} alone"), cargo(check));
    let with = library.features.iter().map(|feature| {
        let args = check.into_iter().chain(["--features", feature]);
        Step::new(format!("{name} alone, feature {feature}"), cargo(args))
    });
    std::iter::once(bare).chain(with).collect()
}
