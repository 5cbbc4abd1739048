//! The scheduler in simulated time: what its policies come to on more processors than this machine has.
//!
//! How large batches are (`Pace`), how many may be under way (`Bounds`), when who has no job asks for a part (`Hunger`) and who then gives
//! one (`LONG`, halves of what is left) are the real objects and constants. Around them is a simulation by events: workers that pull, work, steal,
//! wait and drain, and a few costs that were measured on two cores. It knows no caches and no memory, and handing something over costs the
//! same however many there are. So it says what the policies lose, and is no promise of what a machine will do.
//!
//! It is here, behind the feature `simulation`, for the benchmark report and the tests; users have no need of it.

mod workloads;

pub use workloads::{Named, workloads};

use crate::crew::SPAN;
use crate::hunger::Hunger;
use crate::pieces::LONG;
use crate::tuning::Bounds;
use pipe_core::{Pace, Want};
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};
use std::time::Duration;

/// What the workers are to do: a stage over items, in front of a sink that takes them in order. In nanoseconds.
#[derive(Debug, Clone)]
pub struct Work {
    /// Of each item, in the stage.
    pub items: Vec<u64>,
    /// Of an item in the source, where one worker at a time may be.
    pub source: u64,
    /// Of an item in the sink, the same.
    pub sink: u64,
}

/// Handing the lock of the source over: 142 ns were measured with 100 ns of work under it.
const LOCK: u64 = 150;
/// From the pull to the first item: entering the batch, and the first look at the clock.
const BEGIN: u64 = 60;
/// Taking a piece from another worker's deque, whose items are in the other one's cache.
const STEAL: u64 = 500;
/// From the wake of a thread until it runs: 2.9 us in the median.
const WAKE: u64 = 2_900;

/// How many times faster this many workers are than one thread in a plain loop.
///
/// Takes time in proportion to the batches, some microseconds each.
pub fn speed_up(work: &Work, workers: usize) -> f64 {
    let end = Simulation::new(work, workers.max(1)).run();
    let serial = work.items.len() as u64 * (work.source + work.sink);
    (work.items.iter().sum::<u64>() + serial) as f64 / end.max(1) as f64
}

/// Items of a batch that somebody is to work on.
#[derive(Debug, Clone, Copy)]
struct Span {
    ticket: usize,
    from: usize,
    to: usize,
}

/// What a worker does.
enum State {
    /// Has no job since then.
    Idle {
        since: u64,
        hunger: Hunger,
    },
    /// Is woken, or comes back from something.
    Coming,
    Carrying {
        span: Span,
        start: u64,
        is_piece: bool,
    },
    Draining,
}

struct Worker {
    state: State,
    /// The lowest piece is the last one.
    pieces: VecDeque<Span>,
    pace: Pace,
    /// When it began to look for its present job.
    began: u64,
    /// Of its state. An event of an older one says nothing any more.
    version: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Happens {
    /// Looks for a job.
    Looks,
    /// Is through with what it carries.
    Carried,
    /// Is between two items, and may give some away.
    Pauses,
    /// Has put a batch into the sink.
    Drained,
    /// Has been hungry for long enough.
    Asks,
}

/// A batch.
struct Ticket {
    items: usize,
    /// Pieces of it that are not done.
    open: usize,
}

struct Simulation<'w> {
    work: &'w Work,
    /// Of the items before each.
    sums: Vec<u64>,
    window: usize,
    workers: Vec<Worker>,
    /// Who has waited longest comes first.
    idle: VecDeque<usize>,
    offered: usize,
    tickets: Vec<Ticket>,
    pulled: usize,
    source_free: u64,
    /// The first batch that is not in the sink.
    head: usize,
    done: BTreeSet<usize>,
    is_drained: bool,
    events: BinaryHeap<Reverse<(u64, u64, usize, u64, Happens)>>,
    happened: u64,
}

impl<'w> Simulation<'w> {
    fn new(work: &'w Work, workers: usize) -> Self {
        let sums = std::iter::once(0).chain(work.items.iter().scan(0, |sum, item| {
            *sum += item;
            Some(*sum)
        }));
        let worker = |_| Worker {
            state: State::Coming,
            pieces: VecDeque::new(),
            pace: Pace::new(SPAN, Want::MOST.items),
            began: 0,
            version: 0,
        };
        Simulation {
            work,
            sums: sums.collect(),
            window: Bounds::new(workers, Want::MOST.items).window,
            workers: (0..workers).map(worker).collect(),
            idle: VecDeque::new(),
            offered: 0,
            tickets: Vec::new(),
            pulled: 0,
            source_free: 0,
            head: 0,
            done: BTreeSet::new(),
            is_drained: false,
            events: BinaryHeap::new(),
            happened: 0,
        }
    }

    /// Until all is in the sink: when that is.
    fn run(mut self) -> u64 {
        (0..self.workers.len()).for_each(|worker| self.expect(0, worker, Happens::Looks));
        let mut end = 0;
        while let Some(Reverse((now, _, worker, version, happens))) = self.events.pop() {
            if version != self.workers[worker].version {
                continue;
            }
            match happens {
                Happens::Looks => self.look(now, worker),
                Happens::Carried => self.carried(now, worker),
                Happens::Pauses => self.share(now, worker),
                Happens::Asks => self.ask(now, worker),
                Happens::Drained => {
                    end = now;
                    self.is_drained = false;
                    self.head += 1;
                    self.wake(now);
                    self.drain(now, worker);
                }
            }
        }
        assert_eq!((self.head, self.pulled), (self.tickets.len(), self.work.items.len()), "work was left");
        end
    }

    fn expect(&mut self, at: u64, worker: usize, happens: Happens) {
        self.happened += 1;
        self.events.push(Reverse((at, self.happened, worker, self.workers[worker].version, happens)));
    }

    fn enter(&mut self, worker: usize, state: State) {
        self.workers[worker].version += 1;
        self.workers[worker].state = state;
    }

    /// As `Gates::next_job`: its own pieces, those of others, the source, nothing.
    fn look(&mut self, now: u64, worker: usize) {
        if let Some(span) = self.workers[worker].pieces.pop_back() {
            self.offered -= 1;
            return self.carry(now, now, worker, span, true);
        }
        let robbed = (0..self.workers.len()).find(|other| !self.workers[*other].pieces.is_empty());
        if let Some(span) = robbed.and_then(|other| self.workers[other].pieces.pop_front()) {
            self.offered -= 1;
            self.wake(now);
            return self.carry(now, now + STEAL, worker, span, true);
        }
        if self.pulled < self.work.items.len() && self.tickets.len() - self.head < self.window {
            return self.pull(now, worker);
        }
        let hunger = Hunger::new();
        let patience = hunger.patience(Duration::ZERO);
        self.enter(worker, State::Idle { since: now, hunger });
        self.idle.push_back(worker);
        self.expect(now + nanoseconds(patience), worker, Happens::Asks);
    }

    fn pull(&mut self, now: u64, worker: usize) {
        let (from, ticket) = (self.pulled, self.tickets.len());
        let to = self.work.items.len().min(from + self.workers[worker].pace.items());
        self.pulled = to;
        self.tickets.push(Ticket { items: to - from, open: 1 });
        let start = now.max(self.source_free);
        self.source_free = start + LOCK + (to - from) as u64 * self.work.source;
        self.workers[worker].began = now;
        let begin = self.source_free + BEGIN;
        self.wake(now);
        self.carry(now, begin, worker, Span { ticket, from, to }, false);
    }

    fn carry(&mut self, now: u64, start: u64, worker: usize, span: Span, is_piece: bool) {
        self.enter(worker, State::Carrying { span, start, is_piece });
        self.expect(start + self.cost(span), worker, Happens::Carried);
        // A piece is shared before it is begun, if it is still wanted; a batch when it has turned out heavy.
        match is_piece {
            true => self.share(start.max(now), worker),
            false => self.expect(start + nanoseconds(LONG), worker, Happens::Pauses),
        }
    }

    fn cost(&self, span: Span) -> u64 {
        self.sums[span.to] - self.sums[span.from]
    }

    /// As `Ahead::share`: between two items, the back half of what is left.
    fn share(&mut self, now: u64, worker: usize) {
        let State::Carrying { span, start, is_piece } = self.workers[worker].state else { return };
        let is_heavy = is_piece || now >= start + nanoseconds(LONG);
        if !is_heavy {
            return;
        }
        // Slices of a batch that is longer than it was meant to be.
        self.expect(now + nanoseconds(LONG), worker, Happens::Pauses);
        let next = self.next_item(span, start, now);
        let left = span.to - next;
        if left < 2 || self.idle.len() <= self.offered {
            return;
        }
        let middle = next + left.div_ceil(2);
        let (kept, given) = (Span { to: middle, ..span }, Span { from: middle, ..span });
        self.tickets[span.ticket].open += 1;
        self.workers[worker].pieces.push_back(given);
        self.offered += 1;
        self.enter(worker, State::Carrying { span: kept, start, is_piece });
        self.expect(start + self.cost(kept), worker, Happens::Carried);
        self.expect(now + nanoseconds(LONG), worker, Happens::Pauses);
        self.wake(now);
    }

    /// The item behind the one that is worked on at `now`.
    fn next_item(&self, span: Span, start: u64, now: u64) -> usize {
        let spent = self.sums[span.from] + now.saturating_sub(start);
        let next = self.sums[span.from..=span.to].partition_point(|sum| *sum < spent);
        (span.from + next).min(span.to)
    }

    fn carried(&mut self, now: u64, worker: usize) {
        let State::Carrying { span, is_piece, .. } = self.workers[worker].state else { return };
        let began = self.workers[worker].began;
        if !is_piece {
            self.workers[worker].pace.learn(span.to - span.from, Duration::from_nanos(now - began));
        }
        let ticket = &mut self.tickets[span.ticket];
        ticket.open -= 1;
        if ticket.open == 0 {
            self.done.insert(span.ticket);
        }
        self.drain(now, worker);
    }

    /// As `Gates::drain`: whoever finds the head complete and the gate free takes what is due into the sink.
    fn drain(&mut self, now: u64, worker: usize) {
        if !self.is_drained && self.done.remove(&self.head) {
            self.is_drained = true;
            self.enter(worker, State::Draining);
            let took = self.tickets[self.head].items as u64 * self.work.sink;
            return self.expect(now + took, worker, Happens::Drained);
        }
        self.enter(worker, State::Coming);
        self.expect(now, worker, Happens::Looks);
    }

    /// Whoever has no job for long lets all loops pause, each after its present item.
    fn ask(&mut self, now: u64, worker: usize) {
        let State::Idle { since, hunger } = &mut self.workers[worker].state else { return };
        let waited = Duration::from_nanos(now - *since);
        let asks = hunger.asks(waited);
        let patience = nanoseconds(hunger.patience(waited)).max(1);
        let carries = |worker: &Worker| matches!(worker.state, State::Carrying { .. });
        if !self.workers.iter().any(carries) {
            // Nothing is to be had: it sleeps until it is woken.
            return;
        }
        self.expect(now + patience, worker, Happens::Asks);
        for other in 0..self.workers.len() {
            let State::Carrying { span, start, .. } = self.workers[other].state else { continue };
            if asks && now >= start {
                let next = self.next_item(span, start, now);
                let pause = start + self.sums[next] - self.sums[span.from];
                self.expect(pause.max(now), other, Happens::Pauses);
            }
        }
    }

    /// One of those who have no job. If it finds one, it wakes the next.
    fn wake(&mut self, now: u64) {
        let is_work = self.offered > 0
            || (self.pulled < self.work.items.len() && self.tickets.len() - self.head < self.window);
        if is_work && let Some(worker) = self.idle.pop_front() {
            self.enter(worker, State::Coming);
            self.expect(now + WAKE, worker, Happens::Looks);
        }
    }
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
