//! What the builder collects beside the types, and checks before a run.

use crate::cancel::Cancel;
use crate::clock::Clock;
use crate::control::Control;
use crate::error::RunError;
use crate::observer::Observers;
use crate::operations::Operations;
use crate::order::Order;
use crate::policy::ErrorPolicy;
use crate::retry::Retry;
use crate::weigh::Weighers;
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

pub(crate) struct Settings {
    pub stages: Vec<StageInfo>,
    /// The last is the open one.
    pub segments: Vec<SegmentInfo>,
    pub weighers: Weighers,
    pub stop: Stop,
    /// A stage wants no item at all. That is known now, and later only when an item comes, which may be never.
    pub reads_nothing: bool,
    pub observers: Observers,
    /// Settings that made no sense where they were given.
    pub refused: Option<Refused>,
}

/// The field, its value, and what is wrong with it.
type Refused = (&'static str, String, &'static str);

/// What may stop the run.
#[derive(Default)]
pub(crate) struct Stop {
    /// Switches that were named with `cancelled_by`: any of them stops the run.
    parents: Vec<Cancel>,
    clock: Option<Arc<dyn Clock>>,
    pub within: Option<Duration>,
    /// Those of the handle that was named with `handled_by`.
    control: Option<Arc<Control>>,
}

impl Stop {
    pub(crate) fn cancelled_by(&mut self, cancel: &Cancel) {
        self.parents.push(cancel.clone());
    }

    /// False, if there is another handle already.
    pub(crate) fn handled_by(&mut self, control: &Arc<Control>) -> bool {
        Arc::ptr_eq(self.control.get_or_insert_with(|| control.clone()), control)
    }

    pub(crate) fn clocked_by(&mut self, clock: impl Clock + 'static) {
        self.clock = Some(Arc::new(clock));
    }

    /// The run begins, on an executor with this clock.
    pub(crate) fn start(self, own: &Arc<dyn Clock>) -> Arc<Control> {
        let control = self.control.unwrap_or_else(|| Arc::new(Control::new()));
        self.parents.iter().for_each(|parent| parent.adopt(control.cancel()));
        control.start(self.clock.unwrap_or_else(|| own.clone()));
        if let Some(span) = self.within {
            control.end_within(span);
        }
        control
    }
}

/// A stage as the builder describes it.
pub(crate) struct StageInfo {
    pub name: String,
    /// `None`: no setter named one yet.
    pub policy: Option<ErrorPolicy>,
    pub retry: Option<Retry>,
    pub emits: Emits,
    pub segment: usize,
}

/// How many items a stage makes of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Emits {
    /// One, unless it fails.
    One,
    /// One or none.
    AtMostOne,
    /// Any number.
    Many,
}

/// A segment as the builder describes it.
pub(crate) struct SegmentInfo {
    pub kind: SegmentKind,
    pub order: Order,
    /// Of an async one.
    pub operations: Operations,
    /// How long a stage keeps an item at most while others do not come, if one does.
    pub age: Option<Duration>,
    /// An `Again<B>` for the batches that come in, if a stage retries.
    pub again: Option<Box<dyn Any + Send + Sync>>,
}

/// Makes a batch of the next item alone, which stays in this one too.
pub(crate) type Again<B> = fn(&B) -> Option<B>;

/// How a segment is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentKind {
    /// Any number of workers.
    Parallel,
    /// One worker at a time, in order.
    Serial,
    /// By a reactor, with as many operations in flight as its concurrency allows.
    Async,
}

impl SegmentInfo {
    pub(crate) fn new(kind: SegmentKind) -> Self {
        SegmentInfo { kind, order: Order::default(), operations: Operations::new(), age: None, again: None }
    }
}

impl Settings {
    pub(crate) fn new() -> Self {
        Settings {
            stages: Vec::new(),
            segments: vec![SegmentInfo::new(SegmentKind::Parallel)],
            weighers: Weighers::default(),
            stop: Stop::default(),
            reads_nothing: false,
            observers: Observers::default(),
            refused: None,
        }
    }

    /// The open segment.
    pub(crate) fn open(&self) -> usize {
        self.segments.len() - 1
    }

    /// Closes the open segment and opens the next one. Returns the one that was closed.
    pub(crate) fn cut(&mut self, next: SegmentKind) -> usize {
        let closed = self.open();
        self.segments.push(SegmentInfo::new(next));
        closed
    }

    /// The segment that a setter means: the open one, or the async stage just added.
    pub(crate) fn last_id(&self) -> usize {
        let open = self.open();
        let empty = self.stages.iter().all(|stage| stage.segment != open);
        let asynchronous = open > 0 && self.segments[open - 1].kind == SegmentKind::Async;
        if empty && asynchronous { open - 1 } else { open }
    }

    pub(crate) fn last(&mut self) -> &mut SegmentInfo {
        let id = self.last_id();
        &mut self.segments[id]
    }

    /// A stage of the open segment that retries, and may fail after a part of the record has passed the segment.
    pub(crate) fn attempt_leaves_something(&self) -> Option<String> {
        let open = self.open();
        let stages = self.stages.iter().filter(|stage| stage.segment == open);
        let mut from_many = stages.skip_while(|stage| stage.emits != Emits::Many);
        Some(from_many.find(|stage| stage.retry.is_some())?.name.clone())
    }

    pub(crate) fn refuse(&mut self, field: &'static str, value: impl ToString, why: &'static str) {
        self.refused.get_or_insert((field, value.to_string(), why));
    }

    /// Why there will be no run, if something is wrong.
    pub(crate) fn refusal(&self) -> Option<RunError> {
        let (field, value, why) = self.refused.clone().or_else(|| self.check())?;
        Some(RunError::Config { field, value, why })
    }

    /// Takes the settings for a run: with its handle, which is then that of no other.
    ///
    /// # Errors
    /// `Config`, if something is wrong with them, or the handle is taken. Then it stays as it is.
    pub(crate) fn claim(&self) -> Result<(), RunError> {
        self.refusal().map_or(Ok(()), Err)?;
        match &self.stop.control {
            Some(control) if !control.claim() => Err(RunError::Config {
                field: "handled_by",
                value: "a `Run`".to_owned(),
                why: "it is the handle of another run: make one for each",
            }),
            _ => Ok(()),
        }
    }

    fn check(&self) -> Option<Refused> {
        for stage in &self.stages {
            let ratio = stage.policy.as_ref().and_then(|policy| policy.abort_above);
            if let Some(ratio) = ratio.filter(|ratio| !(0.0..=1.0).contains(ratio)) {
                return Some(("abort_above", ratio.to_string(), "a share of the items is between 0 and 1"));
            }
            if stage.retry.is_some_and(|retry| retry.attempts() == 0) {
                return Some(("retry", "0".to_owned(), "the first attempt counts"));
            }
        }
        let mut unordered = None;
        for (id, segment) in self.segments.iter().enumerate() {
            if segment.kind == SegmentKind::Serial
                && let Some(before) = unordered
            {
                return Some(("unordered", self.names(before), "a stage behind it depends on the order"));
            }
            if let Some(refused) = segment.operations.refusal() {
                return Some(refused);
            }
            if segment.order == Order::Any {
                unordered.get_or_insert(id);
            }
        }
        None
    }

    fn names(&self, segment: usize) -> String {
        let names = self.stages.iter().filter(|stage| stage.segment == segment).map(|stage| &*stage.name);
        names.collect::<Vec<_>>().join(" > ")
    }
}
