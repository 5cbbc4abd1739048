//! What is exported under which name, against the documents; and the bottleneck on real threads.

use pipe_async::Async;
use pipe_core::{Cancel, Clock, FromIter, Limit, Part, Report, Source, from_iter};
use pipe_metrics::{Counters, METRICS, Metric};
use pipe_parallel::Parallel;
use rustix::time::{ClockId, clock_gettime};
use std::convert::Infallible;
use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

const CONTRACT: &str = include_str!("../design/metrics.md");
const DASHBOARD: &str = include_str!("../grafana/pipeline.json");

#[test]
fn the_table_of_the_document_is_the_contract() {
    let rows = CONTRACT.lines().filter(|line| line.starts_with("| `pipe_"));
    let documented: Vec<_> = rows.map(|row| row.replace(' ', "")).collect();
    let expected = METRICS.iter().map(|metric| {
        let kind = format!("{:?}", metric.kind).to_lowercase();
        let unit = format!("{:?}", metric.unit).to_lowercase();
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let row = format!("|`{}`|{kind}|{unit}|{}|{}|", metric.name, labels.join(","), metric.help);
        row.replace(' ', "")
    });
    assert_eq!(documented, expected.collect::<Vec<_>>());
}

/// The words of a query that stand for a metric, each with what follows it.
fn metrics_in(query: &str) -> Vec<(&'static Metric, &str)> {
    let starts = query.match_indices("pipe_").map(|(at, _)| &query[at..]);
    let known = starts.map(|rest| {
        let end = rest.find(|char: char| !char.is_ascii_alphanumeric() && char != '_').unwrap_or(rest.len());
        let parts = ["_bucket", "_sum", "_count"];
        let base = parts.iter().find_map(|part| rest[..end].strip_suffix(part)).unwrap_or(&rest[..end]);
        let metric = METRICS.iter().find(|metric| metric.name == base);
        (*metric.unwrap_or_else(|| panic!("{base} is not in the contract")), &rest[end..])
    });
    known.collect()
}

#[test]
fn every_query_of_the_dashboard_asks_for_metrics_and_labels_that_exist() {
    let lines = DASHBOARD.lines().filter_map(|line| line.trim().strip_prefix("\"expr\": "));
    let queries: Vec<_> = lines.map(|query| query.replace("\\\"", "'")).collect();
    assert!(queries.len() >= 12, "{} queries", queries.len());
    let mut asked = Vec::new();
    for query in &queries {
        let mut labels = vec!["le"];
        for (metric, behind) in metrics_in(query) {
            asked.push(metric.name);
            labels.extend(metric.labels);
            let selector = behind.strip_prefix('{').and_then(|rest| rest.split('}').next()).unwrap_or("");
            for matcher in selector.split(',').filter(|matcher| !matcher.is_empty()) {
                let label = matcher.split(['=', '!', '~']).next().unwrap_or("");
                assert!(metric.labels.contains(&label), "{} has no label {label}: {query}", metric.name);
            }
        }
        for group in query.split("by (").skip(1).filter_map(|rest| rest.split(')').next()) {
            for label in group.split(", ") {
                assert!(labels.contains(&label), "nothing has a label {label}: {query}");
            }
        }
    }
    for metric in METRICS.iter().filter(|metric| metric.name != "pipe_items_emitted_total") {
        assert!(asked.contains(&metric.name), "no panel shows {}", metric.name);
    }
}

/// A row of numbers that look random, the same for each seed (SplitMix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// The time for which this thread has computed. So it does not matter what else the machine does: a thread that was interrupted in the
/// middle of a slice was not busy meanwhile.
struct Computed;

impl Clock for Computed {
    fn now(&self) -> Duration {
        clock_gettime(ClockId::ThreadCPUTime).try_into().expect("a thread computes for a positive time")
    }

    fn wait(&self, span: Duration, stop: &Cancel) {
        stop.wait(span);
    }
}

/// Work that nobody can see from outside: so many multiplications.
fn work(units: u64) {
    let mut x = 1u64;
    for _ in 0..units * 25 {
        x = black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}

fn run(costs: [u64; 5]) -> Report<()> {
    let [read, parse, number, render, write] = costs;
    FromIter::new((0..3_000u64).inspect(move |_| work(read)))
        .pipeline()
        .map(move |n| {
            work(parse);
            n
        })
        .scan(
            || 0u64,
            move |sum, n| {
                work(number);
                *sum += n;
                *sum
            },
        )
        .edge()
        .map(move |n| {
            work(render);
            n
        })
        .for_each(move |_| work(write))
        .clocked_by(Computed)
        .run_on(&Parallel::new().workers(2))
        .expect("nothing fails")
}

#[test]
fn on_two_workers_of_twenty_injected_causes_all_are_found() {
    const PARTS: [Part; 5] = [Part::Source, Part::Segment(0), Part::Segment(1), Part::Segment(2), Part::Sink];
    let mut draw = Draw(2);
    for trial in 0..20 {
        let mut costs = [0; 5].map(|_: u64| 1 + draw.below(4));
        let slow = draw.below(5) as usize;
        costs[slow] = 40 + draw.below(40);
        let report = run(costs);
        let found = report.bottleneck().expect("it stands out");
        assert_eq!(found.part, PARTS[slow], "trial {trial}: {costs:?}\n{report}");
        let threads = if matches!(slow, 1 | 3) { Limit::Workers } else { Limit::OneThread };
        assert_eq!(found.limit, threads, "trial {trial}: {costs:?}\n{report}");
    }
}

#[test]
fn while_a_run_goes_on_it_has_as_many_workers_as_it_may_have() {
    let counters = Counters::new();
    let asked = counters.clone();
    let numbers = FromIter::new(0..3_000u64).pipeline().map(|n| {
        work(40);
        n
    });
    let last = numbers.for_each(move |n| {
        if n == 2_999 {
            assert_eq!(asked.count("pipe_workers", &["numbers"]), Some(2));
        }
    });
    let whole = last.observe(counters.of("numbers"));
    whole.run_on(&Parallel::new().workers(2)).expect("the assertion holds");
    assert_eq!(counters.count("pipe_workers", &["numbers"]), Some(0));
}

#[tokio::test]
async fn a_run_whose_future_is_dropped_is_counted_as_failed_and_no_more_as_under_way() {
    let counters = Counters::new();
    let count = |name, labels: &[&str]| counters.count(name, &[&["waits"], labels].concat());
    let never = |n: u32| async move {
        std::future::pending::<()>().await;
        Ok::<_, Infallible>(n)
    };
    let run = from_iter(0..10u32).try_map_async(never).for_each(drop).observe(counters.of("waits"));
    tokio::select! {
        biased;
        _ = run.run_on(&Async::tokio()) => panic!("it waits for ever"),
        () = tokio::task::yield_now() => {}
    }
    // Its threads go when they look next.
    let patience = Instant::now() + Duration::from_secs(60);
    while count("pipe_runs_under_way", &[]) != Some(0) {
        assert!(Instant::now() < patience, "it is still under way");
        thread::yield_now();
    }
    assert_eq!(count("pipe_runs_total", &["failed"]), Some(1));
}
