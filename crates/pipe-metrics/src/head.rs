//! The head of a run: the first batches, on the calling thread, with the time of each part.
//!
//! Who works is known at each moment: a part that hands on a batch is not at work until the part behind it comes back. So one look at the
//! clocks for each change is enough, and each of them ends what was before.

use pipe_core::plan::{
    AnyBatch, AnySource, Line, NoEnd, Node, Nodes, Outlet, Ran, RunState, Segment, Work, Worker,
};
use pipe_core::{Pace, Part, RunError, SegmentKind, Want};
use rustix::time::{ClockId, clock_gettime};
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::fs;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What was measured of the head.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measured {
    /// Source, segments and sink, in order.
    pub(crate) parts: Vec<Cost>,
    /// Of the batches that the source gave.
    pub(crate) bytes: u64,
    pub(crate) elapsed: Duration,
    /// How long this thread would have run, and others did.
    pub(crate) ready: Duration,
    /// Of the time for an item, from batch to batch: its spread over its mean.
    pub(crate) variation: f64,
}

/// What a part has cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cost {
    pub(crate) part: Part,
    pub(crate) kind: SegmentKind,
    /// By the clock on the wall.
    pub(crate) busy: Duration,
    /// By that of the processor.
    pub(crate) computed: Duration,
    /// Items that it took.
    pub(crate) items: u64,
}

/// The first batches of a run.
pub(crate) struct Head<'p> {
    source: Box<dyn AnySource + 'p>,
    line: Line<'p>,
    lent: Vec<Lent<'p>>,
    meter: Rc<Meter>,
    run: Arc<RunState>,
}

/// So much is enough, if it was in so many batches: a fortieth of it is lost to a wrong choice.
const ENOUGH: (Duration, u64) = (Duration::from_millis(4), 16);

impl<'p> Head<'p> {
    pub(crate) fn new(nodes: Nodes<'p>, run: &Arc<RunState>) -> Result<Self, RunError> {
        let Nodes { source, nodes, first } = nodes;
        let last = nodes.len();
        let part = |at: usize| if at + 1 == last { Part::Sink } else { Part::Segment(at) };
        let kinds = nodes.iter().enumerate().map(|(at, node)| (part(at), kind(node)));
        let meter = Rc::new(Meter::new([(Part::Source, SegmentKind::Serial)].into_iter().chain(kinds)));
        let (mut first, mut lent) = (first, Vec::new());
        for (at, Node { segment, work }) in nodes.into_iter().enumerate() {
            let worker = match work {
                Work::Serial(worker) => Hired::Serial(worker),
                Work::Parallel(work) => {
                    let worker =
                        first.take().map_or_else(|| Segment::worker(work.clone(), run.clone()), Ok)?;
                    Hired::Parallel { work, worker: Some(worker) }
                }
                Work::Async(never) => match never {},
            };
            lent.push(Lent::new(segment, at, worker, &meter));
        }
        let workers = lent.iter().map(|lent| Box::new(lent.clone()) as Box<dyn Worker + 'p>).collect();
        Ok(Head { source, line: Line::new(run.clone(), workers), lent, meter, run: run.clone() })
    }

    /// Runs batches for `most`, or until that says enough. What is left, for an executor; `None`: nothing, the run has ended well.
    pub(crate) fn run(mut self, most: Duration) -> Result<Option<(Nodes<'p>, Measured)>, RunError> {
        let (began, waited) = (Instant::now(), ready());
        let (mut pace, mut rates) = (Pace::new(Pace::BATCH, Want::MOST.items), Rates::default());
        let (mut batches, mut bytes) = (0, 0);
        loop {
            self.run.check()?;
            let started = Instant::now();
            let want = Want { items: pace.items(), bytes: self.run.batch_bytes() };
            let before = self.meter.enter(Meter::SOURCE);
            let pulled = self.source.pull(want);
            self.meter.enter(before);
            let Some(batch) = pulled? else { return self.end() };
            let taken = self.line.taken();
            (batches, bytes) = (batches + 1, bytes + batch.bytes() as u64);
            let flow = self.line.carry(batch, &mut NoEnd)?;
            let (items, elapsed) = (self.line.taken() - taken, started.elapsed());
            pace.learn(items as usize, elapsed);
            rates.learn(items, elapsed);
            if flow.is_break() {
                return self.end();
            }
            let elapsed = began.elapsed();
            if elapsed >= most || elapsed >= ENOUGH.0 && batches >= ENOUGH.1 {
                break;
            }
        }
        let mut measured =
            Measured { bytes, elapsed: began.elapsed(), variation: rates.variation(), ..self.meter.read() };
        measured.ready = ready().saturating_sub(waited);
        Ok(self.hand_on()?.map(|nodes| (nodes, measured)))
    }

    /// The input is at its end.
    fn end(mut self) -> Result<Option<(Nodes<'p>, Measured)>, RunError> {
        self.run.check()?;
        self.line.finish(&mut NoEnd)?;
        Ok(None)
    }

    /// Ends the workers that cannot be handed on, and hands on the others.
    fn hand_on(mut self) -> Result<Option<Nodes<'p>>, RunError> {
        self.lent
            .iter()
            .enumerate()
            .for_each(|(at, lent)| lent.shared.stays.set(at == 0 || lent.is_serial()));
        self.line.finish(&mut NoEnd)?;
        self.lent.iter().for_each(|lent| lent.shared.stays.set(false));
        if self.lent.iter().any(|lent| lent.shared.enough.get()) {
            // What the others emitted at their end was enough for somebody. What is kept before and behind that goes on through all of them.
            self.lent.iter().try_for_each(|lent| lent.rehire(&self.run))?;
            self.line.finish(&mut NoEnd)?;
            return Ok(None);
        }
        drop(self.line);
        let (mut nodes, mut first) = (Vec::new(), None);
        for (at, lent) in self.lent.into_iter().enumerate() {
            let (segment, worker) = lent.into_parts();
            let work = match worker {
                Hired::Serial(worker) => Work::Serial(worker),
                Hired::Parallel { work, worker } => {
                    first = if at == 0 { worker } else { first };
                    Work::Parallel(work)
                }
            };
            nodes.push(Node::<Infallible> { segment, work });
        }
        Ok(Some(Nodes { source: self.source, nodes, first }))
    }
}

fn kind(node: &Node<'_>) -> SegmentKind {
    match node.work {
        Work::Parallel(_) => SegmentKind::Parallel,
        _ => SegmentKind::Serial,
    }
}

/// A worker that the head has only borrowed.
#[derive(Clone)]
struct Lent<'p> {
    shared: Rc<Shared<'p>>,
}

struct Shared<'p> {
    segment: usize,
    at: usize,
    worker: RefCell<Hired<'p>>,
    meter: Rc<Meter>,
    /// It is to be used on behind the head: to finish it means nothing.
    stays: Cell<bool>,
    /// It has had enough.
    enough: Cell<bool>,
}

enum Hired<'p> {
    Serial(Box<dyn Worker + Send + 'p>),
    /// `None` once it has ended.
    Parallel {
        work: Arc<dyn Segment<'p> + 'p>,
        worker: Option<Box<dyn Worker + 'p>>,
    },
}

impl<'p> Lent<'p> {
    fn new(segment: usize, at: usize, worker: Hired<'p>, meter: &Rc<Meter>) -> Self {
        let (worker, meter) = (RefCell::new(worker), meter.clone());
        let (stays, enough) = (Cell::new(false), Cell::new(false));
        Lent { shared: Rc::new(Shared { segment, at, worker, meter, stays, enough }) }
    }

    fn is_serial(&self) -> bool {
        matches!(*self.shared.worker.borrow(), Hired::Serial(_))
    }

    /// A new worker in the place of one that has ended.
    fn rehire(&self, run: &Arc<RunState>) -> Result<(), RunError> {
        if let Hired::Parallel { work, worker } = &mut *self.shared.worker.borrow_mut()
            && worker.is_none()
        {
            *worker = Some(Segment::worker(work.clone(), run.clone())?);
        }
        Ok(())
    }

    fn into_parts(self) -> (usize, Hired<'p>) {
        let shared = Rc::into_inner(self.shared).expect("the line that shared it is gone");
        (shared.segment, shared.worker.into_inner())
    }
}

impl Worker for Lent<'_> {
    fn run(
        &mut self,
        batch: &mut dyn AnyBatch,
        limit: usize,
        next: &mut dyn Outlet,
    ) -> Result<Ran, RunError> {
        let Shared { at, worker, meter, enough, .. } = &*self.shared;
        let before = meter.enter(Meter::of(*at));
        let ran = worker.borrow_mut().call(|worker| worker.run(batch, limit, next));
        let ran = ran.expect("a worker that has ended gets no batch");
        if let Ok(Ran::More(items) | Ran::Done(items) | Ran::Enough(items)) = ran {
            meter.count(Meter::of(*at), items);
        }
        enough.set(enough.get() || matches!(ran, Ok(Ran::Enough(_))));
        meter.enter(before);
        ran
    }

    fn flush(&mut self, next: &mut dyn Outlet) {
        self.shared.worker.borrow_mut().call(|worker| worker.flush(next));
    }

    fn finish(&mut self, next: &mut dyn Outlet) -> Result<(), RunError> {
        if self.shared.stays.get() {
            return Ok(());
        }
        let mut worker = self.shared.worker.borrow_mut();
        let finished = worker.call(|worker| worker.finish(next));
        if let Hired::Parallel { worker, .. } = &mut *worker {
            *worker = None;
        }
        finished.unwrap_or(Ok(()))
    }
}

impl Hired<'_> {
    /// `None`: it has ended.
    fn call<R>(&mut self, call: impl FnOnce(&mut dyn Worker) -> R) -> Option<R> {
        match self {
            Hired::Serial(worker) => Some(call(&mut **worker)),
            Hired::Parallel { worker, .. } => worker.as_mut().map(|worker| call(&mut **worker)),
        }
    }
}

/// Who is at work, since when, and what each has cost so far.
struct Meter {
    now: Cell<(Option<usize>, Duration, Duration)>,
    began: Instant,
    costs: RefCell<Vec<Cost>>,
}

impl Meter {
    const SOURCE: Option<usize> = Some(0);

    /// Of the worker of this node.
    fn of(node: usize) -> Option<usize> {
        Some(node + 1)
    }

    fn new(parts: impl Iterator<Item = (Part, SegmentKind)>) -> Self {
        let (busy, computed, items) = (Duration::ZERO, Duration::ZERO, 0);
        let costs = parts.map(|(part, kind)| Cost { part, kind, busy, computed, items }).collect();
        Meter {
            now: Cell::new((None, Duration::ZERO, processor_time())),
            began: Instant::now(),
            costs: RefCell::new(costs),
        }
    }

    /// From now on this one is at work. Returns who was before.
    fn enter(&self, who: Option<usize>) -> Option<usize> {
        let (wall, computed) = (self.began.elapsed(), processor_time());
        let (before, since, since_computed) = self.now.replace((who, wall, computed));
        if let Some(before) = before {
            let cost = &mut self.costs.borrow_mut()[before];
            cost.busy += wall.saturating_sub(since);
            cost.computed += computed.saturating_sub(since_computed);
        }
        before
    }

    fn count(&self, who: Option<usize>, items: usize) {
        if let Some(who) = who {
            self.costs.borrow_mut()[who].items += items as u64;
        }
    }

    fn read(&self) -> Measured {
        Measured { parts: self.costs.borrow().clone(), ..Measured::default() }
    }
}

/// For how long a processor has worked for this thread.
fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap_or_default()
}

/// For how long this thread could have run, and did not because others did. Zero where the system does not tell.
fn ready() -> Duration {
    let told = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

/// What an item takes, from batch to batch.
#[derive(Default)]
struct Rates {
    batches: f64,
    sum: f64,
    squares: f64,
}

impl Rates {
    fn learn(&mut self, items: u64, elapsed: Duration) {
        let each = elapsed.as_secs_f64() / items.max(1) as f64;
        (self.batches, self.sum, self.squares) =
            (self.batches + 1.0, self.sum + each, self.squares + each * each);
    }

    /// The spread over the mean.
    fn variation(&self) -> f64 {
        let mean = self.sum / self.batches.max(1.0);
        let variance = self.squares / self.batches.max(1.0) - mean * mean;
        if mean > 0.0 { variance.max(0.0).sqrt() / mean } else { 0.0 }
    }
}
