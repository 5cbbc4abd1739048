//! Programs and libraries from the packages of Debian and what descends from it.

use super::{Mode, Needed, Peer, State, install};
use crate::said::said;
use std::process::Command;

/// The package, and what it is for.
const PACKAGES: [(&str, &str); 5] = [
    ("ripgrep", "searching"),
    ("mawk", "lines and words"),
    ("zstd", "decoding"),
    ("fio", "the limits of a disk"),
    ("libtbb-dev", "oneTBB, for pipelines in C++"),
];

pub(super) fn peers(mode: Mode) -> Vec<Peer> {
    let before = PACKAGES.map(|(package, _)| version(package));
    let absent: Vec<&str> = PACKAGES
        .iter()
        .zip(&before)
        .filter(|(_, version)| version.is_none())
        .map(|((name, _), _)| *name)
        .collect();
    let told = match mode {
        Mode::Install if !absent.is_empty() => add(&absent),
        _ => Err("run cargo xtask peers as root".to_owned()),
    };
    let peer = |((package, purpose), before): (&(&str, &str), Option<String>)| {
        let state = match before {
            Some(version) => State::There(version),
            None => match (version(package), &told) {
                (Some(version), _) => State::Installed(version),
                (None, Err(why)) => State::Missing(format!("for {purpose}; {why}")),
                (None, Ok(())) => {
                    State::Missing(format!("for {purpose}; apt-get installed it, and it is not there"))
                }
            },
        };
        Peer { name: (*package).to_owned(), needed: Needed::Optional, state }
    };
    PACKAGES.iter().zip(before).map(peer).collect()
}

/// Of a package that is installed, as the system itself knows.
fn version(package: &str) -> Option<String> {
    let known = said(Command::new("dpkg-query").args(["-W", "-f=${db:Status-Status} ${Version}", package]))?;
    known.strip_prefix("installed ").map(str::to_owned)
}

fn add(packages: &[&str]) -> Result<(), String> {
    let by_hand = format!("apt-get install {}", packages.join(" "));
    if said(Command::new("apt-get").arg("--version")).is_none() {
        return Err("there is no apt-get; install it as this system does".to_owned());
    }
    if said(Command::new("id").arg("-u")).as_deref() != Some("0") {
        return Err(format!("needs root: {by_hand}"));
    }
    println!("{by_hand}");
    let apt = |args: &[&str]| {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq").args(args);
        apt
    };
    let all = [&["install", "-y", "--no-install-recommends"], packages].concat();
    // A fresh machine knows no packages before the first update; others need none.
    install(&mut apt(&all)).or_else(|_| install(&mut apt(&["update"])).and_then(|()| install(&mut apt(&all))))
}
