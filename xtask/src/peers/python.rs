//! Packages of Python, in a virtual environment of their own.

use super::{Mode, Needed, Peer, State, install, output};
use crate::workspace::{root, target};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// `name==version` lines, relative to the workspace.
const REQUIREMENTS: &str = "benches/contenders/python/requirements.txt";

/// Prints `name version` of each package that is installed, without importing any.
const LIST: &str = "from importlib.metadata import distributions
for found in distributions(): print(found.metadata['Name'].lower(), found.version)";

pub(super) fn peers(mode: Mode) -> Vec<Peer> {
    let file = root().join(REQUIREMENTS);
    let wanted = match std::fs::read_to_string(&file) {
        Ok(text) => parse(&text),
        Err(error) => return vec![missing("python", format!("{REQUIREMENTS}: {error}"))],
    };
    let environment = target().join("peers").join("venv");
    let python = environment.join("bin").join("python");
    let before = installed(&python);
    let told = match mode {
        Mode::Check => Err("run cargo xtask peers".to_owned()),
        Mode::Install => add(&environment, &python, &wanted, &before, &file),
    };
    let after = installed(&python);
    let peer = |(name, version): &(String, String)| {
        let state = match (before.get(name), after.get(name)) {
            (Some(old), _) if old == version => State::There(version.clone()),
            (_, Some(new)) if new == version => State::Installed(version.clone()),
            (_, other) => State::Missing(why(other, version, &told)),
        };
        Peer { name: name.clone(), needed: Needed::Yes, state }
    };
    wanted.iter().map(peer).collect()
}

fn missing(name: &str, why: String) -> Peer {
    Peer { name: name.to_owned(), needed: Needed::Yes, state: State::Missing(why) }
}

fn why(other: Option<&String>, version: &str, told: &Result<(), String>) -> String {
    let told = told.clone().err().unwrap_or_else(|| "pip does not say why".to_owned());
    match other {
        Some(other) => format!("{other} is there, {version} is wanted: {told}"),
        None => told,
    }
}

/// All that is not there yet: in one go, or else one by one, so that a package that does not exist for this Python takes no
/// other with it.
fn add(
    environment: &Path,
    python: &Path,
    wanted: &[(String, String)],
    there: &BTreeMap<String, String>,
    file: &Path,
) -> Result<(), String> {
    let absent: Vec<_> = wanted.iter().filter(|(name, version)| there.get(name) != Some(version)).collect();
    if absent.is_empty() {
        return Ok(());
    }
    // Also mends an environment whose making was interrupted.
    if output(Command::new(python).args(["-m", "pip", "--version"])).is_none() {
        install(Command::new("python3").args(["-m", "venv"]).arg(environment))
            .map_err(|why| format!("python3 -m venv (Debian: apt-get install python3-venv): {why}"))?;
    }
    let pip = || {
        let mut pip = Command::new(python);
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--only-binary",
            ":all:",
        ]);
        pip
    };
    println!("pip installs {} packages into {}", absent.len(), environment.display());
    if install(pip().arg("-r").arg(file)).is_ok() {
        return Ok(());
    }
    let alone = |(name, version): &&(String, String)| install(pip().arg(format!("{name}=={version}"))).err();
    let failures: Vec<String> = absent.iter().filter_map(alone).collect();
    failures.into_iter().next().map_or(Ok(()), Err)
}

/// Versions by name; empty where there is no environment.
fn installed(python: &PathBuf) -> BTreeMap<String, String> {
    let list = output(Command::new(python).args(["-c", LIST])).unwrap_or_default();
    let pair = |line: &str| line.split_once(' ').map(|(name, version)| (name.to_owned(), version.to_owned()));
    list.lines().filter_map(pair).collect()
}

fn parse(requirements: &str) -> Vec<(String, String)> {
    let lines = requirements.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once("=="))
        .map(|(name, version)| (name.into(), version.into()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_requirements_is_a_comment_or_an_exact_version() {
        let text = std::fs::read_to_string(root().join(REQUIREMENTS)).unwrap();
        let pinned = text.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(parse(&text).len(), pinned);
        assert!(parse(&text).iter().any(|(name, _)| name == "polars"));
    }

    #[test]
    fn comments_are_no_requirements() {
        assert_eq!(parse("# a==1\nb==2.0\n\n"), [("b".to_owned(), "2.0".to_owned())]);
    }

    #[test]
    fn another_version_than_the_wanted_one_is_named() {
        let told = Err("no such version".to_owned());
        let other = "1.0".to_owned();
        assert_eq!(why(Some(&other), "2.0", &told), "1.0 is there, 2.0 is wanted: no such version");
        assert_eq!(why(None, "2.0", &told), "no such version");
    }

    #[test]
    fn without_an_environment_nothing_is_installed() {
        assert!(installed(&PathBuf::from("/no/such/python")).is_empty());
    }
}
