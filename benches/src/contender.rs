//! One way to do a workload's work: who does it, how it is started, what it is told.

use crate::measure::{BoxError, Outcome};
use crate::workload::Workload;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// How a contender stands to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// A program on the pipe crates, through their public API alone.
    Ours,
    /// The best that the field has for the same work.
    Peer,
    /// What a user would write first.
    Baseline,
    /// What no pipeline can beat, such as a loop written for the one case.
    Limit,
}

impl Role {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Role::Ours => "ours",
            Role::Peer => "peer",
            Role::Baseline => "baseline",
            Role::Limit => "limit",
        }
    }
}

/// How many threads a contender is told to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Workers {
    /// As many as the machine has cores for it.
    OnePerCore,
    Exactly(usize),
    /// More than can run at once.
    PerCore(usize),
}

impl Workers {
    /// Of a machine with so many cores.
    pub(crate) fn on(self, cores: usize) -> usize {
        match self {
            Workers::OnePerCore => cores,
            Workers::Exactly(workers) => workers,
            Workers::PerCore(times) => cores * times,
        }
    }
}

/// What a contender is told to do.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    /// Items to handle where there is no input file.
    pub(crate) size: u64,
    pub(crate) input: Option<PathBuf>,
    /// Which of the equal instantiations runs: the luck of code placement then differs from round to round.
    pub(crate) instance: usize,
    /// A number that the workload sets: the rounds of work per item in the set `parallel`.
    pub(crate) parameter: u64,
    /// Threads that may work, the caller among them.
    pub(crate) workers: usize,
}

impl Job {
    pub(crate) fn input(&self) -> Result<&Path, BoxError> {
        self.input.as_deref().ok_or_else(|| "this contender needs --input".into())
    }
}

/// How many instantiations each contender of the set `core` has.
pub(crate) const INSTANCES: usize = 5;

/// Calls instance `job.instance` of a function that is generic over `const K: u64`, after a type where one is given.
macro_rules! instance {
    ($job:expr, $($function:ident)::+ $([$type:ty])?, $($argument:expr),*) => {
        match $job.instance % $crate::contender::INSTANCES {
            0 => $($function)::+::<$($type,)? 0>($($argument),*),
            1 => $($function)::+::<$($type,)? 1>($($argument),*),
            2 => $($function)::+::<$($type,)? 2>($($argument),*),
            3 => $($function)::+::<$($type,)? 3>($($argument),*),
            _ => $($function)::+::<$($type,)? 4>($($argument),*),
        }
    };
}
pub(crate) use instance;

/// What is run.
#[derive(Clone, Copy)]
pub(crate) enum Program {
    /// A function of this binary, in a process of its own.
    Function(fn(&Job) -> Result<Outcome, BoxError>),
    /// A function of a script, which is named by the contender's source.
    Python,
    /// A function of a program in C++, which `cargo xtask peers` has compiled.
    Native(&'static str),
}

/// What a contender cannot run without, besides this binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// A file of the workspace.
    File(&'static str),
    /// A program on the search path.
    Command(&'static str),
    /// A memory control group below that of this process.
    MemoryGroup,
    /// io_uring.
    Ring,
    /// io_uring, and files past the system's cache where the inputs are.
    DirectReads,
    /// Both, and the program fio.
    Fio,
    /// Leases on files where the inputs are: the safe way to map them.
    Leases,
    /// A package of Python, in the environment of `cargo xtask peers`.
    Module(&'static str),
    /// A program that `cargo xtask peers` compiles.
    Native(&'static str),
    /// The server that `cargo xtask tools` brings.
    NatsServer,
}

/// One way to do a workload's work.
#[derive(Clone)]
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    pub(crate) role: Role,
    pub(crate) program: Program,
    /// Where the program stands, relative to the workspace, and the function there: the reports link it.
    pub(crate) source: (&'static str, &'static str),
    pub(crate) needs: Option<Need>,
    /// How many times the workload's size this contender gets: 1, except where sizes are what is compared.
    pub(crate) times: u64,
    /// The most that its figure may be; more is a failure of the workload, not a bad figure.
    pub(crate) at_most: Option<f64>,
    /// A variable that it is started with, and its value.
    pub(crate) environment: Option<(&'static str, &'static str)>,
    /// Its place in a plot over sizes.
    pub(crate) point: Option<Point>,
    pub(crate) workers: Workers,
}

/// A place on a curve of a plot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) curve: &'static str,
    /// The contender gets it as its [`Job::parameter`].
    pub(crate) size: u64,
    pub(crate) axis: Axis,
}

/// What a plot is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Axis {
    /// Sizes of chunks.
    Bytes,
    /// Operations in flight.
    Operations,
}

/// Names a function as a contender, together with the place of its source.
///
/// `contender!("loop", Limit, "parallel", contenders::hand::ordered)` is the contender `loop`, whose source is `fn
/// ordered` in `benches/src/contenders/hand.rs`.
macro_rules! contender {
    ($name:literal, $role:ident, $file:literal, $function:path) => {
        $crate::contender::Contender {
            name: $name,
            role: $crate::contender::Role::$role,
            program: $crate::contender::Program::Function($function),
            source: (concat!("benches/src/contenders/", $file), stringify!($function)),
            needs: None,
            times: 1,
            at_most: None,
            environment: None,
            point: None,
            workers: $crate::contender::Workers::OnePerCore,
        }
    };
}
pub(crate) use contender;

impl Contender {
    /// A function of a script that needs nothing but Python; the path is relative to the workspace.
    pub(crate) fn python(name: &'static str, script: &'static str, function: &'static str) -> Self {
        let (role, program, source) = (Role::Baseline, Program::Python, (script, function));
        Self {
            name,
            role,
            program,
            source,
            needs: None,
            times: 1,
            at_most: None,
            environment: None,
            point: None,
            workers: Workers::OnePerCore,
        }
    }

    /// The function `name` of a script, which is done by the package of that name.
    pub(crate) fn package(name: &'static str, script: &'static str) -> Self {
        Self { role: Role::Peer, needs: Some(Need::Module(name)), ..Self::python(name, script, name) }
    }

    /// A function of a program in C++; its source is relative to the workspace.
    pub(crate) fn native(
        name: &'static str,
        program: &'static str,
        source: (&'static str, &'static str),
    ) -> Self {
        let (role, needs) = (Role::Peer, Some(Need::Native(program)));
        Self { role, needs, program: Program::Native(program), ..Self::python(name, source.0, source.1) }
    }

    pub(crate) fn workers(self, workers: Workers) -> Self {
        Self { workers, ..self }
    }

    /// A function of a script, which is done by this package.
    pub(crate) fn done_by(package: &'static str, script: &'static str, function: &'static str) -> Self {
        Self {
            role: Role::Peer,
            needs: Some(Need::Module(package)),
            ..Self::python(package, script, function)
        }
    }

    pub(crate) fn times(self, times: u64) -> Self {
        Self { times, ..self }
    }

    pub(crate) fn environment(self, name: &'static str, value: &'static str) -> Self {
        Self { environment: Some((name, value)), ..self }
    }

    pub(crate) fn needs(self, need: Need) -> Self {
        Self { needs: Some(need), ..self }
    }

    /// What its [`Job`] says.
    pub(crate) fn parameter(&self, workload: &Workload) -> u64 {
        self.point.map_or(workload.parameter, |point| point.size)
    }

    /// Whether cargo builds it: what is in Python, or starts a program of others, it does not.
    pub(crate) fn is_foreign(&self) -> bool {
        !matches!(self.program, Program::Function(_))
            || matches!(self.needs, Some(Need::Command(_) | Need::Fio))
    }

    pub(crate) fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// `path:line`, with line 1 where the source is not at hand.
    pub(crate) fn link(&self, root: &Path) -> String {
        let (file, item) = self.source;
        let line = std::fs::read_to_string(root.join(file)).ok().and_then(|text| line_of(&text, item));
        format!("{file}:{}", line.unwrap_or(1))
    }
}

/// The line on which a function of this path begins, in Rust, in Python or in C++.
pub(crate) fn line_of(text: &str, item: &str) -> Option<usize> {
    // `path::function::<Type>`, as the compiler writes it.
    let path = item.split('<').next().unwrap_or(item).trim_end_matches([':', ' ']);
    let name = path.rsplit("::").next().unwrap_or(path).trim();
    let starts =
        [format!("fn {name}("), format!("fn {name}<"), format!("def {name}("), format!("void {name}(")];
    let begins = |line: &str| starts.iter().any(|start| line.contains(start.as_str()));
    text.lines().position(begins).map(|at| at + 1)
}
