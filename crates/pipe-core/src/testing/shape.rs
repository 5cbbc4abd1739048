//! What a pipeline is made of, as data: segments, stages, policies. Kept by the tests beside the pipeline itself.

use crate::policy::{ErrorPolicy, fail, skip};
use crate::settings::SegmentKind;
use crate::testing::{LetterLog, Op, Rng};
use std::fmt;

/// A policy as data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// What a failed item does.
    pub then: Outcome,
    /// [`ErrorPolicy::abort_above`].
    pub abort_above: Option<f64>,
}

/// What a failed item does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The run ends.
    Fail,
    /// It is counted.
    Skip,
    /// It is written down.
    Letter,
}

impl Rule {
    /// Without a bound on the share of failures.
    pub const fn plain(then: Outcome) -> Self {
        Rule { then, abort_above: None }
    }

    /// A random one; seldom `Fail`, or most runs would end at once.
    pub fn random(rng: &mut Rng) -> Self {
        let then = match rng.below(12) {
            0 => Outcome::Fail,
            1..=5 => Outcome::Skip,
            _ => Outcome::Letter,
        };
        let abort_above = (rng.below(6) == 0).then(|| [0.0, 0.2, 0.5, 1.0][rng.below(4) as usize]);
        Rule { then, abort_above }
    }

    /// The policy itself, which writes its letters to `log`.
    pub fn policy(self, log: &LetterLog) -> ErrorPolicy {
        let policy = match self.then {
            Outcome::Fail => fail(),
            Outcome::Skip => skip(),
            Outcome::Letter => log.policy(),
        };
        match self.abort_above {
            Some(ratio) => policy.abort_above(ratio),
            None => policy,
        }
    }
}

impl Default for Rule {
    fn default() -> Self {
        Rule::plain(Outcome::Fail)
    }
}

/// As the policy itself says it, in `explain` and in reports.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.then {
            Outcome::Fail => "fail",
            Outcome::Skip => "skip",
            Outcome::Letter => "dead letter",
        })?;
        self.abort_above.map_or(Ok(()), |ratio| write!(f, ", abort above {}%", ratio * 100.0))
    }
}

/// The segments of a pipeline. Built by the same calls as the pipeline, and by the rules that its builder documents.
#[derive(Debug, Clone)]
pub struct Shape {
    pub(crate) parts: Vec<Part>,
    stages: usize,
    /// Whether it ends in a fold, its last stage.
    pub(crate) folds: bool,
    /// Whether outputs may come in any order at its end.
    pub(crate) any_order: bool,
}

/// A segment.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) kind: SegmentKind,
    pub(crate) any_order: bool,
    pub(crate) links: Vec<Link>,
}

/// A stage.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) op: Op,
    pub(crate) name: String,
    pub(crate) rule: Option<Rule>,
    pub(crate) attempts: Option<u32>,
}

impl Part {
    fn new(kind: SegmentKind) -> Self {
        Part { kind, any_order: false, links: Vec::new() }
    }

    /// Whether a stage of it tries again, so that outputs wait until their record has passed.
    pub(crate) fn retries(&self) -> bool {
        self.links.iter().any(|link| link.attempts.is_some())
    }
}

impl Default for Shape {
    fn default() -> Self {
        Self::new()
    }
}

impl Shape {
    /// A source.
    pub fn new() -> Self {
        Shape { parts: vec![Part::new(SegmentKind::Parallel)], stages: 0, folds: false, any_order: false }
    }

    /// Adds what `op` adds.
    pub fn add(&mut self, op: Op) {
        match op {
            Op::Edge => self.edge(),
            Op::Dedup => {
                self.link(Op::Pass, "map");
                self.serially(op);
                self.link(Op::Pass, "map");
            }
            Op::Enumerate | Op::Batch(_) | Op::Windows(..) => {
                self.serially(op);
                self.link(Op::Pass, "map");
            }
            Op::Kernel(_) => {
                self.link(Op::Pass, "map");
                self.link(op, op.name());
                self.link(Op::Pass, "map");
            }
            op if op.is_async() => self.apart(op, SegmentKind::Async),
            op if op.is_serial() => self.serially(op),
            op => self.link(op, op.name()),
        }
    }

    /// Adds what `op` adds, under the name of another adapter.
    pub(crate) fn add_named(&mut self, op: Op, name: &str) {
        self.link(op, name);
    }

    /// `.on_error(..)`.
    pub fn on_error(&mut self, rule: Rule) {
        for link in self.parts.iter_mut().flat_map(|part| &mut part.links) {
            link.rule.get_or_insert(rule);
        }
    }

    /// `.retry(..)`.
    pub fn retry(&mut self, attempts: u32) {
        for link in &mut self.last().links {
            link.attempts.get_or_insert(attempts);
        }
    }

    /// `.retry(..)` behind the first stage, before there was another one.
    pub(crate) fn retry_first(&mut self, attempts: u32) {
        self.parts[0].links[0].attempts = Some(attempts);
    }

    /// `.unordered()`.
    pub fn unordered(&mut self) {
        self.last().any_order = true;
        self.open().any_order = true;
    }

    /// `.fold(..)`: the last stage.
    pub fn fold(&mut self) {
        self.link(Op::Pass, "fold");
        self.folds = true;
    }

    /// `.edge()`, `.boxed()`.
    pub fn edge(&mut self) {
        self.cut(SegmentKind::Parallel);
    }

    fn cut(&mut self, next: SegmentKind) {
        let any_order = self.open().any_order;
        self.parts.push(Part { any_order, ..Part::new(next) });
    }

    /// The names of the stages in its first segment.
    pub(crate) fn first_stages(&self) -> Vec<&str> {
        self.parts.first().into_iter().flat_map(|part| &part.links).map(|link| &*link.name).collect()
    }

    /// Without the segments that have no stage: they are not run.
    #[must_use]
    pub fn finished(mut self) -> Self {
        self.any_order = self.open().any_order;
        self.parts.retain(|part| !part.links.is_empty());
        self
    }

    fn serially(&mut self, op: Op) {
        self.apart(op, SegmentKind::Serial);
    }

    /// As a segment of its own.
    fn apart(&mut self, op: Op, kind: SegmentKind) {
        self.cut(kind);
        self.link(op, op.name());
        self.edge();
    }

    /// The part that a setter means: the open one, or the async stage just added.
    fn last(&mut self) -> &mut Part {
        let open = self.parts.len() - 1;
        let before = open.saturating_sub(1);
        let is_async = self.parts[open].links.is_empty() && self.parts[before].kind == SegmentKind::Async;
        &mut self.parts[if is_async { before } else { open }]
    }

    fn link(&mut self, op: Op, name: &str) {
        let name = format!("{name}#{}", self.stages);
        self.stages += 1;
        self.open().links.push(Link { op, name, rule: None, attempts: None });
    }

    fn open(&mut self) -> &mut Part {
        self.parts.last_mut().expect("there is always one")
    }
}
