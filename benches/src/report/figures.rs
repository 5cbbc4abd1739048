//! Figures as they are written.

use crate::metric::Metric;
use crate::statistics::Verdict;
use crate::summary::RatioRow;

pub(super) fn ratio_text(row: &RatioRow) -> String {
    let verdict = match row.verdict {
        Verdict::Better => "better",
        Verdict::Worse => "worse",
        Verdict::NoDifference => "no difference",
        Verdict::Unjudged => "too few rounds to judge",
    };
    format!("{:.2} [{:.2}, {:.2}] {verdict}", row.ratio, row.low, row.high)
}

pub(super) fn value_text(value: f64, metric: Metric) -> String {
    match metric {
        Metric::ItemsPerSecond => format!("{} items/s", count_text(value)),
        Metric::PeakBytes => bytes_text(value),
        Metric::PeakOver { .. } if value < 0.0 => format!("{} below the budget", bytes_text(-value)),
        Metric::PeakOver { .. } => format!("{} over the budget", bytes_text(value)),
        Metric::InstructionsPerItem => format!("{value:.2} instructions/item"),
        Metric::ReadsPerChunk | Metric::AllocatorCallsPerItem | Metric::AllocatorInstructionsPerItem => {
            format!("{value:.4} {}", metric.unit())
        }
        Metric::Percentile99 if value < 1e-3 => format!("{:.1} us at p99", value * 1e6),
        Metric::Percentile99 => format!("{:.2} ms at p99", value * 1e3),
        Metric::Percentile999 => format!("{:.2} ms at p99.9", value * 1e3),
        Metric::NanosecondsPerCall => format!("{value:.1} ns/call"),
        Metric::PercentMissed => format!("{value:.1} % missed"),
        Metric::PercentOff => format!("{value:.2} % off"),
        Metric::CpuNanosecondsPerItem => format!("{value:.1} CPU ns/item"),
        Metric::CpuPercent => format!("{value:.2} % of a core"),
        Metric::Seconds if value < 0.1 => format!("{:.2} ms", value * 1e3),
        Metric::Seconds => format!("{value:.2} s"),
    }
}

/// Three digits that count, with the thousands as a letter.
pub(super) fn count_text(value: f64) -> String {
    let (scaled, letter) = match value {
        1e9.. => (value / 1e9, " G"),
        1e6.. => (value / 1e6, " M"),
        1e4.. => (value / 1e3, " k"),
        _ => return format!("{value:.0}"),
    };
    let digits = if scaled >= 100.0 { 0 } else { 1 };
    format!("{scaled:.digits$}{letter}")
}

pub(super) fn bytes_text(bytes: f64) -> String {
    format!("{:.1} MiB", bytes / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_about_three_digits() {
        let texts = [9.0, 9_999.0, 12_345.0, 1_500_000.0, 382_000_000.0, 2.5e9].map(count_text);
        assert_eq!(texts, ["9", "9999", "12.3 k", "1.5 M", "382 M", "2.5 G"]);
    }
}
