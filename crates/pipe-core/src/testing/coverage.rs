//! Which adapters have run on which executor under which policy, and which sources with which ends.

use crate::report::SegmentReport;
use crate::testing::check::Ran;
use crate::testing::{Finish, Input, Provable};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// What the runs of a test have covered. Filled from what `explain` says of each run; merged, rendered, and asked for gaps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// By executor and adapter: the policies under which it ran.
    seen: BTreeMap<&'static str, BTreeMap<String, BTreeMap<&'static str, u64>>>,
    /// By executor: how often a pipeline of this source and this end ran.
    forms: BTreeMap<&'static str, BTreeMap<(&'static str, &'static str), u64>>,
    /// Executors that were given async stages.
    reactors: BTreeSet<&'static str>,
    /// Adapters that stood side by side in a fused segment.
    pairs: BTreeSet<(String, String)>,
    /// Runs that ended well, and those of them in which more than one worker took part.
    ended: u64,
    shared: u64,
}

/// The columns of the table.
const POLICIES: [&str; 5] = ["fail", "skip", "dead letter", "retry", "abort above"];

/// Every adapter that makes a stage, and whether it can retry (a serial stage cannot) and have a policy (a fold has none).
const ADAPTERS: [(&str, &[&str]); 23] = [
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
    ("kernel", &POLICIES),
    (ASYNC[0], &POLICIES),
    (ASYNC[1], &POLICIES),
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

/// Only an executor with a reactor has these.
const ASYNC: [&str; 2] = ["map_async", "try_map_async"];

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
            self.reactors.extend(executor.has_reactor().then_some(profile.name));
        }
        self.ended += u64::from(ran.workers.is_some());
        self.shared += u64::from(ran.workers.is_some_and(|workers| workers > 1));
    }

    /// Notes a run with this source and this end.
    pub(crate) fn note_form(&mut self, executor: &dyn Provable, input: Input, finish: Finish) {
        if let Ok(profile) = executor.says() {
            let forms = self.forms.entry(profile.name).or_default();
            *forms.entry((input.name(), finish.name())).or_default() += 1;
        }
    }

    /// How many runs ended well, and in how many of them more than one worker took part.
    pub fn shared(&self) -> (u64, u64) {
        (self.ended, self.shared)
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
        for (executor, forms) in other.forms {
            for (form, runs) in forms {
                *self.forms.entry(executor).or_default().entry(form).or_default() += runs;
            }
        }
        self.reactors.extend(other.reactors);
        self.pairs.extend(other.pairs);
        self.ended += other.ended;
        self.shared += other.shared;
    }

    /// Whether `second` has stood right behind `first` in a fused segment.
    pub fn has_pair(&self, first: &str, second: &str) -> bool {
        self.pairs.contains(&(first.to_owned(), second.to_owned()))
    }

    /// The cells that are empty: executor, adapter, policy; or executor, source, end.
    pub fn missing(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        let mut missing = Vec::new();
        for executor in self.seen.keys() {
            for (adapter, policies) in ADAPTERS {
                let gaps = policies.iter().filter(|policy| {
                    self.has(executor, adapter) && self.runs(executor, adapter, policy) == 0
                });
                missing.extend(gaps.map(|policy| (*executor, adapter, *policy)));
            }
            for input in Input::NAMES {
                let gaps = Finish::NAMES.iter().filter(|finish| self.forms(executor, input, finish) == 0);
                missing.extend(gaps.map(|finish| (*executor, input, *finish)));
            }
        }
        missing
    }

    /// How many runs each executor has behind it, adapter by policy and source by end, as Markdown. A dash: there is no such thing.
    pub fn table(&self) -> String {
        let mut table = String::new();
        for executor in self.seen.keys() {
            let adapters = ADAPTERS.map(|(adapter, policies)| {
                let there_is = |policy| policies.contains(&policy) && self.has(executor, adapter);
                (
                    adapter,
                    POLICIES.map(|policy| there_is(policy).then(|| self.runs(executor, adapter, policy))),
                )
            });
            write_table(&mut table, &format!("on {executor}"), &POLICIES, &adapters);
            if !self.reactors.contains(executor) {
                let _ = writeln!(table, "`{}`: it has no reactor.\n", ASYNC.join("`, `"));
            }
            let forms = Input::NAMES
                .map(|input| (input, Finish::NAMES.map(|finish| Some(self.forms(executor, input, finish)))));
            write_table(&mut table, &format!("on {executor}, from"), &Finish::NAMES, &forms);
        }
        table
    }

    /// Whether there is such an adapter on this executor.
    fn has(&self, executor: &str, adapter: &str) -> bool {
        !ASYNC.contains(&adapter) || self.reactors.contains(executor)
    }

    fn forms(&self, executor: &str, input: &'static str, finish: &'static str) -> u64 {
        self.forms.get(executor).and_then(|forms| forms.get(&(input, finish))).copied().unwrap_or(0)
    }

    fn runs(&self, executor: &str, adapter: &str, policy: &str) -> u64 {
        let cells = self.seen.get(executor).and_then(|adapters| adapters.get(adapter));
        cells.and_then(|cells| cells.get(policy)).copied().unwrap_or(0)
    }
}

fn write_table<const COLUMNS: usize>(
    table: &mut String,
    what: &str,
    columns: &[&str; COLUMNS],
    rows: &[(&str, [Option<u64>; COLUMNS])],
) {
    let _ = writeln!(table, "| {what} | {} |", columns.join(" | "));
    let _ = writeln!(table, "| --- |{}", " ---: |".repeat(COLUMNS));
    for (name, cells) in rows {
        let cells = cells.map(|cell| cell.map_or("-".to_owned(), |runs| runs.to_string()));
        let _ = writeln!(table, "| `{name}` | {} |", cells.join(" | "));
    }
    table.push('\n');
}

/// A stage's name without its number.
fn adapter(name: &str) -> String {
    name.split('#').next().unwrap_or(name).to_owned()
}
