//! What stays in the terminal: the overview, where we lose, and what was skipped.

use super::document::overview;
use super::figures::ratio_text;
use crate::admission::Skipped;
use crate::summary::{RatioRow, Summary};
use comfy_table::Table;

pub(crate) fn head(summary: &Summary) -> String {
    let mut table = Table::new();
    let overview = overview(summary);
    table.set_header(overview.head);
    for row in overview.rows {
        table.add_row(row.into_iter().map(|cell| narrow(&cell.text)));
    }
    let loss = |row: &&RatioRow| {
        let (role, ratio) = (row.role.word(), ratio_text(row));
        format!(
            "LOSES {}/{}: {} against {} ({role}): {ratio}\n",
            row.set, row.workload, row.ours, row.against
        )
    };
    let losses: String = summary.losses().iter().map(loss).collect();
    format!("\n{table}\n{losses}{}", problems(summary))
}

/// One below the other what the other reports have on one line: who, the ratio, the verdict.
fn narrow(cell: &str) -> String {
    cell.replace("; ", "\n").replace(": ", "\n").replace("] ", "]\n")
}

/// What was skipped, and what failed: a line each, which `cargo xtask ci` counts.
pub(crate) fn problems(summary: &Summary) -> String {
    let skip = |one: &Skipped| format!("SKIP {}/{} {}: {}\n", one.set, one.workload, one.contender, one.why);
    let fail = |(title, why): &(String, String)| format!("FAILED {title}: {why}\n");
    summary.skipped.iter().map(skip).chain(summary.failed.iter().map(fail)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summary::tests::summary;

    #[test]
    fn each_loss_skip_and_failure_has_a_line() {
        let text = head(&summary());
        for start in
            ["LOSES core/test: ours against peer (peer): 0.25", "SKIP core/test python", "FAILED core/other"]
        {
            assert!(text.lines().any(|line| line.starts_with(start)), "{start} is missing in\n{text}");
        }
    }
}
