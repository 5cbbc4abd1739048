//! What one worker works with: its own states of each row, made when they are needed first.

use crate::ending::Outcome;
use crate::gates::Gates;
use crate::job::Ticket;
use crate::ledger::Part;
use crate::meter::{Account, Meter};
use crate::pieces::{Deque, LONG};
use crate::seat::{Place, Span};
use pipe_core::plan::{AnyBatch, BoxBatch, Line, Outlet, RunState, Segment, Worker, discard, left, made};
use pipe_core::{Flow, Permit, RunError};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The rows of a worker from some stretch on. A worker inside of a stretch has those behind it.
pub(crate) struct Hands<'h, 'p> {
    rows: &'h mut [Row<'p>],
    /// The stretch of the first one.
    from: usize,
    pub(crate) worker: usize,
    /// While it is measured whether others would pay.
    pub(crate) meter: &'h mut Option<Meter>,
}

/// A worker's part of a row.
pub(crate) struct Row<'p> {
    segments: Vec<Arc<dyn Segment<'p> + 'p>>,
    states: States<'p>,
    /// It has come to an end or a failure. What comes before that in order, if there is still something, is for others.
    ended: bool,
    /// Of batches that it works on.
    pieces: Deque,
}

enum States<'p> {
    Unmade,
    Made(Line<'p>),
    /// After a panic or the end.
    Gone,
}

/// What became of a batch in a row.
pub(crate) struct Carried {
    /// The last outputs; those before were put at the gate.
    pub(crate) last: Option<Part>,
    pub(crate) outcome: Outcome,
    pub(crate) items: u64,
    /// Spent at the gate meanwhile; measured behind the first stretch only.
    away: Duration,
}

impl<'p> Row<'p> {
    pub(crate) fn new(segments: &[Arc<dyn Segment<'p> + 'p>], pieces: Deque) -> Self {
        Row { segments: segments.to_vec(), states: States::Unmade, ended: false, pieces }
    }

    pub(crate) fn pieces(&self) -> &Deque {
        &self.pieces
    }

    /// Whether it may be used on what comes before in order.
    pub(crate) fn is_sound(&self) -> bool {
        !self.ended
    }

    /// Makes the states, but for that of the first segment where a worker of it is here already.
    pub(crate) fn make(
        &mut self,
        first: Option<Box<dyn Worker + 'p>>,
        run: &Arc<RunState>,
    ) -> Result<(), RunError> {
        let had = usize::from(first.is_some());
        let build = |segment: &Arc<dyn Segment<'p> + 'p>| segment.clone().worker(run.clone());
        let workers = first.map(Ok).into_iter().chain(self.segments[had..].iter().map(build));
        self.states = States::Made(Line::new(run.clone(), made(workers)?));
        Ok(())
    }

    fn line(&mut self, run: &Arc<RunState>) -> Result<(&mut Line<'p>, &Deque), RunError> {
        if matches!(self.states, States::Unmade) {
            self.make(None, run)?;
        }
        match &mut self.states {
            States::Made(line) => Ok((line, &self.pieces)),
            States::Unmade | States::Gone => unreachable!("nothing that is wanted comes after a panic"),
        }
    }
}

impl<'h, 'p> Hands<'h, 'p> {
    pub(crate) fn new(rows: &'h mut [Row<'p>], worker: usize, meter: &'h mut Option<Meter>) -> Self {
        Hands { rows, from: 0, worker, meter }
    }

    /// The row of a stretch, and the hands behind it.
    pub(crate) fn split(&mut self, stretch: usize) -> (&mut Row<'p>, Hands<'_, 'p>) {
        let (row, rows) = self.rows[stretch - self.from..].split_first_mut().expect("each stretch has a row");
        (row, Hands { rows, from: stretch + 1, worker: self.worker, meter: self.meter })
    }

    /// The rows that are here, and their stretches.
    pub(crate) fn rows(&self) -> impl DoubleEndedIterator<Item = (usize, &Row<'p>)> {
        self.rows.iter().enumerate().map(|(at, row)| (self.from + at, row))
    }

    /// Works on a batch that a gate has emitted, or on a piece of a batch, and completes it.
    pub(crate) fn work(&mut self, gates: &Gates<'p>, ticket: Ticket) {
        let place = ticket.place();
        if !self.split(place.stretch).0.is_sound() {
            return gates.discard(ticket, &mut self.split(place.stretch).1);
        }
        let (bytes, started) = (ticket.part.batch.bytes(), Instant::now());
        let carried = self.carry(gates, ticket);
        let took = started.elapsed().saturating_sub(carried.away);
        gates.splits.learn(place.stretch, bytes, took);
        self.lap(Account::Rows);
        gates.complete(place, carried.last, carried.outcome, &mut self.split(place.stretch).1);
    }

    /// Runs a row on a batch. Full buffers are put at the gate on the way; the last one is returned.
    pub(crate) fn carry(&mut self, gates: &Gates<'p>, ticket: Ticket) -> Carried {
        let place = ticket.place();
        let Ticket { stretch, span, part: Part { batch, permit } } = ticket;
        let worker = self.worker;
        let (row, hands) = self.split(stretch);
        let mut ahead = Ahead::new(gates, place, hands);
        let (line, pieces) = match row.line(&gates.run) {
            Ok(made) => made,
            Err(error) => {
                discard(batch);
                return ahead.carried(Outcome::Failed(error), 0);
            }
        };
        let before = line.taken();
        let from = (!span.is_piece()).then(|| Instant::now() + LONG);
        gates.pieces.enter(worker);
        ahead.rest = Some(Rest { span, permit, pieces, from });
        let flow = line.carry(batch, &mut ahead);
        gates.pieces.leave(worker);
        let items = line.taken() - before;
        let outcome = Outcome::of(flow, &gates.run);
        let carried = ahead.carried(outcome, items);
        row.ended |= !matches!(carried.outcome, Outcome::Well);
        if matches!(carried.outcome, Outcome::Failed(RunError::Panicked { .. }) | Outcome::Stopped(_)) {
            discard(std::mem::replace(&mut row.states, States::Gone));
        }
        carried
    }

    /// Lets the stages of a row emit what they kept.
    pub(crate) fn finish(&mut self, gates: &Gates<'p>, place: Place) {
        let (row, hands) = self.split(place.stretch);
        let mut ahead = Ahead::new(gates, place, hands);
        let (outcome, dropped) = match std::mem::replace(&mut row.states, States::Gone) {
            States::Made(mut line) => {
                let finished = line.finish(&mut ahead).map(Flow::Continue);
                (Outcome::of(finished, &gates.run), left(line))
            }
            // It was admitted, and no batch came.
            States::Unmade | States::Gone => (Outcome::Well, Ok(())),
        };
        let carried = ahead.carried(outcome, 0);
        self.lap(Account::Rows);
        gates.complete(place, carried.last, carried.outcome, &mut self.split(place.stretch).1);
        // Behind what failed, here or before.
        dropped.unwrap_or_else(|error| gates.abandon(error));
    }

    /// Writes the time since the last lap to an account, if that is asked for.
    pub(crate) fn lap(&mut self, account: Account) {
        if let Some(meter) = self.meter {
            meter.lap(account);
        }
    }
}

/// Hands full buffers to the gate. The newest one is held back: if it is the last, it goes with the completion, under one lock.
struct Ahead<'a, 'h, 'p> {
    gates: &'a Gates<'p>,
    place: Place,
    last: Option<BoxBatch>,
    hands: Hands<'h, 'p>,
    away: Duration,
    /// Of the batch. `None` while stages finish.
    rest: Option<Rest<'a>>,
}

/// What is still to be done of a batch.
struct Rest<'a> {
    span: Span,
    permit: Permit,
    /// Where the worker puts pieces for others.
    pieces: &'a Deque,
    /// When others get some of it. A piece was heavy before.
    from: Option<Instant>,
}

impl<'a, 'h, 'p> Ahead<'a, 'h, 'p> {
    fn new(gates: &'a Gates<'p>, place: Place, hands: Hands<'h, 'p>) -> Self {
        Ahead { gates, place, last: None, hands, away: Duration::ZERO, rest: None }
    }

    /// Does something there, which is no work of the row.
    fn at_the_gate(&mut self, act: impl FnOnce(&Gates<'p>, Place, &mut Hands<'h, 'p>) -> Flow) -> Flow {
        self.hands.lap(Account::Rows);
        let started = (self.place.stretch > 0).then(Instant::now);
        let flow = act(self.gates, self.place, &mut self.hands);
        self.away += started.map_or(Duration::ZERO, |started| started.elapsed());
        flow
    }

    /// The permit of the batch becomes that of its last outputs: one step of the account's counters instead of two, and none where both
    /// weigh the same. Or it is given back, before the ticket is completed: who sleeps for these bytes is woken then.
    fn carried(self, outcome: Outcome, items: u64) -> Carried {
        let permit = self.rest.map(|rest| rest.permit);
        let last = self.last.map(|batch| self.gates.charge(batch, permit));
        Carried { last, outcome, items, away: self.away }
    }
}

impl Outlet for Ahead<'_, '_, '_> {
    fn put(&mut self, batch: BoxBatch) -> Flow {
        let Some(full) = self.last.replace(batch) else { return Flow::Continue(()) };
        self.at_the_gate(|gates, place, hands| gates.put(place, full, hands))
    }

    fn wait_for_room(&mut self) -> Flow {
        self.at_the_gate(Gates::wait_to_keep_back)
    }

    fn is_closed(&self) -> bool {
        self.gates.is_closed(self.place)
    }

    fn gave_back(&mut self) {
        self.gates.made_room();
    }

    /// Gives half of it to somebody who has nothing to do, if it is heavy: else the halves would not be worth a wake.
    fn share(&mut self, batch: &mut dyn AnyBatch) {
        let Some(rest) = &mut self.rest else { return };
        if !self.gates.pieces.are_wanted() || rest.from.is_some_and(|from| Instant::now() < from) {
            return;
        }
        let Some((front, back)) = rest.span.halves() else { return };
        let Some(piece) = batch.split() else { return };
        rest.span = front;
        rest.permit.resize(rest.permit.bytes().saturating_sub(piece.bytes()));
        let part = self.gates.charge(piece, None);
        self.gates.offer(Ticket { stretch: self.place.stretch, span: back, part }, rest.pieces);
    }
}
