//! Several sources at once.

use crate::cancel::Cancel;
use crate::error::RunError;
use crate::event::Event;
use crate::fan::bell::Waiter;
use crate::fan::branch_error::{BranchError, BranchErrorKind};
use crate::fan::tagged::Tagged;
use crate::opaque::opaque;
use crate::source::{Pulled, Source, Want};
use crate::stage::BoxError;
use std::mem;
use std::task::{Poll, Waker};
use std::time::Duration;

/// Sources in turn; made by [`merge`].
pub struct Merged<S> {
    turns: Turns<S>,
    of: usize,
    waiter: Waiter,
    stall_after: Duration,
}

opaque!([S] Merged[S]);

/// Who comes next.
struct Turns<S> {
    /// Those that have not ended, each with its number.
    inputs: Vec<(usize, S)>,
    /// The one to ask first: the neighbour of the one that gave something last.
    next: usize,
    /// What those that have ended said.
    events: Vec<Event>,
}

/// One source made of many, which takes from whichever has something: batches of the inputs in turn, the items of each in order.
///
/// An input that waits for another run (a [`branch`](crate::branch)) does not hold up the others, if it says so: see
/// [`Source::poll_pull`]. One that cannot, a file or a socket, is waited for. Each is dropped when it has ended; an error of one ends the
/// run. Positions are as for [`concat()`](crate::concat()).
///
/// ```
/// use pipe_core::{FromIter, Inline, from_source, merge};
///
/// let merged = from_source(merge([FromIter::new(1..3), FromIter::new(7..9)])).collect().run_on(&Inline)?;
/// let mut all = merged.value;
/// all.sort(); // which batch comes first depends on the run
/// assert_eq!(all, [1, 2, 7, 8]);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub fn merge<S: Source>(sources: impl IntoIterator<Item = S>) -> Merged<S> {
    let inputs: Vec<_> = sources.into_iter().enumerate().collect();
    let (of, stall_after) = (inputs.len(), Duration::from_secs(60));
    Merged { turns: Turns { inputs, next: 0, events: Vec::new() }, of, waiter: Waiter::new(), stall_after }
}

impl<S> Merged<S> {
    /// How long to wait while no input has anything, before the run ends with
    /// [`BranchErrorKind::Stalled`](crate::BranchErrorKind::Stalled): 60 s unless set. The limits of the inputs do not count then. Zero is
    /// a `Config` error.
    pub fn stall_after(mut self, limit: Duration) -> Self {
        self.stall_after = limit;
        self
    }
}

impl<S: Source> Turns<S> {
    fn ask(&mut self, want: Want, waker: &Waker) -> Pulled<Tagged<S::Batch>> {
        let mut asked = 0;
        while asked < self.inputs.len() {
            let turn = self.next % self.inputs.len();
            let (number, input) = &mut self.inputs[turn];
            self.next = turn + 1;
            match input.poll_pull(want, waker) {
                Poll::Pending => asked += 1,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(Some(batch))) => return Poll::Ready(Ok(Some(Tagged::new(batch, *number)))),
                Poll::Ready(Ok(None)) => {
                    self.events.append(&mut input.take_events());
                    self.inputs.remove(turn);
                    self.next = turn;
                }
            }
        }
        if self.inputs.is_empty() { Poll::Ready(Ok(None)) } else { Poll::Pending }
    }
}

impl<S: Source> Source for Merged<S> {
    type Item = S::Item;
    type Batch = Tagged<S::Batch>;

    fn pull(&mut self, want: Want) -> Result<Option<Self::Batch>, BoxError> {
        let pulled = self.waiter.until(self.stall_after, |waker| self.turns.ask(want, waker));
        pulled.unwrap_or_else(|waited| {
            let kind = BranchErrorKind::Stalled { waited, items: 0, bytes: 0 };
            Err(BranchError::new(&format!("merge of {}", self.of), kind).into())
        })
    }

    fn poll_pull(&mut self, want: Want, waker: &Waker) -> Pulled<Self::Batch> {
        self.turns.ask(want, waker)
    }

    fn check(&self) -> Result<(), RunError> {
        if self.stall_after.is_zero() {
            let (field, value) = ("merge.stall_after", "0".to_owned());
            return Err(RunError::Config { field, value, why: "a wait takes time" });
        }
        self.turns.inputs.iter().try_for_each(|(_, input)| input.check())
    }

    fn take_events(&mut self) -> Vec<Event> {
        let mut events = mem::take(&mut self.turns.events);
        events.extend(self.turns.inputs.iter_mut().flat_map(|(_, input)| input.take_events()));
        events
    }

    fn stopped_by(&mut self, stop: &Cancel) {
        self.turns.inputs.iter_mut().for_each(|(_, input)| input.stopped_by(stop));
    }
}
