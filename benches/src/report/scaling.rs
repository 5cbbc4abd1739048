//! Throughput over the number of workers: measured, by the law that fits it, and as a model for more cores than there are.

use super::block::{Block, Plot, PlotCurve, Table};
use super::figures::count_text;
use crate::scaling_law::Law;
use crate::summary::WorkloadSummary;
use pipe_parallel::simulation::{speed_up, workloads};

const WORKERS: [usize; 8] = [1, 2, 4, 8, 16, 32, 64, 128];

const MODEL: &str = "Not measured: a model. The real policies of pipe-parallel (how large batches are, how many are under way, who asks for a part \
    of whose) run in simulated time, with costs that were measured on two cores; source and sink take 20 ns of an item each. It knows no caches and \
    no memory, so it is an upper bound. Times faster than one thread in a plain loop:";

/// What the figures of one to all workers come to, if that is what the workload is about.
pub(super) fn measured(workload: &WorkloadSummary) -> Vec<Block> {
    let points = &workload.scaling;
    if points.is_empty() {
        return Vec::new();
    }
    let law = Law::fit(points);
    let figures = points.iter().map(|(workers, rate)| (*workers as u64, *rate)).collect();
    let mut curves = vec![PlotCurve { name: "measured", points: figures }];
    if let Some(law) = law {
        let fitted = points.iter().map(|(workers, _)| (*workers as u64, law.throughput(*workers)));
        curves.push(PlotCurve { name: "the law", points: fitted.collect() });
    }
    let text = |rate: f64| format!("{} items/s", count_text(rate));
    vec![
        Block::Plot(Plot {
            title: "Throughput over workers",
            curves,
            text,
            size: |workers| workers.to_string(),
        }),
        Block::Text(law.map_or_else(|| NO_LAW.to_owned(), |law| told(law, points.len()))),
    ]
}

const NO_LAW: &str = "The universal scalability law needs at least two numbers of workers.";

fn told(law: Law, counts: usize) -> String {
    let Law { sigma, kappa, .. } = law;
    let peak = match law.peak() {
        _ if counts < 3 => "two numbers of workers do not tell the second one".to_owned(),
        Some(peak) => format!("the most at {peak:.0} workers"),
        None => "no number from which more workers would be slower".to_owned(),
    };
    format!(
        "Universal scalability law, by least relative squares: {sigma:.4} of the work is for one worker at a time, {kappa:.6} is what each pair of workers costs each other; {peak}."
    )
}

/// The scheduler in simulated time.
pub(super) fn model() -> Vec<Block> {
    let figures: Vec<(&str, Vec<f64>)> = workloads()
        .into_iter()
        .map(|(name, work)| (name, WORKERS.map(|workers| speed_up(&work, workers)).to_vec()))
        .collect();
    let curve = |(name, figures): &(&'static str, Vec<f64>)| {
        let points = WORKERS.iter().map(|workers| *workers as u64).zip(figures.iter().copied());
        PlotCurve { name, points: points.collect() }
    };
    // Those that differ.
    let drawn = ["1 us", "10 us", "Pareto, 6 us in the mean", "1 us, each 1,000th 1 ms"];
    let curves = figures.iter().filter(|(name, _)| drawn.contains(name)).map(curve).collect();
    let row = |(name, figures): &(&str, Vec<f64>)| {
        let cells = figures.iter().map(|figure| format!("{figure:.2}").into());
        std::iter::once((*name).into()).chain(cells).collect()
    };
    let head = vec!["work (a model)", "1", "2", "4", "8", "16", "32", "64", "128"];
    vec![
        Block::Heading(3, "A model: more cores than this machine has".to_owned()),
        Block::Text(MODEL.to_owned()),
        Block::Plot(Plot {
            title: "A model: times faster than a loop, over workers",
            curves,
            text: |times| format!("{times:.0}x"),
            size: |workers| workers.to_string(),
        }),
        Block::Table(Table { head, rows: figures.iter().map(row).collect() }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Metric;
    use crate::summary::tests::measured as sample;

    fn workload(points: &[(usize, f64)]) -> WorkloadSummary {
        let mut workload = WorkloadSummary::of(&sample(Metric::ItemsPerSecond, 1.0, 1.0), 1);
        workload.scaling = points.to_vec();
        workload
    }

    #[test]
    fn the_law_is_told_beside_the_measured_curve() {
        let law = Law { rate: 1e6, sigma: 0.02, kappa: 0.0 };
        let points: Vec<_> = [1, 2, 4].map(|workers| (workers, law.throughput(workers))).into();
        let blocks = measured(&workload(&points));
        let [Block::Plot(plot), Block::Text(text)] = &blocks[..] else { panic!("a plot and a sentence") };
        assert_eq!(plot.curves.len(), 2);
        assert!(text.contains("0.0200 of the work is for one worker at a time"), "{text}");
    }

    #[test]
    fn without_figures_nothing_is_said_and_with_one_no_law() {
        assert!(measured(&workload(&[])).is_empty());
        let blocks = measured(&workload(&[(1, 5.0)]));
        assert!(matches!(&blocks[..], [Block::Plot(_), Block::Text(text)] if text == NO_LAW));
    }
}
