//! Where items go whose operations are over: through the window, under their policy, to the outputs.

use super::Standing;
use crate::flight::{Failed, Flight, Landing, Outcome};
use crate::output::Output;
use crate::window::Window;
use pipe_core::plan::{Failure, RunState, discard};
use pipe_core::{Order, Payload, Position, RunError};
use std::mem::{replace, take};

/// What comes behind the operations of a stage with items `T` and outputs `U`.
pub(crate) struct Exit<T, U> {
    pub(crate) window: Window<Outcome<U>>,
    pub(crate) output: Output<U>,
    /// Those that are no outputs, or too large, until somebody looks at them.
    pub(super) landed: Vec<(Flight<T>, Landing<U>)>,
}

impl<T, U: Send + 'static> Exit<T, U> {
    pub(crate) fn new(run: &RunState, order: Order) -> Self {
        Exit { window: Window::new(order), output: Output::new(run), landed: Vec::new() }
    }

    /// Whether the output of the item at this position may be appended: it comes behind those that are released, and does not want to be weighed.
    pub(super) fn is_next(&mut self, at: u64) -> bool {
        self.window.lets_by() && self.output.is_next(at)
    }

    /// The operation of an item that was not let in yet is over at its first poll. Inlined, as `over`.
    #[inline(always)]
    pub(super) fn over_at_once(&mut self, at: u64, landing: Landing<U>) {
        match self.weighed(landing) {
            Ok(item) if self.window.lets_by() => self.output.push(at, item),
            Ok(item) => {
                let mark = self.window.enter(at);
                self.emit(mark, item);
            }
            Err(landing) => {
                let mark = self.window.enter(at);
                self.keep(Flight::new(mark), landing);
            }
        }
    }

    /// An operation is over, of which there is no more than its mark. Inlined, and all that is rare is not: then a flight that ends well is
    /// never put together in memory.
    #[inline(always)]
    pub(crate) fn over(&mut self, mark: u64, landing: Landing<U>) {
        match self.weighed(landing) {
            Ok(item) => self.emit(mark, item),
            Err(landing) => self.keep(Flight::new(mark), landing),
        }
    }

    /// As `over`, of one that has a key, a copy or attempts behind it.
    pub(super) fn flight_over(&mut self, flight: Flight<T>, landing: Landing<U>) {
        match self.weighed(landing) {
            Ok(item) => self.emit(flight.mark, item),
            Err(landing) => self.keep(flight, landing),
        }
    }

    /// The output, which counts from now on; or the landing, if it is none, or too large.
    #[inline(always)]
    fn weighed(&mut self, landing: Landing<U>) -> Result<U, Landing<U>> {
        let item = match landing {
            Ok(Ok(item)) => item,
            other => return Err(other),
        };
        match self.output.expect(&item) {
            Ok(true) => Ok(item),
            Ok(false) => Err(Ok(Ok(item))),
            Err(thrown) => Err(Err(thrown)),
        }
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

    /// For good, what was kept: what `again` does not take for another attempt. True if there was anything.
    pub(crate) fn land(
        &mut self,
        run: &RunState,
        segment: usize,
        mut again: impl FnMut(Flight<T>) -> Result<(), Flight<T>>,
    ) -> bool {
        if self.landed.is_empty() {
            return false;
        }
        let mut landed = take(&mut self.landed);
        let stage = || run.name(run.first_stage(segment));
        for (flight, landing) in landed.drain(..) {
            let (mark, outcome) = match landing {
                Ok(Ok(item)) => {
                    let refusal =
                        run.budget().refusal(stage(), self.output.weigh(&item), run.budget().in_use());
                    (flight.mark, Outcome::Ended(Box::new(refusal)))
                }
                Ok(Err(error)) => match again(flight) {
                    Ok(()) => continue,
                    Err(flight) => {
                        let failed = Failed { attempts: flight.attempt.get(), error };
                        (flight.mark, Outcome::Failed(Box::new(failed)))
                    }
                },
                Err(thrown) => {
                    let panicked =
                        RunError::Panicked { stage: stage(), at: None, payload: Payload::new(thrown) };
                    (flight.mark, Outcome::Ended(Box::new(panicked)))
                }
            };
            self.window.settle(mark, outcome);
        }
        self.landed = landed;
        true
    }

    /// Lets out of the window what may leave it, and applies the policy to what failed. True if there was anything.
    pub(crate) fn release(&mut self, run: &RunState, segment: usize) -> Result<bool, RunError> {
        let mut released = false;
        while let Some((at, outcome)) = self.window.leave() {
            released = true;
            match outcome {
                Outcome::Emitted(item) => self.output.push_waited(at, item),
                Outcome::Failed(failed) => fail_item(run, segment, at, *failed)?,
                Outcome::Ended(error) => return Err(located(*error, at)),
            }
        }
        Ok(released)
    }

    /// What its place in the window takes beside an output, which counts by itself.
    fn place_bytes(&self) -> usize {
        self.window.place_bytes().saturating_sub(size_of::<U>())
    }

    /// The bytes of all that is behind the operations. A window may be long, and outputs small: its places count as well.
    pub(crate) fn bytes(&self) -> usize {
        self.window.len() * self.place_bytes() + self.output.bytes()
    }

    /// How many items may be let in, of `wanted`, where each will need so many bytes beside its place in the window.
    pub(crate) fn fresh(&self, each: usize, wanted: usize, run: &RunState) -> usize {
        let each = each + self.place_bytes();
        if self.output.len() >= Output::<U>::ENOUGH {
            return 0;
        }
        let nothing_under_way = self.window.len() + self.output.len() == 0;
        let fit = run.budget().free() / each;
        if fit == 0 && wanted > 0 {
            // A request, refused as a rule: so that runs that share the budget and have more than their parts leave room for it.
            drop(run.budget().try_take(each));
        }
        fit.max(usize::from(nothing_under_way))
    }

    /// Drops what waits for its turn.
    pub(crate) fn forget(&mut self, order: Order) {
        discard(take(&mut self.landed));
        discard(replace(&mut self.window, Window::new(order)));
        self.output.forget_waiting();
    }

    /// How a stage stands that has this behind its operations.
    pub(crate) fn standing(&self, failure: &mut Option<RunError>, is_input_empty: bool) -> Standing {
        if self.output.len() > 0 {
            return Standing::Busy;
        }
        match failure.take() {
            Some(error) => Standing::Failed(error),
            None if self.window.len() == 0 && is_input_empty => Standing::Idle,
            None => Standing::Busy,
        }
    }
}

/// An item failed for good: what its policy says.
fn fail_item(run: &RunState, segment: usize, at: u64, failed: Failed) -> Result<(), RunError> {
    let Some(stage) = run.first_stage(segment) else { return Ok(()) };
    let Failed { attempts, error } = failed;
    let at = Some(Position::from_raw(at));
    run.failed(stage, Failure { at, record: None, error, attempts, more: 0 })?;
    run.check_ratios(segment)
}

/// The error with the position of its item: only the window knows that.
fn located(error: RunError, at: u64) -> RunError {
    match error {
        RunError::Panicked { stage, payload, .. } => {
            RunError::Panicked { stage, at: Some(Position::from_raw(at)), payload }
        }
        error => error,
    }
}
