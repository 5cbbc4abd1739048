//! What takes part: a workload, its contenders, and how each of them is started.

use crate::bar::Bar;
use crate::inputs::Input;
use crate::measure::{BoxError, Outcome};
use crate::statistics::PAIRS_MIN;
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

/// Which figure of a run a workload is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metric {
    ItemsPerSecond,
    PeakBytes,
    /// How far the peak of the resident memory is above what the program was told to keep within, in bytes.
    PeakOver {
        budget: u64,
    },
    /// Calls to read for each chunk that comes of them.
    ReadsPerChunk,
    /// How long something took that happened many times in one run, at its 99th percentile, in seconds.
    Percentile99,
    /// The same at the 99.9th.
    Percentile999,
    /// How long one call takes, which handles as many items as the workload's parameter says.
    NanosecondsPerCall,
    /// Of the items that were looked up, those that were not found.
    PercentMissed,
    /// How far the program was from what it was told to keep to.
    PercentOff,
    /// What all cores together spent on an item.
    CpuNanosecondsPerItem,
    /// Processor time over elapsed time, in percent of one core.
    CpuPercent,
    /// Counted by callgrind, at `size` and at twice `size`; the difference leaves out what starting costs.
    InstructionsPerItem,
    /// How often memory is asked for or given back. Counted by memcheck, in the same way.
    AllocatorCallsPerItem,
    /// The processor's work inside of malloc, free and their kin, with all that they call. Counted by callgrind.
    AllocatorInstructionsPerItem,
    Seconds,
}

impl Metric {
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Metric::ItemsPerSecond => "items/s",
            Metric::PeakBytes => "bytes",
            Metric::PeakOver { .. } => "bytes over the budget",
            Metric::ReadsPerChunk => "reads/chunk",
            Metric::Percentile99 => "s at p99",
            Metric::Percentile999 => "s at p99.9",
            Metric::NanosecondsPerCall => "ns/call",
            Metric::PercentMissed => "% missed",
            Metric::PercentOff => "% off",
            Metric::CpuNanosecondsPerItem => "CPU ns/item",
            Metric::CpuPercent => "% of a core",
            Metric::InstructionsPerItem => "instructions/item",
            Metric::AllocatorCallsPerItem => "allocator calls/item",
            Metric::AllocatorInstructionsPerItem => "instructions in the allocator/item",
            Metric::Seconds => "s",
        }
    }

    pub(crate) fn higher_is_better(self) -> bool {
        self == Metric::ItemsPerSecond
    }

    /// How many paired rounds it takes to judge: a count of instructions hardly varies, a time does.
    pub(crate) fn pairs_min(self) -> usize {
        if self.is_counted() { 2 } else { PAIRS_MIN }
    }

    /// Whether it hardly varies, and needs valgrind.
    pub(crate) fn is_counted(self) -> bool {
        use Metric::{AllocatorCallsPerItem, AllocatorInstructionsPerItem, InstructionsPerItem};
        matches!(self, InstructionsPerItem | AllocatorCallsPerItem | AllocatorInstructionsPerItem)
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

/// The same work for all contenders, and the figure that it is about.
#[derive(Clone)]
pub(crate) struct Workload {
    pub(crate) set: &'static str,
    pub(crate) name: &'static str,
    /// One sentence for the report.
    pub(crate) about: &'static str,
    pub(crate) metric: Metric,
    pub(crate) size: u64,
    pub(crate) input: Option<Input>,
    pub(crate) parameter: u64,
    /// At most so many rounds; less where the figure does not vary.
    pub(crate) rounds_max: usize,
    /// Whether a smoke run takes it; not where there is a time and no answer.
    pub(crate) in_smoke: bool,
    /// Whether its contenders differ by their workers alone; these workloads run on request, without the others.
    pub(crate) is_scaling: bool,
    pub(crate) contenders: Vec<Contender>,
    pub(crate) bars: Vec<Bar>,
}

impl Workload {
    pub(crate) fn new(set: &'static str, name: &'static str, about: &'static str, size: u64) -> Self {
        Self {
            set,
            name,
            about,
            metric: Metric::ItemsPerSecond,
            size,
            input: None,
            parameter: 0,
            rounds_max: usize::MAX,
            in_smoke: true,
            is_scaling: false,
            contenders: Vec::new(),
            bars: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, contenders: impl IntoIterator<Item = Contender>) -> Self {
        self.contenders.extend(contenders);
        self
    }

    /// Takes out those of these names.
    pub(crate) fn without(mut self, names: &[&str]) -> Self {
        self.contenders.retain(|contender| !names.contains(&contender.name));
        self
    }

    /// Adds what the first of ours is to reach.
    pub(crate) fn bar(mut self, bar: Bar) -> Self {
        self.bars.push(bar);
        self
    }

    pub(crate) fn input(self, input: Input) -> Self {
        Self { input: Some(input), ..self }
    }

    pub(crate) fn metric(self, metric: Metric) -> Self {
        Self { metric, ..self }
    }

    pub(crate) fn parameter(self, parameter: u64) -> Self {
        Self { parameter, ..self }
    }

    pub(crate) fn rounds_max(self, rounds_max: usize) -> Self {
        Self { rounds_max, ..self }
    }

    /// The most that the figure may be of each of ours that takes part by now.
    pub(crate) fn at_most(mut self, most: f64) -> Self {
        let ours = self.contenders.iter_mut().filter(|contender| contender.role == Role::Ours);
        ours.for_each(|contender| contender.at_most = Some(most));
        self
    }

    pub(crate) fn not_in_smoke(self) -> Self {
        Self { in_smoke: false, ..self }
    }

    pub(crate) fn scaling(self) -> Self {
        Self { is_scaling: true, ..self }
    }

    /// `set/name`, as all messages call it.
    pub(crate) fn title(&self) -> String {
        format!("{}/{}", self.set, self.name)
    }
}
