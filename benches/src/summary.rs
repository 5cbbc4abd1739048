//! From counted runs to figures: medians, and the paired ratios of ours to the others.

use crate::admission::Skipped;
use crate::bar::{self, BarRow};
use crate::contender::{Axis, Point, Role, Workers};
use crate::host::{self, Host};
use crate::metric::Metric;
use crate::process::Sample;
use crate::runner::{Measured, Series};
use crate::saved::Saved;
use crate::statistics::{Ratio, Verdict, median};
use serde::Serialize;

/// All that the reports show.
#[derive(Clone)]
pub(crate) struct Summary {
    pub(crate) host: Host,
    /// What was typed.
    pub(crate) command: String,
    pub(crate) workloads: Vec<WorkloadSummary>,
    pub(crate) skipped: Vec<Skipped>,
    /// Workloads whose times do not count, with the reason.
    pub(crate) failed: Vec<(String, String)>,
    /// A run that this one is to be compared with.
    pub(crate) against: Option<Saved>,
}

#[derive(Clone)]
pub(crate) struct WorkloadSummary {
    pub(crate) title: String,
    pub(crate) about: &'static str,
    pub(crate) size: u64,
    pub(crate) metric: Metric,
    pub(crate) rows: Vec<Row>,
    pub(crate) ratios: Vec<RatioRow>,
    pub(crate) bars: Vec<BarRow>,
    /// The figure of ours for each number of workers, where that is what is compared.
    pub(crate) scaling: Vec<(usize, f64)>,
}

/// One contender's figures. The serialized part is the row of `results.json`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) set: &'static str,
    pub(crate) workload: &'static str,
    pub(crate) contender: &'static str,
    pub(crate) role: Role,
    /// The median.
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) higher_is_better: bool,
    pub(crate) seconds: Option<f64>,
    pub(crate) cpu_seconds: Option<f64>,
    pub(crate) peak_rss_bytes: Option<u64>,
    /// Counted in a full run, or on request, and where valgrind is.
    pub(crate) allocations_per_item: Option<f64>,
    pub(crate) answer: String,
    pub(crate) rounds: usize,
    /// The best round: the lowest seconds, bytes or instructions, or the highest rate.
    #[serde(skip)]
    pub(crate) best: f64,
    /// `path:line` in the workspace.
    #[serde(skip)]
    pub(crate) link: String,
    #[serde(skip)]
    pub(crate) command: String,
    #[serde(skip)]
    pub(crate) point: Option<Point>,
}

/// The figures of one program over the sizes that it was given.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Curve {
    pub(crate) set: &'static str,
    pub(crate) workload: &'static str,
    pub(crate) curve: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) axis: Axis,
    pub(crate) points: Vec<CurvePoint>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct CurvePoint {
    /// In the unit of the curve's axis.
    pub(crate) size: u64,
    pub(crate) value: f64,
    pub(crate) peak_rss_bytes: Option<u64>,
}

/// One of ours over one of theirs: above 1 when ours is better, whatever the unit.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RatioRow {
    pub(crate) set: &'static str,
    pub(crate) workload: &'static str,
    pub(crate) ours: &'static str,
    pub(crate) against: &'static str,
    pub(crate) role: Role,
    pub(crate) ratio: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    #[serde(skip)]
    pub(crate) verdict: Verdict,
}

impl WorkloadSummary {
    pub(crate) fn of(measured: &Measured, seed: u64) -> Self {
        let workload = &measured.workload;
        Self {
            title: workload.title(),
            about: workload.about,
            size: workload.size,
            metric: workload.metric,
            rows: measured.series.iter().filter_map(|series| row(measured, series)).collect(),
            ratios: ratios(measured, seed),
            bars: bar::rows(measured, seed),
            scaling: scaling(measured),
        }
    }

    /// The ratios of the first of ours to all of a role, the strongest of them first.
    pub(crate) fn against(&self, role: Role) -> Vec<&RatioRow> {
        let of_ours = |row: &&RatioRow| self.ours().is_some_and(|ours| ours.contender == row.ours);
        let mut rows: Vec<_> = self.ratios.iter().filter(|row| row.role == role).filter(of_ours).collect();
        rows.sort_by(|left, right| left.ratio.total_cmp(&right.ratio));
        rows
    }

    /// The curves of its plots, if it has any.
    pub(crate) fn curves(&self) -> Vec<Curve> {
        let mut curves = Vec::<Curve>::new();
        for row in &self.rows {
            let Some(Point { curve, size, axis }) = row.point else { continue };
            let point = CurvePoint { size, value: row.value, peak_rss_bytes: row.peak_rss_bytes };
            match curves.iter_mut().find(|known| known.curve == curve) {
                Some(known) => known.points.push(point),
                None => {
                    let Row { set, workload, unit, .. } = *row;
                    curves.push(Curve { set, workload, curve, unit, axis, points: vec![point] });
                }
            }
        }
        curves
    }

    /// The first of ours: the one that the set means.
    pub(crate) fn ours(&self) -> Option<&Row> {
        self.rows.iter().find(|row| row.role == Role::Ours)
    }
}

fn scaling(measured: &Measured) -> Vec<(usize, f64)> {
    if !measured.workload.is_scaling {
        return Vec::new();
    }
    let point = |series: &Series| {
        let Workers::Exactly(workers) = series.contender.workers else { return None };
        let values: Vec<f64> = series.samples.iter().map(|sample| sample.value).collect();
        Some((workers, median(&values)?))
    };
    let mut points: Vec<_> = measured.series.iter().filter_map(point).collect();
    points.sort_unstable_by_key(|(workers, _)| *workers);
    points
}

fn row(measured: &Measured, series: &Series) -> Option<Row> {
    let (workload, samples) = (&measured.workload, &series.samples);
    let values: Vec<f64> = samples.iter().map(|sample| sample.value).collect();
    let middle = |figures: Vec<Option<f64>>| median(&figures.into_iter().flatten().collect::<Vec<_>>());
    let best = if workload.metric.higher_is_better() { f64::max } else { f64::min };
    let peak = samples.iter().map(|sample| sample.peak_rss_bytes.map(|bytes| bytes as f64)).collect();
    Some(Row {
        set: workload.set,
        workload: workload.name,
        contender: series.contender.name,
        role: series.contender.role,
        value: median(&values)?,
        unit: workload.metric.unit(),
        higher_is_better: workload.metric.higher_is_better(),
        seconds: middle(samples.iter().map(|sample| sample.seconds).collect()),
        cpu_seconds: middle(samples.iter().map(|sample| sample.cpu_seconds).collect()),
        peak_rss_bytes: middle(peak).map(|bytes| bytes as u64),
        allocations_per_item: series.allocations_per_item,
        answer: series.answer.clone(),
        rounds: samples.len(),
        best: values.iter().copied().reduce(best)?,
        link: series.contender.link(&host::root()),
        command: series.command.clone(),
        point: series.contender.point,
    })
}

fn ratios(measured: &Measured, seed: u64) -> Vec<RatioRow> {
    let of_ours = |ours: bool| {
        measured.series.iter().filter(move |series| (series.contender.role == Role::Ours) == ours)
    };
    // On a curve, one place is compared with the same place of others.
    let size = |series: &Series| series.contender.point.map(|point| point.size);
    let pairs = of_ours(true).flat_map(|ours| of_ours(false).map(move |theirs| (ours, theirs)));
    let pairs = pairs.filter(|(ours, theirs)| size(ours) == size(theirs));
    pairs.filter_map(|(ours, theirs)| ratio(measured, ours, theirs, seed)).collect()
}

fn ratio(measured: &Measured, ours: &Series, theirs: &Series, seed: u64) -> Option<RatioRow> {
    let workload = &measured.workload;
    let figure = |sample: &Sample| match workload.metric {
        // What is above a budget may be nothing, or less: then the whole of it is compared.
        Metric::PeakOver { budget } => sample.value + budget as f64,
        _ => sample.value,
    };
    let paired = ours.samples.iter().map(figure).zip(theirs.samples.iter().map(figure));
    let ratio: Vec<f64> = match workload.metric.higher_is_better() {
        true => paired.map(|(ours, theirs)| ours / theirs).collect(),
        false => paired.map(|(ours, theirs)| theirs / ours).collect(),
    };
    let ratio = Ratio::of(&ratio, seed)?;
    Some(RatioRow {
        set: workload.set,
        workload: workload.name,
        ours: ours.contender.name,
        against: theirs.contender.name,
        role: theirs.contender.role,
        ratio: ratio.median,
        low: ratio.low,
        high: ratio.high,
        verdict: ratio.verdict(workload.metric.pairs_min()),
    })
}

impl Summary {
    /// Of a run that begins.
    pub(crate) fn new(host: Host, command: String) -> Self {
        Self { host, command, workloads: Vec::new(), skipped: Vec::new(), failed: Vec::new(), against: None }
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.workloads.iter().flat_map(|workload| &workload.rows)
    }

    pub(crate) fn ratios(&self) -> impl Iterator<Item = &RatioRow> {
        self.workloads.iter().flat_map(|workload| &workload.ratios)
    }

    /// All that we are worse than, the worst first.
    pub(crate) fn losses(&self) -> Vec<&RatioRow> {
        let mut losses: Vec<_> = self.ratios().filter(|row| row.verdict == Verdict::Worse).collect();
        losses.sort_by(|left, right| left.ratio.total_cmp(&right.ratio));
        losses
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::contender::contender;
    use crate::contenders::hand;
    use crate::workload::Workload;

    /// A workload with ours at `ours` and a peer at `theirs`, six rounds each.
    pub(crate) fn measured(metric: Metric, ours: f64, theirs: f64) -> Measured {
        let workload = Workload::new("core", "test", "A test.", 10).metric(metric).with([
            contender!("ours", Ours, "hand.rs", hand::ordered),
            contender!("peer", Peer, "hand.rs", hand::ordered),
        ]);
        let sample =
            |value| Sample { value, seconds: Some(1.0), cpu_seconds: Some(2.0), peak_rss_bytes: None };
        let series = workload.contenders.iter().zip([ours, theirs]).map(|(contender, value)| Series {
            contender: contender.clone(),
            samples: (0..6).map(|round| sample(value * (1.0 + f64::from(round) / 100.0))).collect(),
            answer: "a<b".to_owned(),
            command: "benches contend".to_owned(),
            allocations_per_item: None,
        });
        Measured { series: series.collect(), workload, weight: None }
    }

    /// A whole summary with one win and one loss.
    pub(crate) fn summary() -> Summary {
        let win = WorkloadSummary::of(&measured(Metric::ItemsPerSecond, 200.0, 100.0), 1);
        let loss = WorkloadSummary::of(&measured(Metric::Seconds, 4.0, 1.0), 1);
        let skipped =
            Skipped { set: "core", workload: "test", contender: "python", why: "not <here>".to_owned() };
        Summary {
            host: Host::before("default", 1),
            command: "cargo xtask bench core".to_owned(),
            workloads: vec![win, loss],
            skipped: vec![skipped],
            failed: vec![("core/other".to_owned(), "`peer` answers `2`".to_owned())],
            against: None,
        }
    }

    #[test]
    fn above_one_is_better_whatever_the_unit() {
        let summary = summary();
        let ratios: Vec<_> = summary.ratios().map(|row| (row.ratio, row.verdict)).collect();
        assert_eq!(ratios, [(2.0, Verdict::Better), (0.25, Verdict::Worse)]);
        assert_eq!(summary.losses().len(), 1);
    }

    #[test]
    fn above_a_budget_the_whole_of_the_memory_is_compared() {
        let over = WorkloadSummary::of(&measured(Metric::PeakOver { budget: 100 }, -50.0, 100.0), 1);
        assert!((over.ratios[0].ratio - 4.2).abs() < 0.1, "{:?}", over.ratios);
    }

    #[test]
    fn points_of_one_curve_are_together_in_their_order() {
        let mut over = WorkloadSummary::of(&measured(Metric::ItemsPerSecond, 100.0, 200.0), 1);
        assert!(over.curves().is_empty());
        let point = |size| Some(Point { curve: "read", size, axis: Axis::Bytes });
        (over.rows[0].point, over.rows[1].point) = (point(4096), point(8192));
        let curves = over.curves();
        let sizes: Vec<u64> = curves[0].points.iter().map(|point| point.size).collect();
        assert_eq!((curves.len(), curves[0].unit, sizes), (1, "items/s", vec![4096, 8192]));
    }

    #[test]
    fn figures_over_workers_are_those_of_ours_by_their_number() {
        let mut over = measured(Metric::ItemsPerSecond, 300.0, 100.0);
        over.workload = over.workload.scaling();
        over.series[0].contender.workers = Workers::Exactly(3);
        over.series[1].contender.workers = Workers::Exactly(1);
        let points = WorkloadSummary::of(&over, 1).scaling;
        assert_eq!(points.iter().map(|(workers, _)| *workers).collect::<Vec<_>>(), [1, 3]);
        assert!((points[1].1 / points[0].1 - 3.0).abs() < 1e-9, "{points:?}");
    }

    #[test]
    fn the_median_and_the_best_are_of_the_counted_rounds() {
        let rate = WorkloadSummary::of(&measured(Metric::ItemsPerSecond, 100.0, 100.0), 1);
        let time = WorkloadSummary::of(&measured(Metric::Seconds, 100.0, 100.0), 1);
        assert!((rate.rows[0].value - 102.5).abs() < 1e-9 && (rate.rows[0].best - 105.0).abs() < 1e-9);
        assert!((time.rows[0].best - 100.0).abs() < 1e-9);
        assert_eq!((rate.rows[0].rounds, rate.rows[0].peak_rss_bytes), (6, None));
    }
}
