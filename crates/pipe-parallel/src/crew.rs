//! The workers of one run: the source that they share, and what each does.

use crate::asleep::Asleep;
use crate::break_even::{Trial, Verdict};
use crate::ending::Outcome;
use crate::gates::Gates;
use crate::hands::{Hands, Row};
use crate::intake::Intake;
use crate::job::{Job, Ticket};
use crate::ledger::Part;
use crate::loan::Loan;
use crate::max_delay::pull;
use crate::meter::{Account, Meter};
use crate::parallel::Start;
use crate::pieces::Deque;
use crate::seat::{Place, Seat, Span};
use crate::stretch::Stretch;
use crate::thread_pool::ThreadPool;
use crate::tuning::Bounds;
use pipe_core::plan::{AnySource, BoxBatch, Outlet, RunState, Segment, Worker, discard, left};
use pipe_core::{Event, Flow, Pace, Payload, Permit, RunError, Want};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What a batch is aimed at. Between two processors it costs some 3 us: about thirty lines of the cache that move from one to the other, for
/// the books, the source, the counters, and the items themselves. So 1.5 %; longer ones make the last batch of a run longer.
pub(crate) const SPAN: Duration = Duration::from_micros(200);

/// Shared by the workers of one run.
pub(crate) struct Crew<'p> {
    intake: Intake<'p>,
    rows: Vec<Vec<Arc<dyn Segment<'p> + 'p>>>,
    gates: Gates<'p>,
    bounds: Bounds,
    max_delay: Option<Duration>,
    /// The most items in a batch. Lowered at most once, before the helpers come.
    batch: AtomicUsize,
    seats: Mutex<Seats>,
    run: Arc<RunState>,
}

/// For workers that have not come yet.
struct Seats {
    /// The deques of each, one per stretch. The calling thread's are the last ones, those of the stand-ins the first.
    free: Vec<Vec<Deque>>,
    taken: usize,
    /// How many may come, without stand-ins. Lowered at most once, before the helpers come.
    hired: usize,
}

/// How many may work, and on how much.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Strength {
    pub(crate) bounds: Bounds,
    /// As many workers at the same time.
    pub(crate) processors: usize,
    /// How long an item may wait for others to make a batch with it.
    pub(crate) max_delay: Option<Duration>,
}

/// What the calling thread has done of the run before there was a crew.
pub(crate) struct Head<'p> {
    /// The worker of the first segment that it has used already, if it has.
    pub(crate) first: Option<Box<dyn Worker + 'p>>,
    /// The longest of its slices.
    pub(crate) longest: Duration,
}

/// A worker's visits to the source.
struct Visits {
    /// How much it asks for.
    pace: Pace,
    /// When it has left last.
    left: Instant,
}

/// What a worker is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// The first stretch: if it is alone, all that was pulled before has been worked on.
    Pull,
    /// A later one.
    Ticket,
}

impl<'p> Crew<'p> {
    pub(crate) fn new(
        source: Box<dyn AnySource + 'p>,
        mut stretches: Vec<Stretch<'p>>,
        strength: Strength,
        run: Arc<RunState>,
    ) -> Self {
        let (gates, deques) = Gates::new(&mut stretches, strength, &run);
        let Strength { bounds, max_delay, processors } = strength;
        let intake = Intake::new(source, bounds.workers, processors);
        let rows = stretches.into_iter().map(|stretch| stretch.row).collect();
        let seats = Mutex::new(Seats { free: deques, taken: 0, hired: bounds.workers });
        let batch = AtomicUsize::new(bounds.batch);
        Crew { intake, rows, gates, bounds, max_delay, batch, seats, run }
    }

    /// The calling thread's part. `invite` lets helpers come, and says whether all will.
    pub(crate) fn lead(&self, mut head: Head<'p>, when: Start, invite: impl Fn() -> bool) {
        let (leader, mut rows) = self.take_seat().expect("the calling thread comes first");
        // All of them at once: a state that cannot be made ends the run before anything is pulled, as on one thread.
        for row in &mut rows {
            if let Err(error) = row.make(head.first.take(), &self.run) {
                self.gates.abandon(error);
                return rows.into_iter().for_each(discard);
            }
        }
        self.gates.join(leader);
        // `None` once there are helpers. Until then each trial is followed by another: cheap items may become heavy ones.
        let workers = self.bounds.workers;
        let measures = workers > 1 && when != Start::AtOnce;
        let mut meter = measures.then(|| Meter::new(self.rows.len(), &self.run));
        if when == Start::AtOnce && invite() {
            // Each of them takes a seat, whatever else it does.
            while self.seats().taken < workers {
                thread::yield_now();
            }
        }
        let mut stayed = None;
        self.work(leader, &mut rows, &mut meter, |measuring, before| {
            let Some(meter) = measuring else { return };
            match (meter.trial.verdict(workers), before) {
                (Verdict::Spread, _) => {
                    if when == Start::Tuned {
                        meter.trial.note_batch(head.longest);
                        self.tune(&meter.trial);
                    }
                    *measuring = None;
                    let _ = invite();
                }
                // What a gate has emitted belongs to the same items: the trial goes on until all of it has been worked on.
                (Verdict::Unknown, _) | (Verdict::Stay, Before::Ticket) => {}
                (Verdict::Stay, Before::Pull) => stayed = Some(meter.trial.restart()),
            }
        });
        if let Some(meter) = meter {
            self.note_stayed(stayed, meter.trial);
        }
    }

    /// Sets what is right for data like that of the trial. Before anybody else comes: then all of them have the same.
    fn tune(&self, trial: &Trial) {
        let (Bounds { workers, batch, window }, why) = self.bounds.tuned(trial);
        self.seats().hired = workers;
        self.batch.store(batch, Relaxed);
        self.gates.set_window(window);
        self.run.note(Event::Tuned { workers, batch, window, why });
    }

    fn note_stayed(&self, stayed: Option<Trial>, last: Trial) {
        let (trial, why) = match stayed {
            None => (last, "and the input ended before threads could have paid"),
            Some(stayed) => (stayed, "too little beside what is done by one thread at a time"),
        };
        self.run.note(Event::StayedInline { ns_per_item: trial.rows_ns(), why });
    }

    /// A helper's part, if there is a seat for it: one thread more may come than there are seats.
    pub(crate) fn help(&self) {
        if let Some((worker, mut rows)) = self.take_seat() {
            // Its states it makes when it has something to do: if it comes late, never.
            self.work(worker, &mut rows, &mut None, |_, _| ());
        }
    }

    /// A worker's index and rows. Stand-ins have seats when they were called.
    fn take_seat(&self) -> Option<(usize, Vec<Row<'p>>)> {
        let mut seats = self.seats();
        let (index, hired) = (seats.taken, seats.hired);
        if index >= hired + self.gates.waits.called() {
            return None;
        }
        // A thread that comes beyond is a stand-in, and known by that.
        let index = if index < hired { index } else { index + (self.bounds.workers - hired) };
        let deques = seats.free.pop()?;
        seats.taken += 1;
        drop(seats);
        Some((index, self.rows.iter().zip(deques).map(|(row, pieces)| Row::new(row, pieces)).collect()))
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says where helpers come from.
    pub(crate) fn call_from(&self, pool: &ThreadPool, loan: &Arc<Loan>) {
        self.gates.waits.call_from(pool, loan);
    }

    /// Works until the run is over. `observe` looks at the meter before each batch.
    fn work(
        &self,
        worker: usize,
        rows: &mut Vec<Row<'p>>,
        meter: &mut Option<Meter>,
        observe: impl FnMut(&mut Option<Meter>, Before),
    ) {
        self.gates.arrive();
        let worked = catch_unwind(AssertUnwindSafe(|| {
            self.gates.waits.at_work(|| self.work_on(Hands::new(rows, worker, meter), observe));
        }));
        if let Err(thrown) = worked {
            // Only the `Drop` of an item is left that could do this: stages, source and sink contain their panics.
            let (stage, payload) = ("drop of an item".to_owned(), Payload::new(thrown));
            self.gates.abandon(RunError::Panicked { stage, at: None, payload });
        }
        rows.drain(..).filter_map(|row| left(row).err()).for_each(|error| self.gates.abandon(error));
    }

    fn work_on(&self, mut hands: Hands<'_, 'p>, mut observe: impl FnMut(&mut Option<Meter>, Before)) {
        let mut visits = Visits { pace: Pace::new(SPAN, self.bounds.batch), left: Instant::now() };
        loop {
            match self.gates.next_job(&hands) {
                Job::Pull(permit) => {
                    observe(hands.meter, Before::Pull);
                    self.work_on_pulled(&mut hands, &mut visits, permit);
                }
                Job::Ticket(ticket) => {
                    observe(hands.meter, Before::Ticket);
                    hands.work(&self.gates, ticket);
                }
                Job::Finish(place) => hands.finish(&self.gates, place),
                Job::Drain(stretch) => self.gates.drain_now(stretch, &mut hands.split(stretch).1),
                Job::Leave => return,
            }
        }
    }

    /// Pulls a batch and carries it through the first row. Three looks at the clock per batch, and more while it is measured whether others
    /// would pay.
    fn work_on_pulled(&self, hands: &mut Hands<'_, 'p>, visits: &mut Visits, permit: Permit) {
        let items = visits.pace.items().min(self.batch.load(Relaxed));
        let want = Want { items, bytes: self.gates.want_bytes() };
        let Some((pulled, began)) = self.pull(want, permit, visits, hands) else { return };
        let place = pulled.place();
        hands.lap(Account::Source);
        let carried = hands.carry(&self.gates, pulled);
        let now = Instant::now();
        // A row without segments does not count; a source mostly gives what is wanted.
        let items = if self.rows[0].is_empty() { want.items as u64 } else { carried.items };
        visits.pace.learn(items as usize, now - began);
        if let Some(meter) = hands.meter {
            meter.lap(Account::Rows);
            meter.trial.count(items);
        }
        self.gates.complete(place, carried.last, carried.outcome, &mut hands.split(0).1);
    }

    /// The next batch with its ticket, and when the pull began. `None`: there is none.
    fn pull(
        &self,
        want: Want,
        mut permit: Permit,
        visits: &mut Visits,
        hands: &mut Hands<'_, 'p>,
    ) -> Option<(Ticket, Instant)> {
        let mut intake = self.intake.try_enter().unwrap_or_else(|| {
            let enter = || self.intake.enter(visits.left.elapsed());
            self.gates.count(Asleep::NoJob { full: None }, enter)
        });
        let span = Span::of(intake.next_ticket);
        let pulled = match self.gates.has_ended() {
            true => Ok(None),
            false => pull(&mut *intake.source, want, self.max_delay, &self.run),
        };
        let error = match pulled {
            Ok(Some(batch)) => {
                intake.next_ticket += 1;
                permit.resize(batch.bytes());
                let (wanted, limit) = (batch.bytes(), self.run.budget().limit());
                if wanted <= limit {
                    let began = intake.since();
                    visits.left = intake.leave();
                    return Some((Ticket { stretch: 0, span, part: Part { batch, permit } }, began));
                }
                self.run.budget().refusal("source", wanted, 0)
            }
            Ok(None) => {
                self.gates.set_ended();
                drop(intake);
                self.gates.withdraw(permit);
                return None;
            }
            Err(error) => error,
        };
        self.gates.set_ended();
        drop(intake);
        drop(permit);
        let place = Place { stretch: 0, seat: Seat::Ticket(span.key) };
        self.gates.complete(place, None, Outcome::Failed(error), &mut hands.split(0).1);
        None
    }

    /// How many may come, the caller included and without stand-ins.
    pub(crate) fn hired(&self) -> usize {
        self.seats().hired
    }

    /// How many workers there were, the caller included.
    pub(crate) fn workers(&self) -> usize {
        self.seats().taken
    }

    /// After all workers have left: finishes the last gate, which commits the sink.
    pub(crate) fn close(self) -> Result<(), RunError> {
        let Crew { gates, run, intake, rows, .. } = self;
        let ended = gates.close().and_then(|mut last| {
            let finished = run.check().and_then(|()| last.finish(&mut Nothing));
            finished.and(left(last))
        });
        // Source and closures, each by itself.
        let left = rows.into_iter().flatten().map(left).fold(left(intake), Result::and);
        ended.and(left)
    }
}

/// Behind the sink comes nothing.
pub(crate) struct Nothing;

impl Outlet for Nothing {
    fn put(&mut self, _: BoxBatch) -> Flow {
        unreachable!("a sink emits nothing")
    }
}
