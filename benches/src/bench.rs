//! One run of the benchmarks, from the choice of workloads to the reports.

use crate::BenchArgs;
use crate::admission::{Installed, Skipped, admit};
use crate::contender::Contender;
use crate::host::{self, Capacity, Host};
use crate::interrupt::{INTERRUPTED, Interrupt};
use crate::measure::BoxError;
use crate::output;
use crate::progress::Progress;
use crate::report;
use crate::runner::{Measured, Settings, measure};
use crate::saved::{self, Saved};
use crate::sets::{self, Mode};
use crate::summary::{Summary, WorkloadSummary};
use crate::workload::Workload;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

/// Runs what was chosen, writes the reports, and fails if any answer was wrong.
pub(crate) fn run(args: &BenchArgs) -> Result<ExitCode, BoxError> {
    let mode = args.mode();
    // A smoke run must not take the place of figures that took minutes.
    let folder = host::output_folder();
    let reports = if mode == Mode::Smoke { folder.join("smoke") } else { folder.clone() };
    let installed = Installed::here();
    let counts_allocations = args.allocations || mode == Mode::Full;
    let settings = Settings {
        mode,
        peers: args.peers,
        rounds: args.rounds.map(usize::from),
        seed: args.seed,
        workers: host::workers(),
        allocations: counts_allocations && installed.valgrind,
        inputs: folder.join("inputs"),
    };
    let mut workloads = chosen(args);
    if workloads.is_empty() {
        return Err("no workload has that name; --list shows them".into());
    }
    check_disk(&workloads, &settings)?;
    let mut summary = Summary::new(Host::before(mode.word(), args.seed), typed());
    // Before the run: a wrong name must not cost an hour.
    summary.against = args.against.as_deref().map(|name| Saved::read(&reports, name)).transpose()?;
    let save = args.save.as_deref().map(|name| saved::path_of(&reports, name)).transpose()?;
    for workload in &mut workloads {
        summary.skipped.extend(admit(workload, &settings, &installed));
    }
    let unmeasured = sets::overview::unmeasured();
    let has_overview = workloads.iter().any(|workload| workload.set == unmeasured.set);
    if has_overview && unmeasured.workload.contains(&args.filter) {
        summary.skipped.push(unmeasured);
    }
    if counts_allocations && !installed.valgrind {
        let why = "allocations are not counted: valgrind is not installed".to_owned();
        summary.skipped.push(Skipped { set: "all", workload: "all", contender: "all", why });
    }
    workloads.retain(|workload| !workload.contenders.is_empty());
    let interrupt = Interrupt::listen()?;
    run_all(&workloads, &settings, &interrupt, &mut summary);
    summary.host.after();
    let end = finish(&summary, &folder_for(&reports, &interrupt))?;
    if interrupt.came() {
        eprintln!("the reports of the last whole run stay as they are: these are of half a run");
        if let Some(path) = save {
            eprintln!("{} is not written: half a run is nothing to compare a later one with", path.display());
        }
        return Ok(ExitCode::from(INTERRUPTED));
    }
    if let Some(path) = save {
        saved::save(&reports, &path)?;
        output::print(&format!("{}\n", path.display()))?;
    }
    Ok(end)
}

/// Where the reports go. Half a run must not take the place of a whole one.
fn folder_for(reports: &Path, interrupt: &Interrupt) -> PathBuf {
    if interrupt.came() { reports.join("interrupted") } else { reports.to_owned() }
}

/// Writes and prints the reports; whoever answered wrongly fails the run.
fn finish(summary: &Summary, folder: &Path) -> Result<ExitCode, BoxError> {
    let paths = report::write(summary, folder)?;
    // One round judges nothing, so that a smoke run only tells what is wrong or missing.
    let smoke = summary.host.mode == Mode::Smoke.word();
    let mut text = if smoke { report::problems(summary) } else { report::head(summary) };
    text.extend(paths.iter().map(|path| format!("{}\n", path.display())));
    output::print(&text)?;
    Ok(if summary.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What lies ahead, for who waits.
fn announced(workloads: &[Workload], summary: &Summary) -> String {
    let contenders: usize = workloads.iter().map(|workload| workload.contenders.len()).sum();
    let absent = match summary.skipped.len() {
        0 => String::new(),
        some => format!("; {some} cannot run here, the report says why"),
    };
    format!("{} workloads, {contenders} contenders{absent}", workloads.len())
}

/// Measures them one after the other, until all are done or Ctrl-C is pressed; then the rest is skipped by name.
fn run_all(workloads: &[Workload], settings: &Settings, interrupt: &Interrupt, summary: &mut Summary) {
    let starts: Vec<usize> = workloads.iter().map(|workload| settings.starts(workload)).collect();
    let progress = Progress::new(starts.iter().sum());
    progress.say(&announced(workloads, summary));
    let mut started_before = 0;
    for (workload, starts) in workloads.iter().zip(starts) {
        let began = Instant::now();
        match measure(workload, settings, interrupt, &progress) {
            Ok(measured) => {
                progress.say(&told(&measured, settings.mode, began.elapsed().as_secs_f64()));
                if let Some(weight) = &measured.weight {
                    summary.host.weight.clone_from(weight);
                }
                summary.workloads.push(WorkloadSummary::of(&measured, settings.seed));
            }
            // In a terminal Ctrl-C has ended the contender too, and that is none of its faults.
            Err(_) if interrupt.came() => {
                let Workload { set, name, .. } = *workload;
                let why = "not measured: Ctrl-C".to_owned();
                summary.skipped.push(Skipped { set, workload: name, contender: "all", why });
            }
            Err(error) => {
                progress.say(&format!("{}: FAILED: {error}", workload.title()));
                summary.failed.push((workload.title(), error.to_string()));
            }
        }
        started_before += starts;
        progress.finished_workload(started_before);
    }
    progress.finish();
}

/// One line about a workload that is done.
fn told(measured: &Measured, mode: Mode, seconds: f64) -> String {
    let (title, who) = (measured.workload.title(), measured.series.len());
    let rounds = measured.series.first().map_or(0, |series| series.samples.len());
    match mode {
        Mode::Smoke => format!("{title}: {who} contenders agree, {seconds:.1} s"),
        _ => format!("{title}: {who} contenders, {rounds} rounds, {seconds:.1} s"),
    }
}

/// Prints sets, workloads and contenders.
pub(crate) fn list(args: &BenchArgs) -> Result<(), BoxError> {
    let (mut set, mut text, root) = ("", String::new(), host::root());
    for workload in chosen(args) {
        if workload.set != set {
            set = workload.set;
            text += &format!("{set}\n");
        }
        let (name, unit) = (workload.name, workload.metric.unit());
        text += &format!("  {name} [{unit}, {} items]\n    {}\n", workload.size, workload.about);
        for contender in &workload.contenders {
            let (name, role) = (contender.name, contender.role.word());
            text += &format!("    {name:26} {role:9} {}\n", contender.link(&root));
        }
    }
    Ok(output::print(&text)?)
}

/// The workloads of the named sets, or of all.
fn chosen(args: &BenchArgs) -> Vec<Workload> {
    let mode = args.mode();
    let mut workloads = sets::all(mode, Capacity::of(&host::output_folder()));
    workloads.retain(|workload| {
        let in_sets = args.sets.is_empty() || args.sets.iter().any(|set| set == workload.set);
        let is_asked_for = workload.is_scaling == args.scaling;
        in_sets
            && is_asked_for
            && workload.name.contains(&args.filter)
            && (mode != Mode::Smoke || workload.in_smoke)
    });
    workloads
}

/// One contender, by its names.
pub(crate) fn find(set: &str, workload: &str, contender: &str) -> Result<(Workload, Contender), BoxError> {
    let nothing = Capacity { memory_free: 0, disk_free: 0 };
    let mut workloads = sets::all(Mode::Smoke, nothing).into_iter();
    let found = workloads.find(|one| one.set == set && one.name == workload).ok_or("no such workload")?;
    let contender = found.contenders.iter().find(|one| one.name == contender).ok_or("no such contender")?;
    Ok((found.clone(), contender.clone()))
}

/// A run that cannot keep its inputs fails before it starts.
fn check_disk(workloads: &[Workload], settings: &Settings) -> Result<(), BoxError> {
    let mut counted = BTreeSet::new();
    let mut needed = 0;
    for workload in workloads {
        let Some(input) = workload.input else { continue };
        for contender in &workload.contenders {
            let rows = workload.size * contender.times;
            if counted.insert((input.name(), rows)) && !input.is_cached(rows, &settings.inputs) {
                needed += rows * input.bytes_per_row();
            }
        }
    }
    let free = Capacity::of(&settings.inputs).disk_free;
    // What else a build or a swap file takes meanwhile.
    let reserve = 1 << 30;
    if needed > 0 && needed.saturating_add(reserve) > free {
        let mib = |bytes: u64| bytes >> 20;
        let inputs = settings.inputs.display();
        return Err(format!("inputs need {} MiB at {inputs}, {} MiB are free", mib(needed), mib(free)).into());
    }
    Ok(())
}

/// What the user typed, as far as this program sees it.
fn typed() -> String {
    let args: Vec<String> = std::env::args().skip(1).collect();
    format!("cargo xtask bench {}", args.join(" ")).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::Peers;

    #[test]
    fn what_ctrl_c_leaves_over_is_skipped_by_name_and_half_a_run_replaces_no_whole_one() {
        let nothing = Capacity { memory_free: 0, disk_free: 0 };
        let workloads: Vec<Workload> = sets::all(Mode::Smoke, nothing).into_iter().take(3).collect();
        let inputs = host::output_folder().join("inputs");
        let (mode, peers) = (Mode::Smoke, Peers::None);
        let settings =
            Settings { mode, peers, rounds: None, seed: 1, workers: 1, allocations: false, inputs };
        let interrupt = Interrupt::default();
        interrupt.press();

        let reports = Path::new("reports");
        assert_eq!(folder_for(reports, &interrupt), reports.join("interrupted"));
        assert_eq!(folder_for(reports, &Interrupt::default()), reports);

        let mut summary = Summary::new(Host::before(mode.word(), 1), String::new());
        run_all(&workloads, &settings, &interrupt, &mut summary);
        let skipped: Vec<_> = summary.skipped.iter().map(|skipped| skipped.workload).collect();
        assert_eq!(skipped, workloads.iter().map(|workload| workload.name).collect::<Vec<_>>());
        assert!(summary.failed.is_empty() && summary.workloads.is_empty());
    }
}
