//! Outputs of an attempt, kept back until it is known whether it counts.
//!
//! They count against the memory limit like outputs that were handed on. A worker that finds the limit overdrawn asks what is behind it for
//! room, as if it had put the buffer there: it waits until there is some, or until its place is the next in the order, before which nothing
//! else could make any. So beyond the limit there is what one record becomes, that of the next place, and a buffer of each that waits. (Each
//! row of parallel stages has an order, so a next place, of its own.)
//!
//! There is no turn to be taken here, on purpose. A turn that is given back with the attempt lets the next worker keep back a whole record
//! while those of the one before still wait for their place. One that is held until they are gone is held by who waits for its place, and
//! wanted by who has it: both wait for ever. The next place is the one thing that nobody has to wait for, and when it moves on, all
//! that was kept back there is gone. A worker that waits for it is woken as for room: that is the executor's, see [`Outlet::wait_for_room`].

use crate::budget::Permit;
use crate::plan::{BoxBatch, Outlet};
use crate::run::RunState;
use crate::stage::Flow;
use std::sync::Arc;

/// Where the outputs of an attempt wait.
pub(crate) struct Staged {
    pub(crate) batches: Vec<BoxBatch>,
    /// All that was put here, also what did not fit any more.
    bytes: usize,
    /// `None` until a buffer was full: most records need none.
    charge: Option<Permit>,
    run: Arc<RunState>,
}

impl Staged {
    pub(crate) fn new(run: &Arc<RunState>) -> Self {
        Staged { batches: Vec::new(), bytes: 0, charge: None, run: run.clone() }
    }

    /// Takes what an attempt emits, in front of where that would go.
    pub(crate) fn before<'s>(&'s mut self, next: &'s mut dyn Outlet) -> Attempt<'s> {
        Attempt { staged: self, next }
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
        let batches = std::mem::take(&mut self.batches);
        batches.into_iter().inspect(|batch| {
            if let Some(charge) = &mut self.charge {
                charge.resize(charge.bytes().saturating_sub(batch.bytes()));
            }
        })
    }

    /// It keeps nothing back any more, and tells who may wait for that. Most attempts were charged nothing: then nobody waits.
    pub(crate) fn give_back(self, next: &mut dyn Outlet) {
        if self.charge.is_some() {
            drop(self);
            #[cfg(test)]
            tests::GIVEN_BACK.set(tests::GIVEN_BACK.get() + 1);
            next.gave_back();
        }
    }

    fn keep(&mut self, batch: BoxBatch) -> Flow {
        self.bytes += batch.bytes();
        let budget = self.run.budget();
        if self.bytes > budget.limit() {
            return Flow::Break(());
        }
        self.charge.get_or_insert_with(|| budget.overdraw(0)).resize(self.bytes);
        self.batches.push(batch);
        Flow::Continue(())
    }
}

/// The outlet of an attempt.
pub(crate) struct Attempt<'s> {
    staged: &'s mut Staged,
    next: &'s mut dyn Outlet,
}

impl Outlet for Attempt<'_> {
    fn put(&mut self, batch: BoxBatch) -> Flow {
        self.staged.keep(batch)?;
        if self.staged.run.budget().is_overdrawn() { self.next.wait_for_room() } else { Flow::Continue(()) }
    }

    fn counts(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use crate::{Inline, exponential, from_iter};
    use std::cell::Cell;

    thread_local! {
        /// How often this thread has said that it gave bytes back.
        pub(super) static GIVEN_BACK: Cell<usize> = const { Cell::new(0) };
    }

    fn given_back_while(run: impl FnOnce()) -> usize {
        let before = GIVEN_BACK.get();
        run();
        GIVEN_BACK.get() - before
    }

    #[test]
    fn an_attempt_that_kept_no_buffer_back_wakes_nobody() {
        let small = from_iter(0..10_000u64).try_map(|n| if n < 10_000 { Ok(n) } else { Err("too large") });
        let run = small.retry(exponential(3)).collect();
        assert_eq!(
            given_back_while(|| assert_eq!(run.run_on(&Inline).expect("nothing fails").value.len(), 10_000)),
            0
        );
        // One that fills buffers does, so that the count above is one of something.
        let large =
            from_iter(0..3u64).try_map(Ok::<u64, &str>).flat_map(|n| vec![n; 100_000]).retry(exponential(3));
        assert!(
            given_back_while(|| assert_eq!(
                large.collect().run_on(&Inline).expect("nothing fails").value.len(),
                300_000
            )) > 0
        );
    }
}
