//! How operations end: outputs go on their way, failures are tried again or follow their policy.

use super::{Driver, Exit, Progress};
use crate::flight::{Failed, Flight, Landing, Outcome};
use crate::runtime::Timer;
use pipe_core::plan::Failure;
use pipe_core::{AsyncStep, Payload, Position, RunError, TookTooLong};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Waker};

/// Turning an output into an item is the step's own code as well.
pub(super) fn settle<S: AsyncStep>(output: <S::Future as Future>::Output) -> Landing<S::Out> {
    catch_unwind(AssertUnwindSafe(|| S::settle(output)))
}

impl<T, U: Send + 'static> Exit<T, U> {
    /// An operation is over, of which there is no more than its mark. Inlined, and all that is rare is not: then a flight that ends well is
    /// never put together in memory.
    #[inline(always)]
    pub(super) fn over(&mut self, mark: u64, landing: Landing<U>) {
        if let Err(landing) = self.deliver(mark, landing) {
            self.keep(Flight::new(mark), landing);
        }
    }

    /// As `over`, of one that has a key, a copy or attempts behind it.
    pub(super) fn flight_over(&mut self, flight: Flight<T>, landing: Landing<U>) {
        if let Err(landing) = self.deliver(flight.mark, landing) {
            self.keep(flight, landing);
        }
    }

    /// Hands an output on; gives back what is none, or too large.
    #[inline(always)]
    fn deliver(&mut self, mark: u64, landing: Landing<U>) -> Result<(), Landing<U>> {
        let item = match landing {
            Ok(Ok(item)) => item,
            other => return Err(other),
        };
        match self.output.expect(&item) {
            Ok(true) => self.emit(mark, item),
            Ok(false) => return Err(Ok(Ok(item))),
            Err(thrown) => return Err(Err(thrown)),
        }
        Ok(())
    }

    #[cold]
    fn keep(&mut self, flight: Flight<T>, landing: Landing<U>) {
        self.landed.push((flight, landing));
    }

    #[inline(always)]
    fn emit(&mut self, mark: u64, item: U) {
        if let Some(at) = self.window.pass(mark) {
            self.output.push(at, item);
        } else {
            self.output.wait();
            self.window.settle(mark, Outcome::Emitted(item));
        }
    }
}

impl<S: AsyncStep, C: Timer> Driver<S, C> {
    /// Polls what wants it, `most` operations. It moved if any of it was over, or more wants it.
    pub(super) fn poll(&mut self, most: usize) -> Progress {
        let (exit, keys, deadlines) = (&mut self.exit, &mut self.keys, &mut self.deadlines);
        let (before, is_timed) = (self.calls.len(), self.bounds.timeout.is_some());
        let (adaptive, flights, now) = (&mut self.adaptive, &mut self.flights, self.alarms.now());
        let (polled, more) = self.calls.poll(most, |place, mark, ended| {
            if is_timed {
                deadlines.remove(place);
            }
            if let Some(adaptive) = adaptive {
                adaptive.ended(place, now);
            }
            let landing = ended.and_then(settle::<S>);
            match flights.take(place) {
                None => exit.over(mark, landing),
                Some(flight) => {
                    if let Some(keys) = keys {
                        keys.leave(flight.key);
                    }
                    exit.flight_over(flight, landing);
                }
            }
        });
        // A place that became free lets another one start.
        let freed = self.calls.len() < before;
        Progress { moved: self.land() || more || freed, operations: polled }
    }

    /// What to do about the operations that gave no output. True if there were any.
    fn land(&mut self) -> bool {
        if self.exit.landed.is_empty() {
            return false;
        }
        let mut landed = std::mem::take(&mut self.exit.landed);
        for (flight, landing) in landed.drain(..) {
            let outcome = match landing {
                Ok(Ok(item)) => Outcome::Ended(Box::new(self.too_large(&item))),
                Ok(Err(_)) if flight.copy.is_some() && self.try_again(flight.attempt.get()) => {
                    self.wait(flight);
                    continue;
                }
                Ok(Err(error)) => Outcome::Failed(Box::new(Failed { attempts: flight.attempt.get(), error })),
                Err(thrown) => {
                    let at = self.exit.window.position(flight.mark);
                    Outcome::Ended(Box::new(self.panicked(at, thrown)))
                }
            };
            self.exit.window.settle(flight.mark, outcome);
        }
        self.exit.landed = landed;
        true
    }

    fn try_again(&self, attempt: u32) -> bool {
        self.run.tries_again(self.bounds.stage, attempt)
    }

    /// Puts an item aside until its next attempt. It makes room for another operation meanwhile.
    fn wait(&mut self, mut flight: Flight<S::In>) {
        let Some(retry) = self.run.retry(self.bounds.stage) else { return };
        self.run.count_retried(self.bounds.stage);
        let span = retry.wait(flight.attempt.get(), flight.mark);
        flight.attempt = flight.attempt.saturating_add(1);
        self.waiting += 1;
        self.alarms.look();
        self.alarms.set(span, flight);
    }

    /// Does what is due; ends `most` operations that take too long. It moved if there was anything.
    pub(super) fn ring(&mut self, most: usize, task: &Waker) -> Progress {
        let throttled = self.throttled_until.into_iter();
        self.alarms.look_at(throttled.chain(self.deadlines.first()).min());
        let (waiting, due) = (&mut self.waiting, &mut self.due);
        let before = due.len();
        let looked = self.alarms.poll(&mut Context::from_waker(task), |flight| {
            *waiting -= 1;
            due.push_back(flight);
        });
        // If more are late than that, the next look finds their time come as well.
        let ended = if looked { self.end_late(most) } else { 0 };
        Progress { moved: looked || self.due.len() > before, operations: ended }
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

    #[cold]
    fn panicked(&self, at: u64, thrown: Box<dyn Any + Send>) -> RunError {
        let (stage, at) = (self.run.name(Some(self.bounds.stage)), Some(Position::from_raw(at)));
        RunError::Panicked { stage, at, payload: Payload::new(thrown) }
    }

    #[cold]
    fn too_large(&self, item: &S::Out) -> RunError {
        let (budget, stage) = (self.run.budget(), self.run.name(Some(self.bounds.stage)));
        budget.refusal(stage, self.exit.output.weigh(item), budget.in_use())
    }

    /// Lets out of the window what may leave it, and applies the policy to what failed.
    pub(super) fn release(&mut self) -> bool {
        let mut released = false;
        while self.failure.is_none()
            && let Some((at, outcome)) = self.exit.window.leave()
        {
            released = true;
            let failed = match outcome {
                Outcome::Emitted(item) => {
                    self.exit.output.push_waited(at, item);
                    continue;
                }
                Outcome::Failed(failed) => self.failed(at, *failed),
                Outcome::Ended(error) => Err(*error),
            };
            if let Err(error) = failed {
                self.fail(error);
            }
        }
        released
    }

    fn failed(&self, at: u64, Failed { attempts, error }: Failed) -> Result<(), RunError> {
        let at = Some(Position::from_raw(at));
        self.run.failed(self.bounds.stage, Failure { at, record: None, error, attempts, more: 0 })?;
        self.run.check_ratios(self.bounds.segment)
    }
}
