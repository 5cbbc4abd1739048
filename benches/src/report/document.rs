//! The report, before it is HTML or Markdown: what it says, and in which order.

use super::block::{Bar, Block, Cell, Plot, PlotCurve, Strip, Table};
use super::figures::{bytes_text, count_text, ratio_text, value_text};
use super::plot::size_text;
use super::scaling;
use crate::bar::BarRow;
use crate::contender::{Axis, Role};
use crate::host::Host;
use crate::metric::Metric;
use crate::saved::{Moved, Saved};
use crate::statistics::Verdict;
use crate::summary::{Curve, CurvePoint, RatioRow, Row, Summary, WorkloadSummary};

/// The whole report.
pub(crate) fn of(summary: &Summary) -> Vec<Block> {
    let mut blocks = head(summary);
    blocks.extend(failures(summary));
    blocks.push(Block::Heading(2, "Overview".to_owned()));
    blocks.push(Block::Text(tally(summary)));
    blocks.push(Block::Text(READING.to_owned()));
    blocks.push(Block::Table(overview(summary)));
    blocks.extend(losses(summary));
    blocks.extend(summary.against.as_ref().map(|saved| moved(saved, summary)).into_iter().flatten());
    let mut set = "";
    for workload in &summary.workloads {
        let of_workload = workload.rows.first().map_or("", |row| row.set);
        if of_workload != set {
            set = of_workload;
            blocks.push(Block::Heading(2, format!("Set {set}")));
        }
        blocks.extend(workload_blocks(workload));
    }
    if summary.rows().any(|row| row.set == "parallel") {
        blocks.extend(scaling::model());
    }
    blocks.extend(skipped(summary));
    blocks.extend(commands(summary));
    blocks
}

const READING: &str = "Ratios are ours over theirs, above 1 when ours is better, as the median of the rounds, each paired \
    within its round, with the 95 % bootstrap interval. Better or worse is said only where that interval leaves 1 out. \
    Of several peers the strongest is shown. These are figures of one machine at one time; of a machine with other \
    load they say little.";

fn head(summary: &Summary) -> Vec<Block> {
    let Host { cpu, cores, kernel, rustc, commit, date, load_before, load_after, weight, mode, seed, .. } =
        &summary.host;
    let memory =
        summary.host.memory_bytes.map_or_else(|| "unknown".to_owned(), |bytes| bytes_text(bytes as f64));
    let facts = [
        ("CPU", format!("{cpu}, {cores} logical cores, {cores} workers for every parallel contender")),
        ("Memory", memory),
        ("System", format!("kernel {kernel}, {rustc}")),
        ("Commit", commit.clone()),
        ("Date", date.clone()),
        ("Load", format!("{load_before} before, {load_after} after")),
        ("Scheduling weight", weight.clone()),
        ("Run", format!("{}; mode {mode}, seed {seed}", summary.command)),
    ];
    let rows = facts.map(|(name, fact)| vec![name.into(), fact.into()]).into();
    vec![Block::Heading(1, "Benchmarks".to_owned()), Block::Table(Table { head: vec!["Host", ""], rows })]
}

fn failures(summary: &Summary) -> Vec<Block> {
    if summary.failed.is_empty() {
        return Vec::new();
    }
    let rows = summary.failed.iter().map(|(title, why)| vec![title.as_str().into(), why.as_str().into()]);
    vec![
        Block::Heading(2, "Failed".to_owned()),
        Block::Text("These workloads have no figures, since their answers or programs are wrong.".to_owned()),
        Block::Table(Table { head: vec!["workload", "why"], rows: rows.collect() }),
    ]
}

/// How many comparisons went which way, by the role of the other side.
fn tally(summary: &Summary) -> String {
    let of = |role: Role| {
        let count = |verdict: Verdict| {
            summary.ratios().filter(|row| row.role == role && row.verdict == verdict).count()
        };
        let [better, level, worse, unjudged] =
            [Verdict::Better, Verdict::NoDifference, Verdict::Worse, Verdict::Unjudged].map(count);
        let all = better + level + worse + unjudged;
        let rest =
            if unjudged > 0 { format!(", {unjudged} with too few rounds to judge") } else { String::new() };
        let them = match role {
            Role::Peer => "peers",
            Role::Baseline => "baselines",
            _ => "limits",
        };
        (all > 0)
            .then(|| format!("Against {them}: {better} better, {level} no difference, {worse} worse{rest}."))
    };
    [Role::Peer, Role::Baseline, Role::Limit].into_iter().filter_map(of).collect::<Vec<_>>().join(" ")
}

/// Ratios of then and now. Ratios, not times: the peers were measured beside us both times, so another load of the machine touches them less.
fn moved(saved: &Saved, summary: &Summary) -> Vec<Block> {
    let mut table = Table { head: vec!["workload", "who", "then", "now"], rows: Vec::new() };
    let mut level = 0;
    for now in summary.ratios() {
        let Some((then, moved)) = saved.compared(now) else { continue };
        let word = match moved {
            Moved::Up => "] better",
            Moved::Down => "] worse",
            Moved::Nowhere => {
                level += 1;
                continue;
            }
        };
        let interval = |ratio: f64, low: f64, high: f64| format!("{ratio:.2} [{low:.2}, {high:.2}");
        table.rows.push(vec![
            format!("{}/{}", now.set, now.workload).into(),
            format!("{} against {}", now.ours, now.against).into(),
            format!("{}]", interval(then.ratio, then.low, then.high)).into(),
            format!("{}{word}", interval(now.ratio, now.low, now.high)).into(),
        ]);
    }
    let other = if saved.is_alike(&summary.host) {
        ""
    } else {
        " It was another machine or another size of run: read this with care."
    };
    let text = format!(
        "Ratios of then and now whose intervals do not meet; {level} others have not moved. Then: {}, at {}.{other}",
        saved.host.commit, saved.host.date
    );
    let mut blocks = vec![Block::Heading(2, "Since the saved run".to_owned()), Block::Text(text)];
    blocks.extend((!table.rows.is_empty()).then_some(Block::Table(table)));
    blocks
}

/// One line for each workload.
pub(crate) fn overview(summary: &Summary) -> Table {
    let cell = |rows: Vec<&RatioRow>| -> Cell {
        let strips: Vec<_> = rows.into_iter().map(Strip::of).collect();
        let texts: Vec<_> = strips.iter().map(|strip| strip.text.as_str()).collect();
        let text = if texts.is_empty() { "-".to_owned() } else { texts.join("; ") };
        Cell { text, strips, link: None }
    };
    let row = |workload: &WorkloadSummary| {
        vec![
            workload.title.as_str().into(),
            ours_text(workload).into(),
            cell(workload.against(Role::Peer).into_iter().take(1).collect()),
            cell(workload.against(Role::Baseline)),
            cell(workload.against(Role::Limit)),
            workload.bars.iter().map(BarRow::text).collect::<Vec<_>>().join("; ").into(),
        ]
    };
    Table {
        head: vec!["workload", "ours", "over the best peer", "over the baselines", "over the limit", "bars"],
        rows: summary.workloads.iter().map(row).collect(),
    }
}

/// The figure of ours, or, where there are several, of each by its name; of a curve the best one.
fn ours_text(workload: &WorkloadSummary) -> String {
    let curves = workload.curves();
    if !curves.is_empty() {
        let best = |curve: &Curve| {
            let best = curve.points.iter().max_by(|one, other| one.value.total_cmp(&other.value))?;
            let (value, size) = (value_text(best.value, workload.metric), along_text(curve.axis)(best.size));
            Some(format!("{}: {value} at {size}", curve.curve))
        };
        return curves.iter().filter_map(best).collect::<Vec<_>>().join("; ");
    }
    let ours: Vec<_> = workload.rows.iter().filter(|row| row.role == Role::Ours).collect();
    let value = |row: &Row| value_text(row.value, workload.metric);
    match ours.as_slice() {
        [] => "-".to_owned(),
        [row] => value(row),
        rows => {
            rows.iter().map(|row| format!("{}: {}", row.contender, value(row))).collect::<Vec<_>>().join("; ")
        }
    }
}

/// As large as what we win: in the same form, and before the details.
fn losses(summary: &Summary) -> Vec<Block> {
    let losses = summary.losses();
    let text = match (losses.len(), summary.ratios().filter(|row| row.verdict == Verdict::Unjudged).count()) {
        (0, 0) => "Nowhere in this run, as far as the intervals tell.".to_owned(),
        (0, unjudged) => format!("Not known: {unjudged} comparisons have too few rounds to be judged."),
        (lost, _) => format!("{lost} of {} comparisons, the worst first.", summary.ratios().count()),
    };
    let row = |row: &&RatioRow| {
        let title = format!("{}/{}", row.set, row.workload);
        vec![
            title.into(),
            row.ours.into(),
            row.against.into(),
            row.role.word().into(),
            ratio_text(row).into(),
        ]
    };
    let rows: Vec<_> = losses.iter().map(row).collect();
    let mut blocks = vec![Block::Heading(2, "Where we lose".to_owned()), Block::Text(text)];
    if !rows.is_empty() {
        blocks.push(Block::Table(Table { head: vec!["workload", "ours", "against", "role", "ratio"], rows }));
    }
    blocks
}

fn workload_blocks(workload: &WorkloadSummary) -> Vec<Block> {
    let rounds = workload.rows.iter().map(|row| row.rounds).max().unwrap_or(0);
    let better = if workload.metric.higher_is_better() { "higher" } else { "lower" };
    let facts = format!("{} items, {rounds} rounds; {better} is better.", count_text(workload.size as f64));
    let bar = |row: &Row| Bar {
        name: row.contender.to_owned(),
        role: row.role,
        value: row.value,
        label: value_text(row.value, workload.metric),
    };
    let mut blocks =
        vec![Block::Heading(3, workload.title.clone()), Block::Text(format!("{} {facts}", workload.about))];
    match plots(workload) {
        Some(plots) => blocks.extend(plots.map(Block::Plot)),
        None => blocks.push(Block::Bars(workload.rows.iter().map(bar).collect())),
    }
    blocks.extend(scaling::measured(workload));
    blocks.push(Block::Table(details(workload)));
    if !workload.bars.is_empty() {
        let bars: Vec<String> = workload.bars.iter().map(BarRow::text).collect();
        blocks.push(Block::Text(format!("Bars: {}.", bars.join("; "))));
    }
    if counts_allocations(workload) {
        blocks.push(Block::Text(ALLOCATIONS.to_owned()));
    }
    if workload.metric == Metric::PeakBytes {
        blocks.push(Block::Text(spread_text(&workload.rows)));
    }
    blocks
}

/// Throughput and peak memory, where sizes are what is compared.
fn plots(workload: &WorkloadSummary) -> Option<[Plot; 2]> {
    let curves = workload.curves();
    let over = |figure: fn(&CurvePoint) -> Option<f64>| {
        let points = |curve: &Curve| {
            curve.points.iter().filter_map(|point| Some((point.size, figure(point)?))).collect()
        };
        curves.iter().map(|curve| PlotCurve { name: curve.curve, points: points(curve) }).collect()
    };
    let rate = |value: f64| format!("{} items/s", count_text(value));
    let size = along_text(curves.first()?.axis);
    Some([
        Plot { title: "Throughput", curves: over(|point| Some(point.value)), text: rate, size },
        Plot {
            title: "Peak memory",
            curves: over(|point| point.peak_rss_bytes.map(|bytes| bytes as f64)),
            text: bytes_text,
            size,
        },
    ])
}

/// How a place on the axis is written.
fn along_text(axis: Axis) -> fn(u64) -> String {
    match axis {
        Axis::Bytes => size_text,
        Axis::Operations => |operations| count_text(operations as f64),
    }
}

fn details(workload: &WorkloadSummary) -> Table {
    let counted = counts_allocations(workload);
    let row = |row: &Row| {
        let ratios = workload.ratios.iter().filter(|ratio| ratio.against == row.contender);
        let several = workload.rows.iter().filter(|row| row.role == Role::Ours).count() > 1;
        let ratio = |ratio: &RatioRow| match several {
            true => format!("{}: {}", ratio.ours, ratio_text(ratio)),
            false => ratio_text(ratio),
        };
        let dash = || "-".to_owned();
        let mut cells: Vec<Cell> = vec![
            Cell { text: row.contender.to_owned(), link: Some(row.link.clone()), ..Cell::default() },
            row.role.word().into(),
            value_text(row.value, workload.metric).into(),
            value_text(row.best, workload.metric).into(),
        ];
        if workload.metric == Metric::ItemsPerSecond {
            cells.push(format!("{:.2}", 1e9 / row.value).into());
        }
        cells.push(ratios.map(ratio).collect::<Vec<_>>().join("; ").into());
        cells.push(row.seconds.map_or_else(dash, |seconds| format!("{seconds:.3}")).into());
        cells.push(row.cpu_seconds.map_or_else(dash, |seconds| format!("{seconds:.3}")).into());
        cells.push(row.peak_rss_bytes.map_or_else(dash, |bytes| bytes_text(bytes as f64)).into());
        if counted {
            cells.push(row.allocations_per_item.map_or_else(dash, |count| format!("{count:.4}")).into());
        }
        cells
    };
    let mut head = vec!["contender", "role", "median", "best"];
    if workload.metric == Metric::ItemsPerSecond {
        head.push("ns/item");
    }
    head.extend(["ours over it", "seconds", "CPU seconds", "peak memory"]);
    head.extend(counted.then_some("allocations/item"));
    Table { head, rows: workload.rows.iter().map(row).collect() }
}

fn counts_allocations(workload: &WorkloadSummary) -> bool {
    workload.rows.iter().any(|row| row.allocations_per_item.is_some())
}

const ALLOCATIONS: &str = "Allocations are the difference between a run on 20,000 items and one on 40,000, under valgrind: \
    what is allocated once for each new key, and to write the answer down, is in it.";

/// How far apart the figures of one workload are.
fn spread_text(rows: &[Row]) -> String {
    let low = rows.iter().map(|row| row.value).fold(f64::INFINITY, f64::min);
    let high = rows.iter().map(|row| row.value).fold(0.0, f64::max);
    let percent = (high / low - 1.0) * 100.0;
    format!("Between the lowest and the highest: {}, or {percent:.1} %.", bytes_text(high - low))
}

fn skipped(summary: &Summary) -> Vec<Block> {
    let mut blocks = vec![Block::Heading(2, "Skipped".to_owned())];
    if summary.skipped.is_empty() {
        blocks.push(Block::Text("Nothing.".to_owned()));
        return blocks;
    }
    let row = |skipped: &crate::admission::Skipped| {
        let title = format!("{}/{}", skipped.set, skipped.workload);
        vec![title.into(), skipped.contender.into(), skipped.why.as_str().into()]
    };
    let rows = summary.skipped.iter().map(row).collect();
    blocks.push(Block::Table(Table { head: vec!["workload", "contender", "why"], rows }));
    blocks
}

fn commands(summary: &Summary) -> Vec<Block> {
    let lines: Vec<String> = summary.rows().map(|row| row.command.clone()).collect();
    vec![
        Block::Heading(2, "Commands".to_owned()),
        Block::Text("The run, and then each contender as it was started in its last round.".to_owned()),
        Block::Code(format!("{}\n\n{}", summary.command, lines.join("\n"))),
    ]
}
