//! The workers of one run: what they share, and what each does.

use crate::break_even::{Trial, Verdict};
use crate::end::End;
use crate::gate::{Gate, Place, Side};
use pipe_core::plan::{AnySource, BoxBatch, Line, Outlet, RunState, Segment, Worker};
use pipe_core::{Event, Flow, Pace, Payload, Permit, RunError, Want};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Shared by the workers of one run.
pub(crate) struct Crew<'p> {
    source: Mutex<Intake<'p>>,
    /// Set under the source lock; read outside it only to save work.
    ended: AtomicBool,
    segments: Vec<Arc<dyn Segment<'p> + 'p>>,
    gate: Gate<'p>,
    workers: usize,
    want_bytes: usize,
    limit: usize,
    /// For helpers that have not come yet.
    seats: AtomicUsize,
    run: Arc<RunState>,
}

/// The source and the tickets it gives. One worker at a time is inside; the others sleep on its lock.
struct Intake<'p> {
    source: Box<dyn AnySource + 'p>,
    next_ticket: u64,
}

/// What a worker's stages emitted when they finished.
pub(crate) type Parts = Vec<BoxBatch>;

impl<'p> Crew<'p> {
    pub(crate) fn new(
        source: Box<dyn AnySource + 'p>,
        segments: Vec<Arc<dyn Segment<'p> + 'p>>,
        gate: Gate<'p>,
        workers: usize,
        limit: usize,
        run: Arc<RunState>,
    ) -> Self {
        // Half of the limit is for inputs, one batch per worker; the other half for outputs that wait.
        let want_bytes = (limit / workers.saturating_mul(2)).clamp(1, Want::MOST.bytes);
        let source = Mutex::new(Intake { source, next_ticket: 0 });
        let (ended, seats) = (AtomicBool::new(false), AtomicUsize::new(workers - 1));
        Crew { source, ended, segments, gate, workers, want_bytes, limit, seats, run }
    }

    /// The calling thread's part. `start` starts one helper and says whether there may be more.
    /// `first` is the worker of the first segment that this thread has used already, if it has.
    pub(crate) fn lead(
        &self,
        first: Option<Box<dyn Worker + 'p>>,
        mut start: impl FnMut(usize) -> bool,
    ) -> Parts {
        // `None` once there are helpers. Until then each trial is followed by another: cheap items may become heavy ones.
        let mut trial = Some(Trial::default());
        let mut stayed = Trial::default();
        let observe = |measured: Measured| {
            let Some(alone) = &mut trial else { return Flow::Break(()) };
            alone.add(measured.items, measured.source, measured.chain, measured.sink);
            match alone.verdict(self.workers) {
                Verdict::Unknown => {}
                Verdict::Stay => stayed = std::mem::take(alone),
                Verdict::Spread => {
                    trial = None;
                    // One more than there are seats, see `help`.
                    let _ = (1..=self.workers).all(&mut start);
                }
            }
            Flow::Continue(())
        };
        let parts = self.work(first, (self.workers > 1).then_some(observe));
        if trial.is_some() && self.workers > 1 {
            let (ns_per_item, why) = if stayed.is_empty() {
                (trial.unwrap_or_default().chain_ns(), "and the input ended before threads could have paid")
            } else {
                (stayed.chain_ns(), "too little beside what source and sink cost")
            };
            self.run.note(Event::StayedInline { ns_per_item, why });
        }
        parts
    }

    /// A helper's part, if it comes in time: there are seats for all workers but the caller, and one thread more is started.
    ///
    /// The system may put a new thread on the processor of the one that made it, where it waits while another processor idles, for up to
    /// 50 ms: of a run of 150 ms on two cores 4 % were lost to that. Of two new threads one is put elsewhere. The one that waits finds no
    /// seat, and leaves.
    pub(crate) fn help(&self) -> Parts {
        if self.seats.fetch_update(Relaxed, Relaxed, |free| free.checked_sub(1)).is_err() {
            return Parts::new();
        }
        // Started late: then there is no need to make the stages' state.
        if self.ended.load(Relaxed) { Parts::new() } else { self.work(None, None::<fn(Measured) -> Flow>) }
    }

    /// Works until the run is over, and finishes this worker. `observe` hears of every batch, until it has heard enough.
    fn work(
        &self,
        first: Option<Box<dyn Worker + 'p>>,
        observe: Option<impl FnMut(Measured) -> Flow>,
    ) -> Parts {
        let worked = catch_unwind(AssertUnwindSafe(|| self.work_and_finish(first, observe)));
        worked.unwrap_or_else(|thrown| {
            // Only the `Drop` of an item is left that could do this: stages, source and sink contain their panics.
            let (stage, payload) = ("drop of an item".to_owned(), Payload::new(thrown));
            self.gate.fail(Place::Finish, RunError::Panicked { stage, at: None, payload });
            Parts::new()
        })
    }

    fn work_and_finish(
        &self,
        first: Option<Box<dyn Worker + 'p>>,
        mut observe: Option<impl FnMut(Measured) -> Flow>,
    ) -> Parts {
        let build = |segment: &Arc<dyn Segment<'p> + 'p>| segment.clone().worker(self.run.clone());
        let had = usize::from(first.is_some());
        let workers = first.map(Ok).into_iter().chain(self.segments[had..].iter().map(build));
        let mut line = match workers.collect() {
            Ok(workers) => Line::new(self.run.clone(), workers),
            Err(error) => {
                self.gate.fail(Place::Ticket(0, Side::Stage), error);
                return Parts::new();
            }
        };
        let mut pace = Pace::new(Pace::BATCH, Want::MOST.items);
        let mut began = Instant::now();
        while !self.ended.load(Relaxed) {
            let Some(permit) = self.gate.admit(self.want_bytes) else { break };
            let want = Want { items: pace.items(), bytes: self.want_bytes };
            let Some(pulled) = self.pull(want, permit) else { break };
            // Two looks at the clock per batch, and a third one while somebody wants to know more.
            let source = observe.is_some().then(|| began.elapsed());
            let before = line.taken();
            let Some(last) = self.carry(&mut line, pulled) else { break };
            let items = line.taken() - before;
            let carried = began.elapsed();
            pace.learn(items as usize, carried);
            self.gate.complete(last.ticket, last.batch);
            let ended = Instant::now();
            if let (Some(observer), Some(source)) = (&mut observe, source) {
                let (chain, sink) = (carried - source, ended - began - carried);
                if observer(Measured { items, source, chain, sink }).is_break() {
                    observe = None;
                }
            }
            began = ended;
        }
        self.finish(line)
    }

    /// The next batch and its ticket. `None`: there is none.
    fn pull(&self, want: Want, mut permit: Permit) -> Option<Pulled> {
        let mut intake = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = intake.next_ticket;
        let pulled = if self.ended.load(Relaxed) { Ok(None) } else { intake.source.pull(want) };
        let error = match pulled {
            Ok(Some(batch)) => {
                intake.next_ticket += 1;
                drop(intake);
                permit.resize(batch.bytes());
                if batch.bytes() <= self.limit {
                    return Some(Pulled { ticket, batch, permit });
                }
                let (stage, wanted) = ("source".to_owned(), batch.bytes());
                RunError::Budget { stage, wanted, in_use: 0, limit: self.limit }
            }
            Ok(None) => {
                self.ended.store(true, Relaxed);
                drop(intake);
                self.gate.withdraw(permit);
                return None;
            }
            Err(error) => error,
        };
        self.ended.store(true, Relaxed);
        self.gate.fail(Place::Ticket(ticket, Side::Stage), error);
        None
    }

    /// Runs the chain on a batch. Full buffers are put at the gate on the way; the last one is returned. `None`: the run is over.
    fn carry(&self, line: &mut Line<'p>, pulled: Pulled) -> Option<Last> {
        let Pulled { ticket, batch, permit } = pulled;
        let mut ahead = Ahead { gate: &self.gate, ticket, last: None };
        let carried = line.carry(batch, &mut ahead);
        // Before the ticket is completed: who sleeps for these bytes is woken then.
        drop(permit);
        let last = ahead.last;
        match carried {
            Ok(flow) => {
                if flow.is_break() && !self.gate.is_closed(ticket) {
                    self.ended.store(true, Relaxed);
                }
                Some(Last { ticket, batch: last })
            }
            Err(RunError::Cancelled) => {
                self.gate.fail(Place::Cancelled, RunError::Cancelled);
                None
            }
            Err(error) => {
                // What was emitted before the failure is delivered, as a loop would have.
                if let Some(last) = last {
                    let _ = self.gate.put(ticket, last);
                }
                self.gate.fail(Place::Ticket(ticket, Side::Stage), error);
                None
            }
        }
    }

    /// Lets the stages of a worker emit what they kept, unless the run has failed.
    fn finish(&self, mut line: Line<'p>) -> Parts {
        let mut kept = Kept { parts: Parts::new() };
        if self.gate.is_closed(u64::MAX - 1) || self.run.is_cancelled() {
            return kept.parts;
        }
        if let Err(error) = line.finish(&mut kept) {
            self.gate.fail(Place::Finish, error);
        }
        kept.parts
    }

    /// How many workers there were, the caller included.
    pub(crate) fn workers(&self) -> usize {
        self.workers - self.seats.load(Relaxed)
    }

    /// After all workers have left: writes what they finished with, and commits the sink.
    pub(crate) fn close(self, parts: Parts) -> Result<(), RunError> {
        let Crew { gate, run, .. } = self;
        let mut end: End<'p> = gate.close()?;
        for mut batch in parts {
            end.write(&mut *batch, &run)?;
        }
        if run.is_cancelled() {
            return Err(RunError::Cancelled);
        }
        end.finish()
    }
}

/// A batch on its way: its place in the order, and the bytes it was granted.
struct Pulled {
    ticket: u64,
    batch: BoxBatch,
    permit: Permit,
}

/// The last outputs of a ticket.
struct Last {
    ticket: u64,
    batch: Option<BoxBatch>,
}

/// How long one batch took, and where.
struct Measured {
    items: u64,
    source: Duration,
    chain: Duration,
    sink: Duration,
}

/// Hands full buffers to the gate. The newest one is held back: if it is the last, it goes with the completion, under one lock.
struct Ahead<'a, 'p> {
    gate: &'a Gate<'p>,
    ticket: u64,
    last: Option<BoxBatch>,
}

impl Outlet for Ahead<'_, '_> {
    fn put(&mut self, batch: BoxBatch) -> Flow {
        match self.last.replace(batch) {
            Some(full) => self.gate.put(self.ticket, full),
            None => Flow::Continue(()),
        }
    }

    fn is_closed(&self) -> bool {
        self.gate.is_closed(self.ticket)
    }
}

/// Keeps what a finished worker emits until its turn.
struct Kept {
    parts: Parts,
}

impl Outlet for Kept {
    fn put(&mut self, batch: BoxBatch) -> Flow {
        self.parts.push(batch);
        Flow::Continue(())
    }
}
