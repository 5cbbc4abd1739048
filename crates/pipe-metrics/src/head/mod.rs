//! The head of a run: the first batches, on the calling thread, with the time of each part.
//!
//! ```text
//! |-- look --|-- look --|----- look -----|------- look -------| ..      enough, or as soon as two in a row say the same
//! ```
//!
//! Who works is known at each moment: a part that hands on a batch is not at work until the part behind it comes back. So one reading of the
//! clocks for each change is enough, and each of them ends what was before.

mod looks;
mod meter;

use looks::{Looks, Rates};
use meter::Meter;
pub(crate) use meter::{Cost, Measured};
use pipe_core::plan::{
    AnyBatch, AnySource, Line, NoEnd, Node, Nodes, Outlet, Ran, RunState, Segment, Work, Worker, left,
};
use pipe_core::{Pace, Part, RunError, SegmentKind, Want};
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The first batches of a run.
pub(crate) struct Head<'p> {
    source: Box<dyn AnySource + 'p>,
    line: Line<'p>,
    lent: Vec<Lent<'p>>,
    meter: Rc<Meter>,
    pace: Pace,
    run: Arc<RunState>,
}

/// This much is enough, if it was in this many batches.
const ENOUGH: (Duration, u64) = (Duration::from_millis(4), 16);

impl<'p> Head<'p> {
    /// `pace`: what is known of the cost of an item.
    pub(crate) fn new(nodes: Nodes<'p>, pace: Pace, run: &Arc<RunState>) -> Result<Self, RunError> {
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
        Ok(Head { source, line: Line::new(run.clone(), workers), lent, meter, pace, run: run.clone() })
    }

    /// Runs batches for `most`, until that is enough, or until `judge` says the same of two looks in a row. What is left, for an executor, with
    /// what was measured; `None`: nothing is left, the run has ended well.
    pub(crate) fn run(
        mut self,
        most: Duration,
        judge: impl Fn(&Measured) -> Option<usize>,
    ) -> Result<Option<(Nodes<'p>, Measured)>, RunError> {
        let ended = self.batches(most, judge).and_then(|measured| match measured {
            None => self.end().map(|()| None),
            Some(measured) => Ok(self.end_some()?.then_some(measured)),
        });
        if let Ok(Some(measured)) = ended {
            return Ok(Some((self.into_nodes(), measured)));
        }
        // Behind the result, and each by itself: what these throw is the error of a run that has none.
        let Head { source, line, lent, .. } = self;
        let left = lent.into_iter().map(left).fold(left(line).and(left(source)), Result::and);
        ended.and(left).map(|()| None)
    }

    /// What was measured. `None`: the input is at its end.
    fn batches(
        &mut self,
        most: Duration,
        judge: impl Fn(&Measured) -> Option<usize>,
    ) -> Result<Option<Measured>, RunError> {
        let began = Instant::now();
        let mut looks = Looks::new(self.meter.read());
        let (mut rates, mut batches, mut bytes) = (Rates::default(), 0, 0);
        loop {
            self.run.check()?;
            let started = Instant::now();
            let want = Want { items: self.pace.items().min(Want::MOST.items), bytes: self.run.batch_bytes() };
            let before = self.meter.enter(Meter::SOURCE);
            let pulled = self.source.pull(want);
            self.meter.enter(before);
            let Some(batch) = pulled? else { return Ok(None) };
            let taken = self.line.taken();
            (batches, bytes) = (batches + 1, bytes + batch.bytes() as u64);
            let flow = self.line.carry(batch, &mut NoEnd)?;
            let (items, elapsed) = (self.line.taken() - taken, started.elapsed());
            self.pace.learn(items as usize, elapsed);
            rates.learn(items, elapsed);
            if flow.is_break() {
                return Ok(None);
            }
            let elapsed = began.elapsed();
            let is_enough = elapsed >= most || elapsed >= ENOUGH.0 && batches >= ENOUGH.1;
            if is_enough || looks.is_time(elapsed) {
                let so_far = Measured { bytes, elapsed, variation: rates.variation(), ..self.meter.read() };
                if looks.is_clear(so_far, &judge) || is_enough {
                    return Ok(Some(looks.measured()));
                }
            }
        }
    }

    /// The input is at its end.
    fn end(&mut self) -> Result<(), RunError> {
        self.run.check()?;
        self.line.finish(&mut NoEnd)
    }

    /// Ends the workers that cannot be handed on. False: all of them have ended with that, well.
    fn end_some(&mut self) -> Result<bool, RunError> {
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
            return Ok(false);
        }
        Ok(true)
    }

    /// What is left, for an executor.
    fn into_nodes(self) -> Nodes<'p> {
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
        Nodes { source: self.source, nodes, first }
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
