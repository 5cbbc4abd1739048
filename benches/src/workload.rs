//! What takes part: work, and all who do it.

use crate::bar::Bar;
use crate::contender::{Contender, Role};
use crate::inputs::Input;
use crate::metric::Metric;

/// The same work for all contenders, and the figure that it is about.
#[derive(Clone)]
pub(crate) struct Workload {
    pub(crate) set: &'static str,
    pub(crate) name: &'static str,
    /// One sentence for the report.
    pub(crate) about: &'static str,
    pub(crate) metric: Metric,
    pub(crate) size: u64,
    pub(crate) input: Option<Input>,
    pub(crate) parameter: u64,
    /// At most so many rounds; less where the figure does not vary.
    pub(crate) rounds_max: usize,
    /// Whether a smoke run takes it; not where there is a time and no answer.
    pub(crate) in_smoke: bool,
    /// Whether its contenders differ by their workers alone; these workloads run on request, without the others.
    pub(crate) is_scaling: bool,
    pub(crate) contenders: Vec<Contender>,
    pub(crate) bars: Vec<Bar>,
}

impl Workload {
    pub(crate) fn new(set: &'static str, name: &'static str, about: &'static str, size: u64) -> Self {
        Self {
            set,
            name,
            about,
            metric: Metric::ItemsPerSecond,
            size,
            input: None,
            parameter: 0,
            rounds_max: usize::MAX,
            in_smoke: true,
            is_scaling: false,
            contenders: Vec::new(),
            bars: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, contenders: impl IntoIterator<Item = Contender>) -> Self {
        self.contenders.extend(contenders);
        self
    }

    /// Takes out those of these names.
    pub(crate) fn without(mut self, names: &[&str]) -> Self {
        self.contenders.retain(|contender| !names.contains(&contender.name));
        self
    }

    /// Adds what the first of ours is to reach.
    pub(crate) fn bar(mut self, bar: Bar) -> Self {
        self.bars.push(bar);
        self
    }

    pub(crate) fn input(self, input: Input) -> Self {
        Self { input: Some(input), ..self }
    }

    pub(crate) fn metric(self, metric: Metric) -> Self {
        Self { metric, ..self }
    }

    pub(crate) fn parameter(self, parameter: u64) -> Self {
        Self { parameter, ..self }
    }

    pub(crate) fn rounds_max(self, rounds_max: usize) -> Self {
        Self { rounds_max, ..self }
    }

    /// The most that the figure may be of each of ours that takes part by now.
    pub(crate) fn at_most(mut self, most: f64) -> Self {
        let ours = self.contenders.iter_mut().filter(|contender| contender.role == Role::Ours);
        ours.for_each(|contender| contender.at_most = Some(most));
        self
    }

    pub(crate) fn not_in_smoke(self) -> Self {
        Self { in_smoke: false, ..self }
    }

    pub(crate) fn scaling(self) -> Self {
        Self { is_scaling: true, ..self }
    }

    /// `set/name`, as all messages call it.
    pub(crate) fn title(&self) -> String {
        format!("{}/{}", self.set, self.name)
    }
}
