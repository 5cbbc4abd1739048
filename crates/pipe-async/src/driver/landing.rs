//! How operations end: outputs go on their way, failures are tried again or follow their policy.

use super::{Driver, Progress};
use crate::alarms::Alarms;
use crate::flight::{Flight, Landing};
use crate::runtime::Timer;
use crate::sleep::Then;
use pipe_core::{AsyncStep, Retry, TookTooLong};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Waker};
use std::time::Duration;

/// Turning an output into an item is the step's own code as well.
pub(super) fn settle<S: AsyncStep>(output: <S::Future as Future>::Output) -> Landing<S::Out> {
    catch_unwind(AssertUnwindSafe(|| S::settle(output)))
}

impl<S: AsyncStep, C: Timer> Driver<S, C> {
    /// Polls what wants it, `most` operations. It moved if any of it was over, or more wants it.
    pub(super) fn poll(&mut self, most: usize) -> Progress {
        let before = self.calls.len();
        let (polled, more) =
            if self.marks_are_all() { self.poll_bare(most) } else { self.poll_flights(most) };
        // A place that became free lets another one start.
        let freed = self.calls.len() < before;
        Progress { moved: self.land() || more || freed, operations: polled }
    }

    /// Whether nothing is known of an operation but its mark.
    fn marks_are_all(&self) -> bool {
        self.flights.are_marks() && !self.is_timed()
    }

    /// As `poll_flights`, where marks are all.
    fn poll_bare(&mut self, most: usize) -> (usize, bool) {
        let exit = &mut self.exit;
        self.calls.poll(most, |_, mark, ended| exit.over(mark, ended.and_then(settle::<S>)))
    }

    fn poll_flights(&mut self, most: usize) -> (usize, bool) {
        let (exit, keys, deadlines) = (&mut self.exit, &mut self.keys, &mut self.deadlines);
        let is_timed = self.bounds.timeout.is_some();
        let (adaptive, flights, now) = (&mut self.adaptive, &mut self.flights, self.alarms.now());
        let kept = &mut self.kept;
        self.calls.poll(most, |place, mark, ended| {
            if is_timed {
                deadlines.remove(place);
            }
            if let Some(adaptive) = adaptive {
                adaptive.ended(place, now);
            }
            let flight = flights.take(place).unwrap_or_else(|| Flight::new(mark));
            kept.end(&flight);
            if let Some(keys) = keys {
                keys.leave(flight.key);
            }
            exit.flight_over(flight, ended.and_then(settle::<S>));
        })
    }

    /// What to do about the operations that gave no output. True if there were any.
    fn land(&mut self) -> bool {
        let (run, segment, stage) = (&self.run, self.bounds.segment, self.bounds.stage);
        let (waiting, alarms, kept) = (&mut self.waiting, &mut self.alarms, &mut self.kept);
        self.exit.land(run, segment, |flight| match run.retry(stage) {
            Some(retry) if flight.copy.is_some() && run.tries_again(stage, flight.attempt.get()) => {
                run.count_retried(stage);
                *waiting += 1;
                kept.begin_wait(&flight);
                wait(retry, flight, alarms);
                Ok(())
            }
            _ => Err(flight),
        })
    }

    /// Does what is due; ends `most` operations that take too long. It moved if there was anything.
    pub(super) fn ring(&mut self, most: usize, task: &Waker) -> Progress {
        let (turned, next) = self.turn(most);
        let throttled = self.throttled_until.into_iter();
        self.alarms.look_at(throttled.chain(self.deadlines.first()).chain(next).min());
        let (waiting, due) = (&mut self.waiting, &mut self.due);
        let before = due.len();
        let looked = self.alarms.poll(&mut Context::from_waker(task), |flight| {
            *waiting -= 1;
            due.push_back(flight);
        });
        // If more are late than that, the next look finds their time come as well.
        let ended = if looked { self.end_late(most) } else { 0 };
        Progress { moved: looked || turned || self.due.len() > before, operations: ended }
    }

    /// Wakes the operations whose sleep is over, `most` of them. True if there were any; and when the next is.
    fn turn(&mut self, most: usize) -> (bool, Option<Duration>) {
        let alarms = &mut self.alarms;
        let turned = self.sleeps.turn(most, || {
            alarms.look();
            alarms.now()
        });
        let next = match turned.then {
            Then::At(at) => Some(at),
            // It moved, so there is another turn.
            Then::AtOnce | Then::Never => None,
        };
        (turned.fired > 0, next)
    }

    /// Ends the operations that take too long, `most` of them. Returns how many.
    fn end_late(&mut self, most: usize) -> usize {
        let (timeout, mut late) = (self.bounds.timeout.unwrap_or_default(), 0);
        while late < most
            && let Some(place) = self.deadlines.pop_due(self.alarms.now())
        {
            late += 1;
            // It may be over, and this task have been late: so it is asked once more.
            let (mark, landing) = if let Some((mark, ended)) = self.calls.poll_one(place) {
                (mark, ended.and_then(settle::<S>))
            } else if let Some((mark, dropped)) = self.calls.remove(place) {
                (mark, dropped.map(|()| Err(TookTooLong::new(timeout).into())))
            } else {
                continue;
            };
            let flight = self.flights.take(place).unwrap_or_else(|| Flight::new(mark));
            self.kept.end(&flight);
            if let Some(keys) = &mut self.keys {
                keys.leave(flight.key);
            }
            if let Some(adaptive) = &mut self.adaptive {
                adaptive.ended(place, self.alarms.now());
            }
            self.exit.flight_over(flight, landing);
        }
        self.land();
        late
    }

    /// Lets out of the window what may leave it. True if there was anything.
    pub(super) fn release(&mut self) -> bool {
        if let Some(others) = &mut self.others {
            let before = others.len();
            others.extend(std::iter::from_fn(|| self.exit.window.leave()));
            return others.len() > before;
        }
        self.exit.release(&self.run, self.bounds.segment).unwrap_or_else(|error| {
            self.fail(error);
            true
        })
    }
}

/// Puts an item aside until its next attempt. It makes room for another operation meanwhile.
fn wait<C: Timer, T>(retry: Retry, mut flight: Flight<T>, alarms: &mut Alarms<C, Flight<T>>) {
    let span = retry.wait(flight.attempt.get(), flight.mark);
    flight.attempt = flight.attempt.saturating_add(1);
    alarms.look();
    alarms.set(span, flight);
}
