//! The head of a run: the first batches, on the calling thread, with the time of each part.
//!
//! ```text
//! |-- look --|-- look --|----- look -----|------- look -------| ..      enough, or as soon as two in a row say the same
//! ```
//!
//! Who works is known at each moment: a part that hands on a batch is not at work until the part behind it comes back. So one reading of the
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

impl Measured {
    /// Of the input, one at least.
    pub(crate) fn items(&self) -> u64 {
        self.parts.get(1).map_or(0, |first| first.items).max(1)
    }

    /// What came after `earlier`.
    fn since(&self, earlier: &Measured) -> Measured {
        let cost = |(now, then): (&Cost, &Cost)| Cost {
            busy: now.busy.saturating_sub(then.busy),
            computed: now.computed.saturating_sub(then.computed),
            items: now.items - then.items,
            ..*now
        };
        Measured {
            parts: self.parts.iter().zip(&earlier.parts).map(cost).collect(),
            bytes: self.bytes - earlier.bytes,
            elapsed: self.elapsed.saturating_sub(earlier.elapsed),
            ready: self.ready.saturating_sub(earlier.ready),
            variation: self.variation,
        }
    }
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
    pace: Pace,
    run: Arc<RunState>,
}

/// So much is enough, if it was in so many batches.
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
            let Some(batch) = pulled? else { return self.end() };
            let taken = self.line.taken();
            (batches, bytes) = (batches + 1, bytes + batch.bytes() as u64);
            let flow = self.line.carry(batch, &mut NoEnd)?;
            let (items, elapsed) = (self.line.taken() - taken, started.elapsed());
            self.pace.learn(items as usize, elapsed);
            rates.learn(items, elapsed);
            if flow.is_break() {
                return self.end();
            }
            let elapsed = began.elapsed();
            let is_enough = elapsed >= most || elapsed >= ENOUGH.0 && batches >= ENOUGH.1;
            if is_enough || looks.is_time(elapsed) {
                let so_far = Measured { bytes, elapsed, variation: rates.variation(), ..self.meter.read() };
                if looks.is_clear(so_far, &judge) || is_enough {
                    break;
                }
            }
        }
        Ok(self.hand_on()?.map(|nodes| (nodes, looks.measured())))
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

    /// So far, while nobody is at work.
    fn read(&self) -> Measured {
        Measured { parts: self.costs.borrow().clone(), ready: ready(), ..Measured::default() }
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

/// What was measured up to each look. The first one is of cold caches and files that were opened: it tells less than the others.
struct Looks {
    /// The first is from before the head.
    all: Vec<Measured>,
    /// What was said of the last one.
    said: Option<usize>,
    is_clear: bool,
}

/// From one look to the next, and half of what there was so far: each reads a file of the system, some 5 us.
const LOOK: Duration = Duration::from_micros(100);

impl Looks {
    fn new(before: Measured) -> Self {
        Looks { all: vec![before], said: None, is_clear: false }
    }

    fn last(&self) -> &Measured {
        self.all.last().expect("there is one from the start")
    }

    fn is_time(&self, elapsed: Duration) -> bool {
        let last = self.last().elapsed;
        elapsed.saturating_sub(last) >= LOOK.max(last / 2)
    }

    /// Whether of this look and of the one before the same is said.
    fn is_clear(&mut self, so_far: Measured, judge: impl Fn(&Measured) -> Option<usize>) -> bool {
        let said = judge(&so_far.since(self.last()));
        self.is_clear = said.is_some() && said == self.said;
        self.said = said;
        self.all.push(so_far);
        self.is_clear
    }

    /// Of the two that agree, or of all but the first.
    fn measured(&self) -> Measured {
        let from = match self.all.len() {
            looks if self.is_clear => looks - 3,
            2 => 0,
            _ => 1,
        };
        self.last().since(&self.all[from])
    }
}

/// What an item takes, from batch to batch. Of short batches nothing is learned: each has costs of its own.
#[derive(Default)]
struct Rates {
    batches: f64,
    sum: f64,
    squares: f64,
}

impl Rates {
    fn learn(&mut self, items: u64, elapsed: Duration) {
        if elapsed * 2 < Pace::BATCH {
            return;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    const LOOKED: Duration = Duration::from_micros(150);

    /// So many looks later, so many items were taken.
    fn so_far(looks: u32, items: u64) -> Measured {
        let (part, kind) = (Part::Segment(0), SegmentKind::Parallel);
        let (busy, computed) = (LOOKED * looks, LOOKED * looks);
        let source = Cost { part: Part::Source, kind: SegmentKind::Serial, busy, computed, items: 0 };
        let parts = vec![source, Cost { part, kind, busy, computed, items }];
        Measured { parts, elapsed: LOOKED * looks, ..Measured::default() }
    }

    /// After looks that took so many items each, of which `judge` says what: which of them decided, and how many items are in what was measured.
    fn looks(items: &[u64], judge: impl Fn(u64) -> Option<usize>) -> (Option<usize>, u64) {
        let mut looks = Looks::new(so_far(0, 0));
        let (mut all, mut decided) = (0, None);
        for (at, items) in items.iter().enumerate() {
            all += items;
            if looks.is_clear(so_far(at as u32 + 1, all), |measured| judge(measured.items())) {
                decided = Some(at);
                break;
            }
        }
        (decided, looks.measured().items())
    }

    #[test]
    fn two_looks_in_a_row_that_say_the_same_are_clear_and_are_what_was_measured() {
        assert_eq!(looks(&[1, 10, 20, 20, 70], |items| (items >= 10).then_some(2)), (Some(2), 30));
        assert_eq!(looks(&[9, 8, 9, 9, 7], |items| Some(items as usize)), (Some(3), 18));
    }

    #[test]
    fn where_nothing_is_clear_all_but_the_first_look_count() {
        assert_eq!(looks(&[1, 10, 20], |_| None), (None, 30));
        assert_eq!(looks(&[1, 10, 20, 10], |items| Some(items as usize)), (None, 40));
        assert_eq!(looks(&[5], |_| Some(0)), (None, 5));
    }

    #[test]
    fn looks_come_less_and_less_often() {
        let mut looks = Looks::new(so_far(0, 0));
        let mut at = Vec::new();
        for tick in 1..=60 {
            if looks.is_time(so_far(tick, 0).elapsed) {
                at.push(tick);
                let _ = looks.is_clear(so_far(tick, 1), |_| None);
            }
        }
        assert_eq!(at, [1, 2, 3, 5, 8, 12, 18, 27, 41]);
    }
}
