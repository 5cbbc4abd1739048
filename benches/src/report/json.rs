//! `results.json`, for machines.

use crate::admission::Skipped;
use crate::bar::BarRow;
use crate::host::Host;
use crate::summary::{Curve, RatioRow, Row, Summary, WorkloadSummary};
use serde::Serialize;

#[derive(Serialize)]
struct Results<'a> {
    host: &'a Host,
    rows: Vec<&'a Row>,
    ratios: Vec<&'a RatioRow>,
    skipped: &'a [Skipped],
    curves: Vec<Curve>,
    bars: Vec<&'a BarRow>,
}

pub(crate) fn render(summary: &Summary) -> serde_json::Result<String> {
    let results = Results {
        host: &summary.host,
        rows: summary.rows().collect(),
        ratios: summary.ratios().collect(),
        skipped: &summary.skipped,
        curves: summary.workloads.iter().flat_map(WorkloadSummary::curves).collect(),
        bars: summary.workloads.iter().flat_map(|workload| &workload.bars).collect(),
    };
    serde_json::to_string_pretty(&results)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::tests::summary;
    use serde_json::Value;
    use std::collections::BTreeSet;

    fn keys(value: &Value) -> BTreeSet<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn the_schema_is_the_documented_one() {
        let results: Value = serde_json::from_str(&render(&summary()).unwrap()).unwrap();
        assert_eq!(keys(&results), BTreeSet::from(["bars", "curves", "host", "ratios", "rows", "skipped"]));
        let row = "set workload contender role value unit higher_is_better seconds cpu_seconds peak_rss_bytes \
                   allocations_per_item answer rounds";
        assert_eq!(keys(&results["rows"][0]), row.split_whitespace().collect());
        let ratio = "set workload ours against role ratio low high";
        assert_eq!(keys(&results["ratios"][0]), ratio.split_whitespace().collect());
        assert_eq!(keys(&results["skipped"][0]), BTreeSet::from(["contender", "set", "why", "workload"]));
        assert_eq!(results["rows"][0]["role"], "ours");
        assert_eq!(results["ratios"][1]["role"], "peer");
        assert!(results["host"]["cpu"].is_string() && results["rows"][0]["peak_rss_bytes"].is_null());
    }
}
