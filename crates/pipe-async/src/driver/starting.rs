//! How operations start: which item is next, and whether it may.

use super::{Driver, Progress, settle};
use crate::flight::{Candidate, Flight};
use crate::keys::Keys;
use crate::rate::Waited;
use crate::runtime::Timer;
use crate::slab::{Started, Thrown};
use pipe_core::{AsyncStep, Batch, Items};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How many items may be let in now, and how many were.
struct Fresh {
    left: usize,
    taken: usize,
}

impl<S: AsyncStep, C: Timer> Driver<S, C> {
    /// Starts what may start, `most` operations. It moved if it started or let in anything.
    pub(super) fn start(&mut self, most: usize) -> Progress {
        let mut fresh = self.fresh(most);
        let started =
            if self.is_plain() { self.start_all(&mut fresh) } else { self.start_some(most, &mut fresh) };
        self.time();
        if self.input.items.is_empty() {
            // A batch that was taken from still weighs what its items owned. Kept, it would hold the budget while nothing is under way.
            self.input.items = Items::new(0, Vec::new());
        }
        if self.others.is_none() {
            self.run.count_taken(self.bounds.segment, fresh.taken);
        }
        Progress { moved: started + fresh.taken > 0, operations: started }
    }

    /// How many items may be let in now. Those that are due are in memory already, and others may wait behind them: they are not held up.
    fn fresh(&self, most: usize) -> Fresh {
        if self.others.is_some() {
            // Whoever dealt them to this shard has seen to that.
            return Fresh { left: most, taken: 0 };
        }
        let wanted = if self.window_has_room() { self.input.items.len() } else { 0 };
        // The items themselves are there already.
        let flight = if self.flights.are_marks() { 0 } else { self.flight_bytes() };
        let copy = if self.again.is_some() { self.input.mean_bytes } else { 0 };
        let each = size_of::<S::Future>() + self.exit.output.mean_bytes() + flight + copy;
        Fresh { left: self.exit.fresh(each, wanted, &self.run).min(most), taken: 0 }
    }

    fn window_has_room(&self) -> bool {
        self.exit.window.len() < self.bounds.window
    }

    /// Whether the next item is always that of the input, and may start if there is room.
    fn is_plain(&self) -> bool {
        self.keys.is_none() && self.throttle.is_none() && self.again.is_none() && self.due.is_empty()
    }

    /// As `start_some` where it is plain.
    fn start_all(&mut self, fresh: &mut Fresh) -> usize {
        let is_timed = self.is_timed();
        loop {
            // As many as surely may: those that are over at once make room for others.
            let places = self.bounds.window.saturating_sub(self.exit.window.len());
            let may = places.min(self.room()).min(fresh.left - fresh.taken);
            let (step, calls, exit, begun) = (&self.step, &mut self.calls, &mut self.exit, &mut self.begun);
            let items = &mut self.input.items;
            let before = items.len();
            // As long as each is over at once, outputs are what items are: one behind the other. Nobody asks where any of them was.
            let mut in_step = items.consecutive_from().is_some_and(|at| exit.is_next(at));
            for _ in 0..may {
                let Some(item) = items.next() else { break };
                match calls.start(|| step.call(item), || exit.window.enter(Batch::position(items))) {
                    Started::Pending(place) => {
                        in_step = false;
                        if is_timed {
                            begun.push(place);
                        }
                    }
                    Started::Over(ended) => match ended.and_then(settle::<S>) {
                        Ok(Ok(item)) if in_step => exit.output.append(item),
                        landing => {
                            in_step = false;
                            exit.over_at_once(Batch::position(items), landing);
                        }
                    },
                }
            }
            let taken = before - items.len();
            fresh.taken += taken;
            if taken == 0 {
                return fresh.taken;
            }
        }
    }

    /// Starts operations as keys, rate and attempts permit, `most` of them. Returns how many.
    fn start_some(&mut self, most: usize, fresh: &mut Fresh) -> usize {
        let mut started = 0;
        self.throttled_until = None;
        while started < most && self.room() > 0 {
            let Some((flight, item)) = self.candidate(fresh) else {
                self.waited = Waited::No;
                break;
            };
            let now = self.alarms.now();
            if let Some(Err(at)) = self.throttle.as_mut().map(|throttle| throttle.admit(now, self.waited)) {
                self.throttled_until = Some(at);
                (self.throttled, self.waited) = (Some((flight, item)), Waited::Yes);
                break;
            }
            started += 1;
            self.call(flight, item);
        }
        started
    }

    fn call(&mut self, flight: Flight<S::In>, item: S::In) {
        let step = &self.step;
        match self.calls.start(|| step.call(item), || flight.mark) {
            Started::Over(ended) => {
                if let Some(keys) = &mut self.keys {
                    keys.leave(flight.key);
                }
                self.kept.end(&flight);
                self.exit.flight_over(flight, ended.and_then(settle::<S>));
            }
            Started::Pending(place) => {
                self.flights.put(place, flight);
                if self.is_timed() {
                    self.begun.push(place);
                }
            }
        }
    }

    /// The time of operations that were started begins now, behind all the calls of the user's function.
    fn time(&mut self) {
        if self.begun.is_empty() {
            return;
        }
        self.alarms.look();
        let (now, in_flight) = (self.alarms.now(), self.calls.len());
        let at = self.bounds.timeout.map(|timeout| now.saturating_add(timeout));
        for place in self.begun.drain(..) {
            if let Some(at) = at {
                self.deadlines.push(place, at);
            }
            if let Some(adaptive) = &mut self.adaptive {
                adaptive.began(place, now, in_flight);
            }
        }
    }

    /// How many more may be in flight.
    fn room(&self) -> usize {
        let room = self.calls.room();
        self.adaptive.as_ref().map_or(room, |limit| room.min(limit.limit().saturating_sub(self.calls.len())))
    }

    /// Whether somebody wants to know when an operation began.
    pub(super) fn is_timed(&self) -> bool {
        self.bounds.timeout.is_some() || self.adaptive.is_some()
    }

    /// The next item to start, its key taken. Those whose key is not free are put aside.
    fn candidate(&mut self, fresh: &mut Fresh) -> Option<Candidate<S::In>> {
        if let Some(throttled) = self.throttled.take() {
            return Some(throttled);
        }
        loop {
            if let Some(ready) = self.keys.as_mut().and_then(Keys::next_ready) {
                return Some(ready);
            }
            let next = self.next_due().or_else(|| self.next_fresh(fresh))?;
            let Some(keys) = &mut self.keys else { return Some(next) };
            if let Some(ready) = keys.enter(next.0.key, next) {
                return Some(ready);
            }
        }
    }

    fn next_due(&mut self) -> Option<Candidate<S::In>> {
        loop {
            let mut flight = self.due.pop_front()?;
            let mut items = flight.copy.take()?;
            self.kept.end_wait(&flight);
            match self.copy(&items) {
                Ok(copy) => {
                    flight.copy = copy;
                    let (_, item) = items.next_at()?;
                    self.kept.begin(&flight);
                    return Some((flight, item));
                }
                Err(thrown) => self.exit.flight_over(flight, Err(thrown)),
            }
        }
    }

    fn next_fresh(&mut self, fresh: &mut Fresh) -> Option<Candidate<S::In>> {
        loop {
            if fresh.taken == fresh.left || !self.window_has_room() {
                return None;
            }
            let copy = self.copy(&self.input.items);
            let (at, item) = self.input.items.next_at()?;
            fresh.taken += 1;
            let mut flight = Flight::new(self.exit.window.enter(at));
            match copy.and_then(|copy| Ok((copy, self.key(&item)?))) {
                Ok((copy, key)) => {
                    (flight.copy, flight.key) = (copy, key);
                    if !self.flights.are_marks() {
                        flight.weight = u32::try_from(self.input.mean_bytes).unwrap_or(u32::MAX);
                        self.kept.begin(&flight);
                    }
                    return Some((flight, item));
                }
                Err(thrown) => self.exit.flight_over(flight, Err(thrown)),
            }
        }
    }

    /// The key of an item, where there is a limit for each.
    fn key(&self, item: &S::In) -> Thrown<u64> {
        if self.keys.is_none() {
            return Ok(0);
        }
        let limit = self.run.operations(self.bounds.segment).key_limit();
        catch_unwind(AssertUnwindSafe(|| limit.map_or(0, |limit| limit.key(item))))
    }

    /// A copy of the next item, where a failed one is tried again. To clone an item is its own code.
    fn copy(&self, items: &Items<S::In>) -> Thrown<Option<Box<Items<S::In>>>> {
        let Some(again) = self.again else { return Ok(None) };
        catch_unwind(AssertUnwindSafe(|| again(items).map(Box::new)))
    }
}
