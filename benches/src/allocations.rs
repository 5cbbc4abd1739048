//! Allocations per item, counted by valgrind in runs of their own: counting slows what it counts, so no time comes from here.

use crate::contender::{Contender, Job};
use crate::inputs::Prepared;
use crate::measure::BoxError;
use crate::metric::Metric;
use crate::process;
use crate::runner::Settings;
use crate::workload::Workload;
use std::process::Command;
use std::time::Duration;

/// Items of the smaller run; the larger has twice as many, and the difference leaves out what starting costs.
const ITEMS: u64 = 20_000;

/// Costly work is slower still under valgrind, and does not change how much is allocated.
const WORK_MAX: u64 = 200;

const LIMIT: Duration = Duration::from_secs(120);

/// For programs in this binary whose figure is a rate; the others have no items to count by.
pub(crate) fn per_item(
    workload: &Workload,
    contender: &Contender,
    settings: &Settings,
) -> Result<Option<f64>, BoxError> {
    if contender.is_foreign() || workload.metric != Metric::ItemsPerSecond || workload.parameter > WORK_MAX {
        return Ok(None);
    }
    let less = count(workload, contender, ITEMS, settings)?;
    let more = count(workload, contender, 2 * ITEMS, settings)?;
    // Threads that happen to allocate less in the larger run are no negative allocations.
    Ok(Some((more as f64 - less as f64).max(0.0) / ITEMS as f64))
}

fn count(
    workload: &Workload,
    contender: &Contender,
    size: u64,
    settings: &Settings,
) -> Result<u64, BoxError> {
    let prepare = |input: crate::inputs::Input| input.prepare(size, &settings.inputs, settings.workers);
    let input = workload.input.map(prepare).transpose()?.map(|Prepared { path, .. }| path);
    let workers = contender.workers.on(settings.workers);
    let job = Job { size, input, instance: 0, parameter: workload.parameter, workers };
    let mut counted = Command::new("valgrind");
    counted.args(["--tool=memcheck", "--undef-value-errors=no"]);
    let report = process::under(counted, &process::command(workload, contender, &job)?, LIMIT)?.report;
    allocations(&report).ok_or_else(|| "valgrind printed no count of allocations".into())
}

/// `==7==   total heap usage: 1,234 allocs, 1,230 frees, 56,789 bytes allocated`
fn allocations(report: &str) -> Option<u64> {
    let usage = report.lines().find_map(|line| line.split_once("total heap usage: "))?.1;
    usage.split_once(" allocs")?.0.replace(',', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_in_the_report_of_memcheck() {
        let report = "==7== HEAP SUMMARY:\n==7==   total heap usage: 1,234 allocs, 1,230 frees, 56,789 bytes allocated\n";
        assert_eq!(allocations(report), Some(1234));
        assert_eq!(allocations("==7== nothing\n"), None);
    }
}
