//! The books of one stretch: which batches wait for a worker, which outputs wait at its gate, and what is due next there.
//!
//! A plain structure without locks: the gates keep it under theirs.

use crate::seat::{Bar, Key, Seat, Span};
use crate::stretch::Stretch;
use pipe_core::plan::BoxBatch;
use pipe_core::{Order, Permit};
use std::collections::VecDeque;

/// A batch that waits, and the bytes it was charged.
pub(crate) struct Part {
    pub(crate) batch: BoxBatch,
    pub(crate) permit: Permit,
}

/// What became of a seat so far.
#[derive(Default)]
struct Waiting {
    parts: VecDeque<Part>,
    complete: bool,
}

/// What became of a ticket so far.
struct Slot {
    /// The first piece of it that is not delivered: the whole batch, if nothing was cut off.
    key: Key,
    first: Waiting,
    /// The pieces behind that, in order.
    cut: VecDeque<(Key, Waiting)>,
}

/// What the serial nodes have to do next.
pub(crate) enum Due {
    /// Take this part, of this seat.
    Part(Part, Seat),
    /// Finish.
    Finish,
}

pub(crate) struct Ledger {
    order: Order,
    /// Its row has segments.
    has_states: bool,
    /// Batches that no worker has claimed. The first one has the ticket `claimed`. Always empty in the first stretch, where a ticket is
    /// claimed with its pull.
    ready: VecDeque<Part>,
    claimed: u64,
    /// The lowest ticket that is not delivered.
    head: u64,
    /// `waiting[i]` is of ticket `head + i`. All in the first one, if order does not matter.
    waiting: VecDeque<Slot>,
    /// Batches and pieces that are ready, being worked on, or waiting; in the first stretch also those that were admitted and not pulled yet.
    in_flight: usize,
    /// Without an order: whose outputs are kept back beyond the limit, until it is complete.
    keeper: Option<Seat>,
    /// No batch will come any more.
    ended: bool,
    /// Workers that may have a state here, in the order of their index.
    members: Vec<Member>,
    /// The first rank that is not delivered.
    finish_head: usize,
    /// The serial nodes were finished, or are not to be: those of the last stretch are, when all workers have left.
    finished: bool,
}

struct Member {
    worker: usize,
    /// It was told to finish.
    begun: bool,
    waiting: Waiting,
}

impl Ledger {
    pub(crate) fn new(stretch: &Stretch<'_>) -> Self {
        Ledger {
            order: stretch.order,
            has_states: !stretch.row.is_empty(),
            ready: VecDeque::new(),
            claimed: 0,
            head: 0,
            waiting: VecDeque::new(),
            in_flight: 0,
            keeper: None,
            ended: false,
            members: Vec::new(),
            finish_head: 0,
            finished: false,
        }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// Says that the serial nodes need no finishing any more.
    pub(crate) fn set_finished(&mut self) {
        self.finished = true;
    }

    /// All batches have come and passed the gate. Then nothing can fail any more for which `finish` must not be called.
    pub(crate) fn is_delivered(&self) -> bool {
        self.ended && self.in_flight == 0
    }

    /// Counts a batch that is about to be pulled.
    pub(crate) fn admit(&mut self) {
        self.in_flight += 1;
    }

    /// There was none.
    pub(crate) fn withdraw(&mut self) {
        self.in_flight -= 1;
    }

    /// The place that the next batch put here would get.
    pub(crate) fn next_key(&self) -> Key {
        Key::of(self.claimed + self.ready.len() as u64)
    }

    /// A batch for any worker.
    pub(crate) fn make_ready(&mut self, part: Part) {
        self.ready.push_back(part);
        self.in_flight += 1;
    }

    /// The lowest ticket that nobody works on.
    pub(crate) fn claim(&mut self) -> Option<(Span, Part)> {
        let part = self.ready.pop_front()?;
        self.claimed += 1;
        Some((Span::of(self.claimed - 1), part))
    }

    /// A piece was cut off a batch that is being worked on.
    pub(crate) fn cut(&mut self, key: Key) {
        self.in_flight += 1;
        if self.order == Order::Preserve {
            let cut = &mut self.slot(key).cut;
            let at = cut.partition_point(|(before, _)| *before < key);
            cut.insert(at, (key, Waiting::default()));
        }
    }

    /// Notes that a worker may make a state here.
    pub(crate) fn join(&mut self, worker: usize) {
        if self.has_states
            && let Err(at) = self.members.binary_search_by_key(&worker, |member| member.worker)
        {
            self.members.insert(at, Member { worker, begun: false, waiting: Waiting::default() });
        }
    }

    /// The rank of a worker that is to finish now. Each is told once.
    pub(crate) fn begin_finish(&mut self, worker: usize) -> Option<usize> {
        if !self.is_delivered() {
            return None;
        }
        let rank = self.members.binary_search_by_key(&worker, |member| member.worker).ok()?;
        let member = &mut self.members[rank];
        (!std::mem::replace(&mut member.begun, true)).then_some(rank)
    }

    /// A part of a seat that is not closed.
    pub(crate) fn put(&mut self, seat: Seat, part: Part) {
        self.waiting(seat).parts.push_back(part);
    }

    /// All parts of a seat were put, or are not wanted.
    pub(crate) fn complete(&mut self, seat: Seat, bar: &Bar) {
        self.keeper.take_if(|keeper| *keeper == seat);
        match seat {
            Seat::Ticket(_) if bar.is_closed(seat) || self.order == Order::Any => self.in_flight -= 1,
            Seat::Ticket(_) | Seat::Finish(_) => self.waiting(seat).complete = true,
        }
    }

    /// Whether outputs of this seat may be kept back though there is no room: of one seat at a time they may. With an order that is the head;
    /// without, the first one that asks. It needs nobody for that, so it comes to its end.
    pub(crate) fn may_keep_back(&mut self, seat: Seat) -> bool {
        let is_next = self.order == Order::Preserve || *self.keeper.get_or_insert(seat) == seat;
        is_next && self.is_taken(seat)
    }

    /// Whether all parts of this seat were taken, because it is its turn.
    pub(crate) fn is_taken(&self, seat: Seat) -> bool {
        let (at_head, waiting) = match seat {
            Seat::Ticket(key) => (
                self.order == Order::Any || key == self.head_key(),
                self.waiting.front().map(|slot| &slot.first),
            ),
            Seat::Finish(rank) => (rank == self.finish_head, self.members.get(rank).map(|m| &m.waiting)),
        };
        at_head && waiting.is_none_or(|waiting| waiting.parts.is_empty())
    }

    /// Whether nothing but the serial nodes is left to be finished, or to be told what the workers finished with.
    pub(crate) fn is_to_be_finished(&self) -> bool {
        !self.finished && self.is_delivered() && self.members.iter().all(|member| member.waiting.complete)
    }

    /// What the serial nodes have to do next. Moves on over seats that are complete and empty.
    pub(crate) fn due(&mut self, bar: &Bar) -> Option<Due> {
        while !bar.is_closed(Seat::Ticket(self.head_key()))
            && let Some(front) = self.waiting.front_mut()
        {
            if let Some(part) = front.first.parts.pop_front() {
                return Some(Due::Part(part, Seat::Ticket(front.key)));
            }
            if !front.first.complete {
                break;
            }
            match front.cut.pop_front() {
                Some((key, waiting)) => (front.key, front.first) = (key, waiting),
                None => {
                    self.waiting.pop_front();
                    self.head += 1;
                }
            }
            self.in_flight -= 1;
        }
        if !self.is_delivered() {
            return None;
        }
        while let Some(member) = self.members.get_mut(self.finish_head) {
            let seat = Seat::Finish(self.finish_head);
            if bar.is_closed(seat) {
                return None;
            }
            if let Some(part) = member.waiting.parts.pop_front() {
                return Some(Due::Part(part, seat));
            }
            if !member.waiting.complete {
                return None;
            }
            self.finish_head += 1;
        }
        if self.finished || bar.is_closed(Seat::GATE) {
            return None;
        }
        self.finished = true;
        Some(Due::Finish)
    }

    /// Drops the tickets from `from` on, into `rubbish`: what a batch holds may not be dropped under a lock.
    pub(crate) fn close_tickets(&mut self, from: Key, rubbish: &mut Vec<Part>) {
        let before =
            |first: u64| usize::try_from(from.tickets_before().saturating_sub(first)).unwrap_or(usize::MAX);
        let keep = before(self.claimed).min(self.ready.len());
        let gone = self.ready.split_off(keep);
        self.in_flight -= gone.len();
        rubbish.extend(gone);
        // Without an order parts do not say whose they are: they are delivered unless nothing is.
        let keep = match self.order {
            Order::Preserve => before(self.head),
            Order::Any => usize::from(from > Key::FIRST),
        };
        let keep = keep.min(self.waiting.len());
        let closed = self.waiting.drain(keep..).flat_map(Slot::into_pieces);
        let mut closed: Vec<Waiting> = closed.collect();
        if self.order == Order::Preserve
            && let Some(last) = self.waiting.back_mut()
        {
            let keep = last.cut.partition_point(|(key, _)| *key < from);
            closed.extend(last.cut.drain(keep..).map(|(_, waiting)| waiting));
        }
        for waiting in closed {
            self.in_flight -= usize::from(waiting.complete);
            rubbish.extend(waiting.parts);
        }
    }

    /// What is left when the run is over.
    pub(crate) fn clear(&mut self, rubbish: &mut Vec<Part>) {
        rubbish.extend(self.ready.drain(..));
        let finishing = self.members.drain(..).map(|member| member.waiting);
        let pieces = self.waiting.drain(..).flat_map(Slot::into_pieces);
        rubbish.extend(pieces.chain(finishing).flat_map(|waiting| waiting.parts));
    }

    fn waiting(&mut self, seat: Seat) -> &mut Waiting {
        match seat {
            Seat::Finish(rank) => &mut self.members[rank].waiting,
            Seat::Ticket(_) if self.order == Order::Any => &mut self.slot(Key::of(self.head)).first,
            Seat::Ticket(key) => {
                let slot = self.slot(key);
                if slot.key == key {
                    return &mut slot.first;
                }
                let at = slot.cut.binary_search_by_key(&key, |(key, _)| *key);
                &mut slot.cut[at.expect("it was cut off before it was worked on")].1
            }
        }
    }

    /// That of a ticket which is not delivered.
    fn slot(&mut self, key: Key) -> &mut Slot {
        let index = usize::try_from(key.ticket() - self.head).expect("the window is far smaller");
        while self.waiting.len() <= index {
            let key = Key::of(self.head + self.waiting.len() as u64);
            self.waiting.push_back(Slot { key, first: Waiting::default(), cut: VecDeque::new() });
        }
        &mut self.waiting[index]
    }

    /// The lowest piece that is not delivered.
    fn head_key(&self) -> Key {
        self.waiting.front().map_or(Key::of(self.head), |slot| slot.key)
    }
}

impl Slot {
    fn into_pieces(self) -> impl Iterator<Item = Waiting> {
        std::iter::once(self.first).chain(self.cut.into_iter().map(|(_, waiting)| waiting))
    }
}
