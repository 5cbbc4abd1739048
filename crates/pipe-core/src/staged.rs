//! Outputs of an attempt, kept back until it is known whether it counts.
//!
//! They count against the memory limit like outputs that were handed on. A worker that finds the limit overdrawn waits for its *turn*: of all
//! workers of a run one at a time may go on in spite of it. So what they keep back together is the limit, a buffer of each that waits, and
//! what one record becomes, which may be as much as the limit again.
//!
//! A wait for the turn ends. Who has it runs an attempt at one record and nothing else: what it emits comes here and goes nowhere, so it
//! waits for no room and no other worker. It gives the turn back when the attempt is over, before a wait for the next one and before
//! anything is handed on. Who waits looks at the limit again when any attempt has given back what it held.

use crate::budget::Permit;
use crate::plan::{BoxBatch, Outlet};
use crate::run::RunState;
use crate::stage::Flow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Where the outputs of an attempt wait.
pub(crate) struct Staged {
    pub(crate) batches: Vec<BoxBatch>,
    /// All that was put here, also what did not fit any more.
    bytes: usize,
    /// `None` until a buffer was full: most records need none.
    charge: Option<Permit>,
    has_turn: bool,
    run: Arc<RunState>,
}

impl Staged {
    pub(crate) fn new(run: &Arc<RunState>) -> Self {
        Staged { batches: Vec::new(), bytes: 0, charge: None, has_turn: false, run: run.clone() }
    }

    /// The bytes that the attempt emitted, if these are more than there can be.
    pub(crate) fn excess(&self) -> Option<usize> {
        (self.bytes > self.run.budget().limit()).then_some(self.bytes)
    }

    /// What it is charged at present.
    pub(crate) fn charged(&self) -> usize {
        self.charge.as_ref().map_or(0, Permit::bytes)
    }

    /// The next batch, which from now on is charged by who gets it.
    pub(crate) fn hand_on(&mut self) -> impl Iterator<Item = BoxBatch> {
        // Most attempts were charged nothing: then nobody waits for what they give back.
        if self.charge.is_some() {
            self.end_turn();
        }
        let batches = std::mem::take(&mut self.batches);
        batches.into_iter().inspect(|batch| {
            if let Some(charge) = &mut self.charge {
                charge.resize(charge.bytes().saturating_sub(batch.bytes()));
            }
        })
    }

    /// It keeps nothing back any more, or less.
    fn end_turn(&mut self) {
        self.run.turns().leave(std::mem::take(&mut self.has_turn));
    }
}

impl Outlet for Staged {
    fn put(&mut self, batch: BoxBatch) -> Flow {
        self.bytes += batch.bytes();
        let budget = self.run.budget();
        if self.bytes > budget.limit() {
            return Flow::Break(());
        }
        self.charge.get_or_insert_with(|| budget.overdraw(0)).resize(self.bytes);
        self.batches.push(batch);
        if !self.has_turn && budget.is_overdrawn() {
            self.has_turn = self.run.turns().wait(|| budget.is_overdrawn());
        }
        Flow::Continue(())
    }

    fn counts(&self) -> bool {
        false
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if self.charge.take().is_some() {
            self.end_turn();
        }
    }
}

/// Whose turn it is among the workers of a run.
#[derive(Default)]
pub(crate) struct Turns {
    taken: Mutex<bool>,
    changed: Condvar,
}

impl Turns {
    /// Waits for the turn, as long as it is needed. True if it was taken.
    fn wait(&self, is_needed: impl Fn() -> bool) -> bool {
        let mut taken = self.lock();
        while is_needed() {
            if !*taken {
                *taken = true;
                return true;
            }
            taken = self.changed.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        false
    }

    /// Bytes were given back, and the turn with them if it was had. All are woken: there may be room for each of them.
    fn leave(&self, had_turn: bool) {
        #[cfg(test)]
        tests::LEFT.set(tests::LEFT.get() + 1);
        let mut taken = self.lock();
        *taken &= !had_turn;
        drop(taken);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Inline, exponential, from_iter};
    use std::cell::Cell;

    thread_local! {
        /// How often this thread has given back bytes, or the turn.
        pub(super) static LEFT: Cell<usize> = const { Cell::new(0) };
    }

    fn left_while(run: impl FnOnce()) -> usize {
        let before = LEFT.get();
        run();
        LEFT.get() - before
    }

    #[test]
    fn an_attempt_that_kept_no_buffer_back_wakes_nobody() {
        let small = from_iter(0..10_000u64).try_map(|n| if n < 10_000 { Ok(n) } else { Err("too large") });
        let run = small.retry(exponential(3)).collect();
        assert_eq!(
            left_while(|| assert_eq!(run.run_on(&Inline).expect("nothing fails").value.len(), 10_000)),
            0
        );
        // One that fills buffers does, so that the count above is one of something.
        let large =
            from_iter(0..3u64).try_map(Ok::<u64, &str>).flat_map(|n| vec![n; 100_000]).retry(exponential(3));
        assert!(
            left_while(|| assert_eq!(
                large.collect().run_on(&Inline).expect("nothing fails").value.len(),
                300_000
            )) > 0
        );
    }
}
