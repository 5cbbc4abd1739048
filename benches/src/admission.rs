//! Who takes part in a run, and why others do not.

use crate::contender::{Contender, Need, Program, Role};
use crate::host;
use crate::memory_group;
use crate::nats_server;
use crate::runner::Settings;
use crate::workload::Workload;
use serde::Serialize;

/// Takes out who cannot or shall not run, and says why.
pub(crate) fn admit(workload: &mut Workload, settings: &Settings, installed: &Installed) -> Vec<Skipped> {
    let (set, name) = (workload.set, workload.name);
    let counted = workload.metric.is_counted();
    let mut skipped = Vec::new();
    workload.contenders.retain(|contender| {
        let why = why_not(contender, counted, settings, installed);
        let stays = why.is_none();
        skipped.extend(why.map(|why| Skipped { set, workload: name, contender: contender.name, why }));
        stays
    });
    skipped
}

/// Which of the others take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Peers {
    /// All that are installed.
    All,
    /// Those that cargo builds.
    Rust,
    /// Ours, and the baselines and limits that cargo builds.
    None,
}

/// Who did not take part, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Skipped {
    pub(crate) set: &'static str,
    pub(crate) workload: &'static str,
    pub(crate) contender: &'static str,
    pub(crate) why: String,
}

/// Programs beside cargo that some contenders need.
pub(crate) struct Installed {
    pub(crate) python: bool,
    pub(crate) valgrind: bool,
}

impl Installed {
    pub(crate) fn here() -> Self {
        Self {
            python: host::version(&host::python().to_string_lossy()).is_some(),
            valgrind: host::version("valgrind").is_some(),
        }
    }
}

fn why_not(
    contender: &Contender,
    counted: bool,
    settings: &Settings,
    installed: &Installed,
) -> Option<String> {
    let foreign = contender.is_foreign();
    match settings.peers {
        Peers::Rust if foreign => return Some("left out by --peers rust".to_owned()),
        Peers::None if foreign || contender.role == Role::Peer => {
            return Some("left out by --peers none".to_owned());
        }
        _ => {}
    }
    if matches!(contender.program, Program::Python) && !installed.python {
        return Some("python3 is not installed".to_owned());
    }
    if counted && !installed.valgrind {
        return Some("valgrind is not installed".to_owned());
    }
    contender.needs.and_then(missing)
}

fn missing(need: Need) -> Option<String> {
    let (there, otherwise) = match need {
        Need::Leases => return host::why_no_leases(),
        Need::Ring => return host::why_no_ring(),
        Need::DirectReads => return host::why_no_ring().or_else(host::why_no_direct_reads),
        Need::Fio => return missing(Need::DirectReads).or_else(|| missing(Need::Command("fio"))),
        Need::MemoryGroup => return memory_group::why_none(),
        Need::File(file) => (host::root().join(file).exists(), format!("there is no {file}")),
        Need::Command(name) => (host::has_command(name), format!("no program {name}: run cargo xtask peers")),
        Need::Native(name) => (
            host::native(name).is_file(),
            format!("no program {name}, which takes a compiler for C++: run cargo xtask peers"),
        ),
        Need::NatsServer => {
            (nats_server::program().is_some(), "no nats-server: run cargo xtask tools".to_owned())
        }
        Need::Module(name) => (host::has_module(name), format!("no package {name}: run cargo xtask peers")),
    };
    (!there).then_some(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contender::contender;
    use crate::contenders::hand;
    use crate::metric::Metric;
    use crate::runner::tests::{settings, workload};
    use crate::sets::Mode;

    #[test]
    fn who_is_missing_or_left_out_is_told() {
        let script = "benches/contenders/python/stations.py";
        let absent =
            contender!("absent", Peer, "hand.rs", hand::ordered).needs(Need::Command("no-such-program"));
        let mut all = workload().with([Contender::python("python", script, "generator"), absent]);
        let bare = Installed { python: false, valgrind: true };
        let skipped = admit(&mut all, &settings(Mode::Default), &bare);
        let why: Vec<&str> = skipped.iter().map(|skipped| skipped.why.as_str()).collect();
        assert_eq!(why, ["python3 is not installed", "no program no-such-program: run cargo xtask peers"]);
        let none = Settings { peers: Peers::None, ..settings(Mode::Default) };
        let skipped = admit(&mut all, &none, &bare);
        assert_eq!((skipped.len(), skipped[0].contender, all.contenders.len()), (1, "peer", 2));
        let mut counted = workload().metric(Metric::InstructionsPerItem);
        let skipped = admit(&mut counted, &none, &Installed { python: true, valgrind: false });
        assert_eq!((skipped.len(), counted.contenders.len()), (3, 0));
    }
}
