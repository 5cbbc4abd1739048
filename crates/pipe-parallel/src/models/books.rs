//! Models of the books: pieces that are cut off and stolen, the source and who waits for it, the end of a run that has failed.
//!
//! The ledger, its places and the bell are the real ones. Around them is what `crew`, `job` and `drain` do with them, without the work.

use super::check;
use crate::bell::Bell;
use crate::ledger::{Due, Ledger, Part};
use crate::seat::{Bar, Seat, Span};
use crate::stretch::Stretch;
use crate::sync::{Mutex, MutexGuard};
use loom::sync::Arc;
use loom::thread;
use pipe_core::{Budget, Items, Order};
use std::collections::VecDeque;

/// One stretch, and the gate behind it.
struct Floor {
    books: Mutex<Books>,
    intake: Mutex<Intake>,
    bell: Bell,
    bar: Bar,
    budget: Budget,
}

struct Books {
    ledger: Ledger,
    /// The owner's end is the back.
    pieces: VecDeque<(Span, Vec<u64>)>,
    /// Nobody drains.
    gate: bool,
    out: Vec<u64>,
    seated: usize,
    idle: usize,
    failed: bool,
    over: bool,
}

/// What a worker of a model keeps back at once, in bytes.
const BUFFER: usize = 8;

struct Intake {
    left: u64,
    next_ticket: u64,
}

impl Floor {
    fn new(batches: u64) -> Arc<Self> {
        Self::within(1 << 20, Order::Preserve, batches)
    }

    fn within(limit: usize, order: Order, batches: u64) -> Arc<Self> {
        let mut ledger = Ledger::new(&Stretch { row: Vec::new(), order, gate: Vec::new(), serial: 0..0 });
        ledger.set_finished();
        let (pieces, out) = (VecDeque::new(), Vec::new());
        let books = Books { ledger, pieces, gate: true, out, seated: 2, idle: 0, failed: false, over: false };
        Arc::new(Floor {
            books: Mutex::new(books),
            intake: Mutex::new(Intake { left: batches, next_ticket: 0 }),
            bell: Bell::new(),
            bar: Bar::new(),
            budget: Budget::new(limit),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }

    /// As `Gates::complete` and `Gates::drain`.
    fn complete(&self, span: Span, items: Vec<u64>) {
        let part = Part { batch: Box::new(Items::new(0, items)), permit: self.budget.overdraw(8) };
        let mut books = self.lock();
        books.ledger.put(Seat::Ticket(span.key), part);
        books.ledger.complete(Seat::Ticket(span.key), &self.bar);
        while books.gate {
            let Some(due) = books.ledger.due(&self.bar) else { break };
            let Due::Part(Part { mut batch, .. }, _) = due else { unreachable!("its end is not asked for") };
            books.gate = false;
            drop(books);
            let mut passed = Vec::new();
            let items: &mut Items<u64> = batch.as_any().downcast_mut().expect("it was made above");
            while let Some(item) = items.next() {
                passed.push(item);
            }
            books = self.lock();
            books.out.extend(passed);
            books.gate = true;
        }
        if books.ledger.has_ended() { self.bell.ring_for_all() } else { self.bell.ring(1) }
    }

    /// As `Ahead::share`: gives away the back half of what is left.
    fn cut(&self, span: Span, items: &mut Vec<u64>) -> Span {
        let (front, back) = span.halves().expect("it can be cut");
        let half = items.split_off(items.len().div_ceil(2));
        let mut books = self.lock();
        books.ledger.cut(back.key);
        books.pieces.push_back((back, half));
        self.bell.ring(1);
        front
    }

    /// Steals pieces until all has been delivered.
    fn steal(&self) {
        loop {
            let mut books = self.lock();
            if let Some((span, items)) = books.pieces.pop_front() {
                drop(books);
                self.complete(span, items);
                continue;
            }
            if books.ledger.is_delivered() {
                return;
            }
            let listening = self.bell.listen();
            drop(books);
            listening.sleep(None);
        }
    }

    /// As `Crew::work_on` with `Crew::pull`, where at most `window` batches may be in flight.
    fn pull(&self, window: usize) {
        loop {
            let mut books = self.lock();
            if books.ledger.is_delivered() {
                return;
            }
            if books.ledger.has_ended() || books.ledger.in_flight() >= window {
                let listening = self.bell.listen();
                drop(books);
                listening.sleep(None);
                continue;
            }
            books.ledger.admit();
            drop(books);
            let mut intake = self.intake.lock().unwrap();
            if intake.left == 0 {
                drop(intake);
                let mut books = self.lock();
                books.ledger.end();
                books.ledger.withdraw();
                self.bell.ring_for_all();
                continue;
            }
            intake.left -= 1;
            let ticket = intake.next_ticket;
            intake.next_ticket += 1;
            drop(intake);
            self.complete(Span::of(ticket), vec![ticket]);
        }
    }

    /// As `Staged` in front of a gate, with `Gates::make_room`: keeps this many buffers back, then hands on what they became. With the most
    /// bytes that were kept back meanwhile, by all.
    fn keep_back(&self, ticket: u64, buffers: usize) -> usize {
        let (span, mut kept, mut most) = (Span::of(ticket), self.budget.overdraw(0), 0);
        for buffer in 1..=buffers {
            kept.resize(buffer * BUFFER);
            most = most.max(self.budget.in_use());
            let mut books = self.lock();
            while self.budget.is_overdrawn() && !books.ledger.may_keep_back(Seat::Ticket(span.key)) {
                let listening = self.bell.listen();
                drop(books);
                listening.sleep(None);
                books = self.lock();
            }
        }
        drop(kept);
        self.complete(span, vec![ticket]);
        most
    }

    /// As `Gates::next_job` and `Gates::idle` of a run in which nothing is left to do.
    fn leave(&self) {
        let mut books = self.lock();
        while !books.over {
            books.idle += 1;
            if books.failed && books.idle == books.seated {
                books.over = true;
                self.bell.ring_for_all();
            } else {
                let listening = self.bell.listen();
                drop(books);
                listening.sleep(None);
                books = self.lock();
            }
            books.idle -= 1;
        }
    }
}

#[test]
fn pieces_are_delivered_once_and_in_order_whoever_takes_them() {
    check(|| {
        let floor = Floor::new(0);
        let (mut items, mut span) = (vec![0, 1, 2], Span::of(0));
        {
            let mut books = floor.lock();
            books.ledger.admit();
            books.ledger.end();
        }
        let thief = floor.clone();
        let thief = thread::spawn(move || thief.steal());
        span = floor.cut(span, &mut items);
        span = floor.cut(span, &mut items);
        floor.complete(span, items);
        // What nobody has stolen, the lowest first.
        loop {
            let Some((span, items)) = floor.lock().pieces.pop_back() else { break };
            floor.complete(span, items);
        }
        thief.join().unwrap();
        assert_eq!(floor.lock().out, [0, 1, 2]);
    });
}

#[test]
fn who_waits_for_the_source_or_for_the_window_comes_to_its_turn_or_hears_of_the_end() {
    for window in [1, 2] {
        check(move || {
            let floor = Floor::new(2);
            let other = floor.clone();
            let other = thread::spawn(move || other.pull(window));
            floor.pull(window);
            other.join().unwrap();
            assert_eq!(floor.lock().out, [0, 1]);
        });
    }
}

#[test]
fn when_a_run_has_failed_and_nobody_has_anything_left_all_leave() {
    check(|| {
        let floor = Floor::new(0);
        let other = floor.clone();
        let other = thread::spawn(move || other.leave());
        floor.lock().failed = true;
        floor.bell.ring_for_all();
        floor.leave();
        other.join().unwrap();
    });
}

#[test]
fn of_those_that_keep_outputs_back_one_goes_on_beyond_the_limit_and_each_comes_to_its_end() {
    for order in [Order::Preserve, Order::Any] {
        check(move || {
            let floor = Floor::within(BUFFER, order, 0);
            {
                let mut books = floor.lock();
                (0..2).for_each(|_| books.ledger.admit());
                books.ledger.end();
            }
            let other = floor.clone();
            let other = thread::spawn(move || other.keep_back(1, 3));
            let most = floor.keep_back(0, 3).max(other.join().unwrap());
            // What one goes on with, and of the other the limit and the buffer with which it found that overdrawn.
            assert!(most <= 5 * BUFFER, "{most} bytes");
            let mut out = floor.lock().out.clone();
            out.sort_unstable();
            assert_eq!(out, [0, 1]);
        });
    }
}
