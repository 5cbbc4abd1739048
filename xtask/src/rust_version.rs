//! The oldest compiler that the crates promise to build with, and the step that holds them to it.

use crate::step::Step;
use crate::workspace::{cargo, metadata, root};
use std::process::Command;

const NAME: &str = "rust-version";

/// Major and minor: what `rust-version` names, and what decides. Patches add nothing that one could depend on.
type Version = (u32, u32);

/// Builds everything with exactly the declared compiler, where there is one.
pub(crate) fn step() -> Step {
    let (declared, current) = match declared().and_then(|declared| Ok((declared, current()?))) {
        Ok(versions) => versions,
        Err(why) => return Step::failed(NAME, why),
    };
    let name = format!("{NAME} {}", shown(declared));
    if current < declared {
        let (current, declared) = (shown(current), shown(declared));
        return Step::failed(
            name,
            format!("This is Rust {current}, and the crates need {declared}: run `rustup update`."),
        );
    }
    if current == declared {
        return Step::new(name, check(cargo([])));
    }
    match installed(declared) {
        Some(toolchain) => Step::new(name, check(with(&toolchain))),
        None => {
            let toolchain = shown(declared);
            let why = format!("not installed: rustup toolchain install {toolchain} --profile minimal");
            Step::skipped(name, why)
        }
    }
}

fn check(mut cargo: Command) -> Command {
    cargo.args(["check", "--quiet", "--workspace", "--all-targets"]);
    cargo
}

/// The cargo that started us is of one toolchain; rustup finds that of another.
fn with(toolchain: &str) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", toolchain, "cargo"]).current_dir(root());
    // Set by rustup and cargo for us, and handed down they would mean the wrong compiler.
    for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(variable);
    }
    command
}

/// What the members declare; tidy sees to it that all inherit the same.
fn declared() -> Result<Version, String> {
    let metadata = metadata()?;
    let declared = metadata["packages"][0]["rust_version"].as_str().and_then(parse);
    declared.ok_or_else(|| "The workspace declares no `rust-version` such as \"1.95\".".to_owned())
}

/// Of the cargo that started us, which is the compiler's too: they are released together.
fn current() -> Result<Version, String> {
    let output =
        cargo(["--version"]).output().map_err(|error| format!("cargo could not be started: {error}."))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let version = said.split(' ').nth(1).and_then(parse);
    version.ok_or_else(|| format!("cargo does not say its version, but `{}`.", said.trim()))
}

fn installed(version: Version) -> Option<String> {
    let listed = Command::new("rustup").args(["toolchain", "list"]).output().ok()?;
    choose(&String::from_utf8_lossy(&listed.stdout), version)
}

/// A toolchain that was installed by its number; `stable` may be another one tomorrow.
fn choose(listed: &str, version: Version) -> Option<String> {
    let mut names = listed.lines().filter_map(|line| line.split(' ').next());
    names.find(|name| parse(name) == Some(version)).map(str::to_owned)
}

/// `1.95`, also from `1.95.0` and `1.95.0-nightly`.
fn parse(text: &str) -> Option<Version> {
    let mut numbers = text.split(['.', '-']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn shown((major, minor): Version) -> String {
    format!("{major}.{minor}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        assert_eq!(parse("1.95"), Some((1, 95)));
        assert_eq!(parse("1.95.0-nightly"), Some((1, 95)));
        assert!(parse("1.100") > parse("1.95"));
        assert_eq!(parse("stable"), None);
    }

    #[test]
    fn a_toolchain_is_chosen_by_its_number_only() {
        let listed = "stable-x86_64-unknown-linux-gnu (active, default)\nnightly-x86_64-unknown-linux-gnu\n\
                      1.9.0-x86_64-unknown-linux-gnu\n1.95.0-x86_64-unknown-linux-gnu\n";
        assert_eq!(choose(listed, (1, 95)).as_deref(), Some("1.95.0-x86_64-unknown-linux-gnu"));
        assert_eq!(
            choose("1.95-aarch64-apple-darwin (default)\n", (1, 95)).as_deref(),
            Some("1.95-aarch64-apple-darwin")
        );
        assert_eq!(choose(listed, (1, 94)), None);
    }

    #[test]
    fn this_workspace_declares_a_version_that_this_compiler_has() {
        assert!(current().unwrap() >= declared().unwrap());
    }
}
