//! Bars: what ours is to reach in a workload, and whether it did.

use crate::contender::Role;
use crate::metric::Metric;
use crate::process::Sample;
use crate::runner::{Measured, Series};
use crate::statistics::Ratio;
use serde::Serialize;

/// What ours is to reach in a workload. A bar that is missed is told, and fails nothing: its figures are those of a machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bar {
    /// So many times as good as the best of a role, whatever the unit: 1.25 is faster by a quarter, 0.98 worse by 2 %.
    Times { figure: Figure, against: Role, least: f64 },
    /// The workload's own figure, so many times as good as that of one contender: where several have bars of their own.
    Of { name: &'static str, least: f64 },
    /// The figure of one of ours, so many times as good as `times` that of another one: what `times` as much should bring.
    Share { ours: &'static str, of: &'static str, times: u64, least: f64 },
    /// At most so much more than the best of a role, in the unit of the workload.
    Above { against: Role, most: f64 },
    /// At most so much, in the unit of the workload.
    AtMost(f64),
}

/// Which figures a bar compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Figure {
    /// What the workload is about.
    Value,
    CpuTime,
    PeakMemory,
}

impl Bar {
    /// The workload's own figure, so many times as good as that of the best peer.
    pub(crate) const fn peers(least: f64) -> Self {
        Bar::Times { figure: Figure::Value, against: Role::Peer, least }
    }

    /// The same against what no pipeline can beat.
    pub(crate) const fn limit(least: f64) -> Self {
        Bar::Times { figure: Figure::Value, against: Role::Limit, least }
    }

    /// The same against what a user would write first.
    pub(crate) const fn baseline(least: f64) -> Self {
        Bar::Times { figure: Figure::Value, against: Role::Baseline, least }
    }

    /// Processor time, at most so many times that of the plain loop.
    pub(crate) fn cpu_of_baseline(most: f64) -> Self {
        Bar::Times { figure: Figure::CpuTime, against: Role::Baseline, least: 1.0 / most }
    }

    /// Peak memory, not above the least of the peers'.
    pub(crate) fn memory_of_peers() -> Self {
        Bar::Times { figure: Figure::PeakMemory, against: Role::Peer, least: 1.0 }
    }
}

/// What came of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Came {
    /// The median is there or beyond.
    Reached,
    /// The median is not there, but the bar lies in its 95 % interval.
    Unclear,
    Missed,
    /// Too few rounds to say anything.
    Unjudged,
}

/// A bar, and how far it was to it. One line of the report, one row of `results.json`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct BarRow {
    pub(crate) set: &'static str,
    pub(crate) workload: &'static str,
    /// What was asked for, in words.
    pub(crate) bar: String,
    /// Who sets it; nobody, where it is a number.
    pub(crate) against: Option<&'static str>,
    /// What the bar is about: a ratio, or a figure in the unit of the workload.
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) came: Came,
    /// Behind the point, of a value that is not small.
    #[serde(skip)]
    digits: usize,
}

/// How many digits behind the point a bar and what came of it have: enough to tell it from 1.
fn digits(least: f64) -> usize {
    if least != 1.0 && (least - 1.0).abs() < 0.01 { 4 } else { 2 }
}

/// All bars of a workload. One without anybody to be compared with, since all of them are missing, has no row.
pub(crate) fn rows(measured: &Measured, seed: u64) -> Vec<BarRow> {
    let Some(ours) = measured.series.iter().find(|series| series.contender.role == Role::Ours) else {
        return Vec::new();
    };
    measured.workload.bars.iter().filter_map(|bar| row(measured, ours, *bar, seed)).collect()
}

fn row(measured: &Measured, ours: &Series, bar: Bar, seed: u64) -> Option<BarRow> {
    let workload = &measured.workload;
    let of_role = |role| measured.series.iter().filter(move |series| series.contender.role == role);
    let unit = workload.metric.unit();
    // The hardest of its role: a ratio is above 1 where ours is better, a difference below 0.
    let (text, against, found, is_floor, at) = match bar {
        Bar::Of { name, least } => {
            let theirs = measured.series.iter().find(|series| series.contender.name == name)?;
            let ratio = Ratio::of(&ratios(workload.metric, Figure::Value, ours, theirs), seed)?;
            (format!("{least:.2} of {name}"), Some(name), ratio, true, least)
        }
        Bar::Share { ours, of, times, least } => {
            let by_name = |name| measured.series.iter().find(|series| series.contender.name == name);
            let all = ratios(workload.metric, Figure::Value, by_name(ours)?, by_name(of)?);
            let shares: Vec<f64> = all.into_iter().map(|ratio| ratio / times as f64).collect();
            let share = Ratio::of(&shares, seed)?;
            let times = if times == 1 { String::new() } else { format!("{times} times ") };
            (format!("{ours} {least:.2} of {times}{of}"), Some(of), share, true, least)
        }
        Bar::Times { figure, against, least } => {
            let each = of_role(against).filter_map(|theirs| {
                let ratio = Ratio::of(&ratios(workload.metric, figure, ours, theirs), seed)?;
                Some((theirs.contender.name, ratio))
            });
            let (name, ratio) = each.min_by(|(_, one), (_, other)| one.median.total_cmp(&other.median))?;
            let of = match figure {
                Figure::Value => "",
                Figure::CpuTime => "CPU time ",
                Figure::PeakMemory => "peak memory ",
            };
            let digits = digits(least);
            (format!("{of}{least:.digits$} of the best {}", against.word()), Some(name), ratio, true, least)
        }
        Bar::Above { against, most } => {
            let each = of_role(against).filter_map(|theirs| {
                let pairs = ours.samples.iter().zip(&theirs.samples);
                let above: Vec<f64> = pairs.map(|(ours, theirs)| ours.value - theirs.value).collect();
                Some((theirs.contender.name, Ratio::of(&above, seed)?))
            });
            let (name, above) = each.max_by(|(_, one), (_, other)| one.median.total_cmp(&other.median))?;
            (format!("at most {most} {unit} above the {}", against.word()), Some(name), above, false, most)
        }
        Bar::AtMost(most) => {
            let values: Vec<f64> = ours.samples.iter().map(|sample| sample.value).collect();
            (format!("at most {most} {unit}"), None, Ratio::of(&values, seed)?, false, most)
        }
    };
    let (set, workload_name) = (workload.set, workload.name);
    let came = match found {
        _ if found.pairs < workload.metric.pairs_min() => Came::Unjudged,
        Ratio { median, .. } if is_floor == (median > at) || median == at => Came::Reached,
        Ratio { low, high, .. } if (low..=high).contains(&at) => Came::Unclear,
        _ => Came::Missed,
    };
    let Ratio { median: value, low, high, .. } = found;
    let digits = digits(at);
    Some(BarRow { set, workload: workload_name, bar: text, against, value, low, high, came, digits })
}

/// Ours over theirs in each round, above 1 where ours is better.
fn ratios(metric: Metric, figure: Figure, ours: &Series, theirs: &Series) -> Vec<f64> {
    let of = |sample: &Sample| match figure {
        Figure::Value => Some(sample.value),
        Figure::CpuTime => sample.cpu_seconds,
        Figure::PeakMemory => sample.peak_rss_bytes.map(|bytes| bytes as f64),
    };
    let more_is_better = figure == Figure::Value && metric.higher_is_better();
    let pairs = ours.samples.iter().zip(&theirs.samples);
    pairs
        .filter_map(|(ours, theirs)| {
            let (ours, theirs) = (of(ours)?, of(theirs)?);
            Some(if more_is_better { ours / theirs } else { theirs / ours })
        })
        .collect()
}

impl BarRow {
    /// `1.25 of the best peer: missed, 1.10 [1.05, 1.15] of rayon`
    pub(crate) fn text(&self) -> String {
        let came = match self.came {
            Came::Reached => "reached",
            Came::Unclear => "unclear",
            Came::Missed => "missed",
            Came::Unjudged => "too few rounds to judge",
        };
        // Times are small numbers in their unit: three digits that count.
        let number = |value: f64| match value.abs() {
            0.1.. => format!("{value:.*}", self.digits),
            _ => format!("{value:.2e}"),
        };
        let (value, low, high) = (number(self.value), number(self.low), number(self.high));
        let of = self.against.map(|name| format!(" of {name}")).unwrap_or_default();
        format!("{}: {came}, {value} [{low}, {high}]{of}", self.bar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::tests::measured;

    fn came(metric: Metric, ours: f64, theirs: f64, bar: Bar) -> Option<Came> {
        let mut measured = measured(metric, ours, theirs);
        measured.workload.bars = vec![bar];
        rows(&measured, 1).first().map(|row| row.came)
    }

    #[test]
    fn a_bar_is_reached_at_its_figure_and_missed_below_whatever_the_unit() {
        let peers = Bar::peers(2.0);
        assert_eq!(came(Metric::ItemsPerSecond, 200.0, 100.0, peers), Some(Came::Reached));
        assert_eq!(came(Metric::ItemsPerSecond, 190.0, 100.0, peers), Some(Came::Missed));
        assert_eq!(came(Metric::Percentile99, 50.0, 100.0, peers), Some(Came::Reached));
        assert_eq!(came(Metric::Percentile99, 60.0, 100.0, peers), Some(Came::Missed));
    }

    #[test]
    fn a_bar_close_to_1_is_told_with_digits_that_tell_it_from_1() {
        let mut measured = measured(Metric::InstructionsPerItem, 100.0, 99.9);
        measured.workload.bars = vec![Bar::peers(0.998)];
        let text = rows(&measured, 1)[0].text();
        assert_eq!(text, "0.9980 of the best peer: reached, 0.9990 [0.9990, 0.9990] of peer");
    }

    #[test]
    fn a_number_and_a_difference_are_bars_as_well() {
        assert_eq!(came(Metric::Percentile99, 1.0, 9.0, Bar::AtMost(1.5)), Some(Came::Reached));
        assert_eq!(came(Metric::Percentile99, 2.0, 1.0, Bar::AtMost(1.5)), Some(Came::Missed));
        let above = Bar::Above { against: Role::Peer, most: 1.0 };
        assert_eq!(came(Metric::CpuPercent, 5.5, 5.0, above), Some(Came::Reached));
        assert_eq!(came(Metric::CpuPercent, 7.0, 5.0, above), Some(Came::Missed));
    }

    #[test]
    fn processor_time_is_compared_where_it_is_told_and_nobody_missing_sets_a_bar() {
        // The samples all took two CPU seconds, and tell no memory.
        let cpu = Bar::Times { figure: Figure::CpuTime, against: Role::Peer, least: 1.0 };
        assert_eq!(came(Metric::ItemsPerSecond, 1.0, 9.0, cpu), Some(Came::Reached));
        assert_eq!(came(Metric::ItemsPerSecond, 1.0, 9.0, Bar::memory_of_peers()), None);
        assert_eq!(came(Metric::ItemsPerSecond, 1.0, 9.0, Bar::limit(1.0)), None);
    }

    #[test]
    fn one_contender_can_have_a_bar_of_its_own_whatever_its_role() {
        let of = |name, least| came(Metric::ItemsPerSecond, 200.0, 100.0, Bar::Of { name, least });
        assert_eq!(of("peer", 2.0), Some(Came::Reached));
        assert_eq!(of("peer", 2.5), Some(Came::Missed));
        assert_eq!(of("nobody", 2.0), None);
    }

    #[test]
    fn one_of_ours_can_be_held_against_a_multiple_of_another_figure() {
        let share = |times| {
            let share = Bar::Share { ours: "ours", of: "peer", times, least: 0.9 };
            came(Metric::ItemsPerSecond, 950.0, 100.0, share)
        };
        assert_eq!((share(10), share(11)), (Some(Came::Reached), Some(Came::Missed)));
    }

    #[test]
    fn the_text_has_the_bar_what_came_of_it_and_who_sets_it() {
        let mut measured = measured(Metric::ItemsPerSecond, 110.0, 100.0);
        measured.workload.bars = vec![Bar::peers(1.25)];
        let text = rows(&measured, 1)[0].text();
        assert_eq!(text, "1.25 of the best peer: missed, 1.10 [1.10, 1.10] of peer");
    }
}
