//! Packages of Python, in a virtual environment of their own.

use super::{Mode, Needed, Peer, State, install};
use crate::said::said;
use crate::workspace::{root, target};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// `name==version` lines, relative to the workspace.
const REQUIREMENTS: &str = "benches/contenders/python/requirements.txt";

/// Prints `name version` of each package that is installed, without importing any.
const LIST: &str = "from importlib.metadata import distributions
for found in distributions(): print(found.metadata['Name'].lower(), found.version)";

/// Name and version.
type Package = (String, String);

/// Why packages were not installed, by name.
type Failed = BTreeMap<String, String>;

pub(super) fn peers(mode: Mode) -> Vec<Peer> {
    let file = root().join(REQUIREMENTS);
    let wanted = match std::fs::read_to_string(&file) {
        Ok(text) => parse(&text),
        Err(error) => return vec![missing("python", format!("{REQUIREMENTS}: {error}"))],
    };
    let environment = target().join("peers").join("venv");
    let python = environment.join("bin").join("python");
    let before = installed(&python);
    let is_absent = |(name, version): &&Package| before.get(name) != Some(version);
    let absent: Vec<&Package> = wanted.iter().filter(is_absent).collect();
    let failed = match mode {
        Mode::Install if !absent.is_empty() => add(&environment, &python, &absent, &file),
        _ => Failed::new(),
    };
    let after = installed(&python);
    let peer = |(name, version): &Package| {
        let state = match (before.get(name), after.get(name)) {
            (Some(old), _) if old == version => State::There(version.clone()),
            (_, Some(new)) if new == version => State::Installed(version.clone()),
            (_, other) => State::Missing(why(other, version, failed.get(name))),
        };
        Peer { name: name.clone(), needed: Needed::Yes, state }
    };
    wanted.iter().map(peer).collect()
}

fn missing(name: &str, why: String) -> Peer {
    Peer { name: name.to_owned(), needed: Needed::Yes, state: State::Missing(why) }
}

fn why(other: Option<&String>, version: &str, failed: Option<&String>) -> String {
    let failed = failed.map_or("run cargo xtask peers", String::as_str);
    match other {
        Some(other) => format!("{other} is there, {version} is wanted: {failed}"),
        None => failed.to_owned(),
    }
}

/// Installs packages in one go, or else one by one, so that one that does not exist for this Python takes no other with it.
fn add(environment: &Path, python: &Path, absent: &[&Package], file: &Path) -> Failed {
    // Also mends an environment whose making was interrupted.
    if said(Command::new(python).args(["-m", "pip", "--version"])).is_none()
        && let Err(why) = install(Command::new("python3").args(["-m", "venv"]).arg(environment))
    {
        let why = format!("python3 -m venv (Debian: apt-get install python3-venv): {why}");
        return absent.iter().map(|(name, _)| (name.clone(), why.clone())).collect();
    }
    println!("pip installs {} packages into {}", absent.len(), environment.display());
    if install(pip(python).arg("-r").arg(file)).is_ok() {
        return Failed::new();
    }
    let alone = |(name, version): &&Package| {
        let why = install(pip(python).arg(format!("{name}=={version}"))).err()?;
        Some((name.clone(), why))
    };
    absent.iter().filter_map(alone).collect()
}

/// Wheels only: building a package from its source takes compilers, and an hour.
fn pip(python: &Path) -> Command {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]);
    pip
}

/// Versions by name; empty where there is no environment.
fn installed(python: &Path) -> BTreeMap<String, String> {
    let list = said(Command::new(python).args(["-c", LIST])).unwrap_or_default();
    let pair = |line: &str| line.split_once(' ').map(|(name, version)| (name.to_owned(), version.to_owned()));
    list.lines().filter_map(pair).collect()
}

fn parse(requirements: &str) -> Vec<Package> {
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
        let (other, failed) = ("1.0".to_owned(), "no such version".to_owned());
        assert_eq!(why(Some(&other), "2.0", Some(&failed)), "1.0 is there, 2.0 is wanted: no such version");
        assert_eq!(why(None, "2.0", None), "run cargo xtask peers");
    }

    #[test]
    fn without_an_environment_nothing_is_installed() {
        assert!(installed(Path::new("/no/such/python")).is_empty());
    }
}
