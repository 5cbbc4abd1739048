//! Programs that tests and benchmarks use where they are installed.

use super::Row;
use crate::peers;
use crate::said::said;
use crate::tools;
use crate::workspace::{cargo, has_tool};
use std::path::PathBuf;
use std::process::Command;

/// A program: its names, how it tells its version, what is missing without it, and what adds it.
struct Tool {
    name: &'static str,
    programs: &'static [&'static str],
    /// Where it is if we brought it.
    brought: fn() -> Option<PathBuf>,
    version: &'static str,
    means: &'static str,
    add: &'static str,
}

const TOOLS: [Tool; 5] = [
    Tool {
        name: "chromium",
        programs: &["chromium", "chromium-browser", "google-chrome"],
        brought: || None,
        version: "--version",
        means: "the live page is not tested in a browser",
        add: "apt-get install chromium",
    },
    Tool {
        name: "nats-server",
        programs: &["nats-server"],
        brought: tools::server,
        version: "--version",
        means: "nothing is tested over several machines",
        add: "cargo xtask tools",
    },
    Tool {
        name: "qemu-x86_64",
        programs: &["qemu-x86_64-static", "qemu-x86_64"],
        brought: || None,
        version: "--version",
        means: "nothing is tested on a processor without AVX",
        add: "apt-get install qemu-user-static",
    },
    Tool {
        name: "valgrind",
        programs: &["valgrind"],
        brought: || None,
        version: "--version",
        means: "benchmarks count no instructions",
        add: "apt-get install valgrind",
    },
    Tool {
        name: "python3",
        programs: &["python3"],
        brought: || None,
        version: "--version",
        means: "no peers in Python",
        add: "apt-get install python3 python3-venv",
    },
];

/// Parts of cargo that are not always there.
const OF_CARGO: [(&str, &str, &str); 3] = [
    ("fmt", "the format is not checked", "rustup component add rustfmt"),
    ("clippy", "lints are not checked", "rustup component add clippy"),
    ("deny", "licences of dependencies are not checked", "cargo install --locked cargo-deny"),
];

pub(super) fn rows() -> Vec<Row> {
    let version =
        said(&mut cargo(["--version"])).unwrap_or_else(|| "it does not tell its version".to_owned());
    let of_cargo = OF_CARGO.map(|(tool, means, add)| match has_tool(tool) {
        true => Row::there(format!("cargo {tool}"), "there"),
        false => Row::missing(format!("cargo {tool}"), means, add),
    });
    std::iter::once(Row::there("cargo", version.trim_start_matches("cargo ")))
        .chain(of_cargo)
        .chain(TOOLS.iter().map(tool))
        .collect()
}

fn tool(tool: &Tool) -> Row {
    let mut programs = tool.programs.iter().map(PathBuf::from).chain((tool.brought)());
    let told = programs.find_map(|program| said(Command::new(program).arg(tool.version)));
    match told {
        Some(version) => Row::there(tool.name, version.lines().last().unwrap_or_default()),
        None => Row::missing(tool.name, tool.means, tool.add),
    }
}

/// What `cargo xtask peers` installs.
pub(super) fn peers() -> Vec<Row> {
    let row = |(name, version): (String, Option<String>)| match version {
        Some(version) => Row::there(name, version),
        None => Row::missing(name, "benchmarks run without it, and say so", "cargo xtask peers"),
    };
    peers::found().into_iter().map(row).collect()
}
