//! Rounds: every contender of a workload once, in an order that changes, until there are enough of them to judge.

use crate::admission::Peers;
use crate::allocations;
use crate::answers::Answers;
use crate::contender::{Contender, INSTANCES, Job};
use crate::host;
use crate::inputs::Prepared;
use crate::interrupt::Interrupt;
use crate::measure::BoxError;
use crate::process::{self, Run, Sample};
use crate::progress::Progress;
use crate::rng::Rng;
use crate::sets::Mode;
use crate::workload::Workload;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How a run goes.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    pub(crate) peers: Peers,
    /// Instead of the mode's; it then also takes as long as it takes.
    pub(crate) rounds: Option<usize>,
    pub(crate) seed: u64,
    pub(crate) workers: usize,
    /// Whether allocations are counted too, in runs of their own.
    pub(crate) allocations: bool,
    /// Where inputs are kept.
    pub(crate) inputs: PathBuf,
}

/// The counted runs of a contender.
#[derive(Clone)]
pub(crate) struct Series {
    pub(crate) contender: Contender,
    /// One a round, in the same order for all contenders of the workload.
    pub(crate) samples: Vec<Sample>,
    /// The last one; checked like all others.
    pub(crate) answer: String,
    pub(crate) command: String,
    pub(crate) allocations_per_item: Option<f64>,
}

/// A workload that was run, with answers that agree.
#[derive(Clone)]
pub(crate) struct Measured {
    pub(crate) workload: Workload,
    pub(crate) series: Vec<Series>,
    pub(crate) weight: Option<String>,
}

impl Settings {
    fn rounds(&self, workload: &Workload) -> usize {
        self.rounds.unwrap_or_else(|| self.mode.rounds()).clamp(1, workload.rounds_max)
    }

    /// What varies little, or warms itself up, needs no round for it.
    fn warm_up(&self, workload: &Workload) -> usize {
        usize::from(self.mode != Mode::Smoke && workload.rounds_max == usize::MAX)
    }

    fn patience(&self) -> Duration {
        if self.rounds.is_some() { Duration::MAX } else { self.mode.patience() }
    }

    /// For the progress bar: how often a contender will be started at most.
    pub(crate) fn starts(&self, workload: &Workload) -> usize {
        (self.rounds(workload) + self.warm_up(workload)) * workload.contenders.len()
    }
}

/// What starts a contender once; tests put their own in its place.
pub(crate) type Launch<'a> = dyn FnMut(&Workload, &Contender, &Job) -> Result<Run, BoxError> + 'a;

/// Prepares the inputs and runs all rounds, each contender in a process of its own.
pub(crate) fn measure(
    workload: &Workload,
    settings: &Settings,
    interrupt: &Interrupt,
    progress: &Progress,
) -> Result<Measured, BoxError> {
    let mut inputs = BTreeMap::new();
    for contender in &workload.contenders {
        interrupt.check()?;
        if let Some(input) = workload.input {
            let size = workload.size * contender.times;
            if !input.is_cached(size, &settings.inputs) {
                progress.preparing(workload, size);
            }
            inputs.insert(size, input.prepare(size, &settings.inputs, settings.workers)?);
        }
    }
    let limit = settings.mode.limit();
    let mut launch = |workload: &Workload, contender: &Contender, job: &Job| {
        interrupt.check()?;
        process::run(workload, contender, job, limit)
    };
    let mut measured = rounds(workload, &inputs, settings, progress, &mut launch)?;
    if settings.allocations {
        for series in &mut measured.series {
            interrupt.check()?;
            progress.counting(workload, &series.contender);
            series.allocations_per_item = allocations::per_item(workload, &series.contender, settings)?;
        }
    }
    Ok(measured)
}

/// The rounds themselves. A disagreement or a failure ends the workload: its times count for nothing.
pub(crate) fn rounds(
    workload: &Workload,
    inputs: &BTreeMap<u64, Prepared>,
    settings: &Settings,
    progress: &Progress,
    launch: &mut Launch<'_>,
) -> Result<Measured, BoxError> {
    let started = Instant::now();
    let series = workload.contenders.iter().map(Series::of).collect();
    let measured = Measured { workload: workload.clone(), series, weight: None };
    let mut rounds = Rounds { inputs, workers: settings.workers, answers: Answers::default(), measured };
    let (warm_up, counted) = (settings.warm_up(workload), settings.rounds(workload));
    for round in 0..warm_up + counted {
        let mut order: Vec<usize> = (0..workload.contenders.len()).collect();
        Rng::part(settings.seed, round as u64).shuffle(&mut order);
        let mut samples = Vec::new();
        for index in order {
            progress.starting(workload, &workload.contenders[index], round);
            samples.push((index, rounds.start(index, round, launch)?));
            progress.finished_one();
        }
        // Only now, when all answers of the round agree, do its times count.
        if round >= warm_up {
            let series = &mut rounds.measured.series;
            samples.into_iter().for_each(|(index, sample)| series[index].samples.push(sample));
        }
        let done = (round + 1).saturating_sub(warm_up);
        if done >= workload.metric.pairs_min() && started.elapsed() > settings.patience() {
            break;
        }
    }
    Ok(rounds.measured)
}

/// What the rounds of one workload have brought so far.
struct Rounds<'a> {
    inputs: &'a BTreeMap<u64, Prepared>,
    workers: usize,
    answers: Answers,
    measured: Measured,
}

impl Rounds<'_> {
    /// Starts one contender and checks what it answers.
    fn start(&mut self, index: usize, round: usize, launch: &mut Launch<'_>) -> Result<Sample, BoxError> {
        let (workload, series) = (&self.measured.workload, &mut self.measured.series[index]);
        let contender = &series.contender;
        let size = workload.size * contender.times;
        let input = self.inputs.get(&size);
        let job = Job {
            size,
            input: input.map(|prepared| prepared.path.clone()),
            instance: round % INSTANCES,
            parameter: contender.parameter(workload),
            workers: contender.workers.on(self.workers),
        };
        let failed = |error: BoxError| -> BoxError { format!("`{}`: {error}", contender.name).into() };
        let run = launch(workload, contender, &job).map_err(failed)?;
        if let Some(prepared) = input {
            self.answers.check("the generator", (job.instance, size), &prepared.expected)?;
        }
        for (size, answer) in &run.answers {
            self.answers.check(contender.name, (job.instance, *size), answer)?;
        }
        if let Some(most) = contender.at_most.filter(|most| run.sample.value > *most) {
            let (value, unit) = (run.sample.value, workload.metric.unit());
            return Err(format!("`{}`: {value} {unit}, and may have {most} at most", contender.name).into());
        }
        series.command = shown(&process::command(workload, contender, &job)?);
        series.answer = run.answers.into_iter().next().map(|(_, answer)| answer).unwrap_or_default();
        self.measured.weight = self.measured.weight.take().or(run.weight);
        Ok(run.sample)
    }
}

impl Series {
    fn of(contender: &Contender) -> Self {
        Self {
            contender: contender.clone(),
            samples: Vec::new(),
            answer: String::new(),
            command: String::new(),
            allocations_per_item: None,
        }
    }
}

/// As one would type it, from the workspace.
fn shown(command: &std::process::Command) -> String {
    let root = format!("{}/", host::root().display());
    let set = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={} ", name.display(), value?.display())));
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<String> = words.map(|word| word.to_string_lossy().replace(&root, "")).collect();
    set.collect::<String>() + &words.join(" ")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::contender::contender;
    use crate::contenders::hand;

    pub(crate) fn workload() -> Workload {
        Workload::new("core", "test", "A test.", 10).with([
            contender!("ours", Ours, "hand.rs", hand::ordered),
            contender!("peer", Peer, "hand.rs", hand::ordered),
            contender!("loop", Baseline, "hand.rs", hand::ordered),
        ])
    }

    pub(crate) fn settings(mode: Mode) -> Settings {
        let inputs = PathBuf::new();
        Settings { mode, peers: Peers::All, rounds: Some(3), seed: 1, workers: 2, allocations: false, inputs }
    }

    fn run(value: f64, answer: &str) -> Run {
        let sample = Sample { value, seconds: Some(1.0), cpu_seconds: Some(1.0), peak_rss_bytes: Some(1) };
        Run { sample, answers: vec![(10, answer.to_owned())], weight: None }
    }

    fn go(settings: &Settings, launch: &mut Launch<'_>) -> Result<Measured, BoxError> {
        rounds(&workload(), &BTreeMap::new(), settings, &Progress::silent(), launch)
    }

    #[test]
    fn the_first_round_is_dropped_and_the_order_changes() {
        let mut started = Vec::new();
        let mut launch = |_: &Workload, contender: &Contender, job: &Job| {
            started.push((contender.name, job.instance));
            Ok(run(started.len() as f64, "same"))
        };
        let measured = go(&settings(Mode::Default), &mut launch).unwrap();
        assert_eq!(started.len(), 12);
        assert!(measured.series.iter().all(|series| series.samples.len() == 3));
        assert!(measured.series.iter().flat_map(|series| &series.samples).all(|sample| sample.value > 3.0));
        let orders: Vec<_> = started.chunks(3).map(|round| round.iter().map(|(name, _)| *name)).collect();
        assert!(orders.iter().any(|order| !order.clone().eq(orders[0].clone())));
        assert!(
            started
                .chunks(3)
                .enumerate()
                .all(|(round, runs)| runs.iter().all(|(_, instance)| *instance == round))
        );
    }

    #[test]
    fn a_contender_that_disagrees_fails_the_workload_by_name() {
        let mut launch = |_: &Workload, contender: &Contender, _: &Job| {
            Ok(run(1.0, if contender.name == "peer" { "wrong" } else { "right" }))
        };
        let failed = go(&settings(Mode::Default), &mut launch).err().unwrap().to_string();
        assert!(failed.contains("`peer`") && failed.contains("`wrong`"), "{failed}");
    }

    #[test]
    fn the_generator_overrules_contenders_that_agree() {
        let known = BTreeMap::from([(10, Prepared { path: PathBuf::new(), expected: "right".to_owned() })]);
        let mut launch = |_: &Workload, _: &Contender, _: &Job| Ok(run(1.0, "wrong"));
        let settings = settings(Mode::Default);
        let failed = rounds(&workload(), &known, &settings, &Progress::silent(), &mut launch).err().unwrap();
        assert!(failed.to_string().contains("`the generator` answers `right`"), "{failed}");
    }

    #[test]
    fn a_contender_that_fails_is_named() {
        let mut launch = |_: &Workload, _: &Contender, _: &Job| Err("no luck".into());
        let failed = go(&settings(Mode::Smoke), &mut launch).err().unwrap().to_string();
        assert!(failed.ends_with(": no luck") && failed.starts_with('`'), "{failed}");
    }

    #[test]
    fn ours_above_the_most_that_it_may_have_fails_the_workload_and_theirs_does_not() {
        let go = |ours: f64, theirs: f64| {
            let mut launch = |_: &Workload, contender: &Contender, _: &Job| {
                Ok(run(if contender.name == "ours" { ours } else { theirs }, "same"))
            };
            let (workload, none) = (workload().at_most(5.0), BTreeMap::new());
            rounds(&workload, &none, &settings(Mode::Smoke), &Progress::silent(), &mut launch).err()
        };
        assert!(go(5.0, 9.0).is_none());
        let failed = go(5.5, 1.0).unwrap().to_string();
        assert_eq!(failed, "`ours`: 5.5 items/s, and may have 5 at most");
    }
}
