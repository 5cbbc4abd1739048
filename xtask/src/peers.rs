//! `cargo xtask peers`: installs what the benchmarks compare us with and cargo does not build.
//!
//! Packages of Python go to `target/peers`, in the versions of one file, and touch nothing outside. Programs come from Debian,
//! where this is Debian and we may install. What is there already is left alone, so that the second time takes a second.

mod debian;
mod native;
mod python;

use std::fmt;
use std::process::{Command, ExitCode, Stdio};

/// Install the peers that cargo does not build: Polars, DuckDB and others into target/peers, ripgrep and others from Debian.
#[derive(clap::Args)]
#[command(after_help = "\
One line for each peer says what came of it. A benchmark without its peer still runs; the report lists who was missing.

  packages of Python    pinned in benches/contenders/python/requirements.txt; any that is missing at the end is a failure
  programs of Debian    optional: they need root, and another system has them under other names
  programs in C++       optional: compiled from benches/contenders/cpp, with a compiler and the libraries of the system")]
pub(crate) struct Args {
    /// Only say what is there.
    #[arg(long)]
    check: bool,
}

/// Whether a missing peer may be installed, or only told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Install,
    Check,
}

pub(crate) fn run(args: &Args) -> ExitCode {
    let mode = if args.check { Mode::Check } else { Mode::Install };
    let all = peers(mode);
    for peer in &all {
        println!("{peer}");
    }
    let missing = all.iter().filter(|peer| peer.is_missed()).count();
    if missing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All of them, installed or looked for.
fn peers(mode: Mode) -> Vec<Peer> {
    let python = python::peers(mode);
    // The libraries of the system come before what is compiled against them.
    let debian = debian::peers(mode);
    python.into_iter().chain(debian).chain(native::peers(mode)).collect()
}

/// Names, each with its version if it is there.
pub(crate) fn found() -> Vec<(String, Option<String>)> {
    let version = |peer: Peer| match peer.state {
        State::There(version) | State::Installed(version) => (peer.name, Some(version)),
        State::Missing(_) => (peer.name, None),
    };
    peers(Mode::Check).into_iter().map(version).collect()
}

/// One peer, and what came of it.
struct Peer {
    name: String,
    needed: Needed,
    state: State,
}

/// Whether the task fails without it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needed {
    Yes,
    Optional,
}

enum State {
    /// Since before, in this version.
    There(String),
    Installed(String),
    Missing(String),
}

impl Peer {
    /// Missing, and not one that may be.
    fn is_missed(&self) -> bool {
        self.needed == Needed::Yes && matches!(self.state, State::Missing(_))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, optional) = (&self.name, if self.needed == Needed::Optional { " (optional)" } else { "" });
        match &self.state {
            State::There(version) => write!(f, "{name} {version}: there"),
            State::Installed(version) => write!(f, "{name} {version}: installed"),
            State::Missing(why) => write!(f, "{name}: missing{optional}: {why}"),
        }
    }
}

/// Runs an installer to its end; on failure, the last line that it said.
pub(crate) fn install(command: &mut Command) -> Result<(), String> {
    let output =
        command.stdin(Stdio::null()).output().map_err(|error| format!("it does not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(said.trim().lines().last().unwrap_or("it failed, and said nothing").to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_peer_that_is_needed_and_missing_fails_the_task() {
        let peer = |needed, state| Peer { name: "rg".to_owned(), needed, state };
        assert!(peer(Needed::Yes, State::Missing("no".to_owned())).is_missed());
        assert!(!peer(Needed::Optional, State::Missing("no".to_owned())).is_missed());
        assert!(!peer(Needed::Yes, State::There("1".to_owned())).is_missed());
        assert!(!peer(Needed::Yes, State::Installed("1".to_owned())).is_missed());
    }

    #[test]
    fn each_peer_has_one_line() {
        let peer = |state| Peer { name: "rg".to_owned(), needed: Needed::Optional, state }.to_string();
        assert_eq!(peer(State::There("13".to_owned())), "rg 13: there");
        assert_eq!(peer(State::Installed("13".to_owned())), "rg 13: installed");
        assert_eq!(peer(State::Missing("needs root".to_owned())), "rg: missing (optional): needs root");
    }

    #[test]
    fn a_failed_installer_is_quoted_by_its_last_line() {
        let shell = |script: &str| install(Command::new("sh").args(["-c", script]));
        assert_eq!(shell("exit 0"), Ok(()));
        assert_eq!(shell("echo first >&2; echo last >&2; exit 1"), Err("last".to_owned()));
        assert_eq!(shell("exit 1"), Err("it failed, and said nothing".to_owned()));
    }
}
