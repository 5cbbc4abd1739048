//! Which adapters have run on which executor under which policy.

use crate::report::SegmentReport;
use crate::testing::Provable;
use crate::testing::check::Ran;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// What the runs of a test have covered. Filled from what `explain` says of each run; merged, rendered, and asked for gaps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// By executor and adapter: the policies under which it ran.
    seen: BTreeMap<&'static str, BTreeMap<String, BTreeMap<&'static str, u64>>>,
    /// Adapters that stood side by side in a fused segment.
    pairs: BTreeSet<(String, String)>,
}

/// The columns of the table.
const POLICIES: [&str; 5] = ["fail", "skip", "dead letter", "retry", "abort above"];

/// Every adapter that makes a stage, and whether it can retry (a serial stage cannot) and have a policy (a fold has none).
const ADAPTERS: [(&str, &[&str]); 20] = [
    ("map", &POLICIES),
    ("filter", &POLICIES),
    ("filter_map", &POLICIES),
    ("try_map", &POLICIES),
    ("parse", &POLICIES),
    ("flat_map", &POLICIES),
    ("map_with", &POLICIES),
    ("inspect", &POLICIES),
    ("counted", &POLICIES),
    ("stage", &POLICIES),
    ("scan", &SERIAL),
    ("take", &SERIAL),
    ("skip", &SERIAL),
    ("take_while", &SERIAL),
    ("enumerate", &SERIAL),
    ("dedup", &SERIAL),
    ("batch", &SERIAL),
    ("windows", &SERIAL),
    ("serial", &SERIAL),
    ("fold", &["fail"]),
];

const SERIAL: [&str; 4] = ["fail", "skip", "dead letter", "abort above"];

impl Coverage {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a run of a pipeline that was explained so.
    pub(crate) fn note_run(&mut self, executor: &dyn Provable, ran: &Ran) {
        if let Ok(profile) = executor.says() {
            self.note(profile.name, &ran.explained);
        }
    }

    /// Notes a run with these segments.
    pub fn note(&mut self, executor: &'static str, segments: &[SegmentReport]) {
        let adapters = self.seen.entry(executor).or_default();
        for segment in segments {
            for stage in &segment.stages {
                let cells = adapters.entry(adapter(&stage.name)).or_default();
                for policy in POLICIES {
                    let covered = match policy {
                        "retry" => stage.attempts > 1,
                        "abort above" => stage.policy.contains(policy),
                        plain => stage.policy.starts_with(plain),
                    };
                    *cells.entry(policy).or_default() += u64::from(covered);
                }
            }
            for pair in segment.stages.windows(2) {
                self.pairs.insert((adapter(&pair[0].name), adapter(&pair[1].name)));
            }
        }
    }

    /// Adds what another test has covered.
    pub fn merge(&mut self, other: Coverage) {
        for (executor, adapters) in other.seen {
            for (adapter, cells) in adapters {
                for (policy, runs) in cells {
                    let here = self.seen.entry(executor).or_default().entry(adapter.clone()).or_default();
                    *here.entry(policy).or_default() += runs;
                }
            }
        }
        self.pairs.extend(other.pairs);
    }

    /// Whether `second` has stood right behind `first` in a fused segment.
    pub fn has_pair(&self, first: &str, second: &str) -> bool {
        self.pairs.contains(&(first.to_owned(), second.to_owned()))
    }

    /// The cells that are empty: executor, adapter, policy.
    pub fn missing(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        let mut missing = Vec::new();
        for executor in self.seen.keys() {
            for (adapter, policies) in ADAPTERS {
                let gaps = policies.iter().filter(|policy| self.runs(executor, adapter, policy) == 0);
                missing.extend(gaps.map(|policy| (*executor, adapter, *policy)));
            }
        }
        missing
    }

    /// How many runs each executor has behind it, adapter by policy, as Markdown. A dash: there is no such thing.
    pub fn table(&self) -> String {
        let mut table = String::new();
        for executor in self.seen.keys() {
            let _ = writeln!(table, "| on {executor} | {} |", POLICIES.join(" | "));
            let _ = writeln!(table, "| --- |{}", " ---: |".repeat(POLICIES.len()));
            for (adapter, policies) in ADAPTERS {
                let _ = write!(table, "| `{adapter}` |");
                for policy in POLICIES {
                    let _ = match policies.contains(&policy) {
                        true => write!(table, " {} |", self.runs(executor, adapter, policy)),
                        false => write!(table, " - |"),
                    };
                }
                table.push('\n');
            }
            table.push('\n');
        }
        table
    }

    fn runs(&self, executor: &str, adapter: &str, policy: &str) -> u64 {
        let cells = self.seen.get(executor).and_then(|adapters| adapters.get(adapter));
        cells.and_then(|cells| cells.get(policy)).copied().unwrap_or(0)
    }
}

/// A stage's name without its number.
fn adapter(name: &str) -> String {
    name.split('#').next().unwrap_or(name).to_owned()
}
