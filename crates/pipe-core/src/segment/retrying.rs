//! Records that are tried again: what an attempt emitted is staged until it has passed the segment as a whole.

use super::{Chain, FusedWorker};
use crate::batch::{Batch, Items};
use crate::error::RunError;
use crate::item::{Item, Own};
use crate::plan::{Outlet, Ran};
use crate::settings::Again;
use crate::stage::Flow;
use crate::staged::Staged;

impl<C, B, I, T, const TRACK: bool> FusedWorker<C, B, I, T, TRACK>
where
    B: for<'a> Batch<Item<'a> = I::Of<'a>> + 'static,
    I: Item,
    T: Send + 'static,
    C: for<'a> Chain<'a, I, Own<T>>,
{
    /// Each record until it has passed the segment as a whole, or has failed as often as it may. Slower: one item at a time.
    pub(super) fn run_retrying(
        &mut self,
        batch: &mut B,
        again: Again<B>,
        limit: usize,
        next: &mut dyn Outlet,
    ) -> Result<Ran, RunError> {
        let mut taken = 0;
        // A record may take minutes here, with its waits: so a deadline is looked at for each.
        while taken < limit && self.run.check().is_ok() {
            let Some(mut one) = again(batch) else { return Ok(Ran::Done(taken)) };
            let mut attempt = 1;
            self.run.count_taken(self.segment.id, 1);
            let flow = loop {
                self.context.begin_attempt(attempt);
                let mut staged = Staged::new(&self.run);
                let before = self.held.len();
                let ran = self.slice(&mut one, 1, &mut staged.before(next));
                // Also after a failure: what the attempt gathered is dropped with the rest of it.
                let ran = ran.and_then(|(_, flow)| self.emit_rest(&mut staged.before(next)).map(|()| flow));
                let flow = match ran {
                    Ok(flow) => flow,
                    Err(panicked) => {
                        self.discard(staged, before, next);
                        return Err(panicked);
                    }
                };
                let Some((stage, _)) = self.context.take_again() else {
                    break self.release(staged, before, &one, flow, next)?;
                };
                self.context.forget();
                self.discard(staged, before, next);
                let at = one.position();
                if let Some((stage, retry)) = stage.and_then(|id| Some((id, self.run.retry(id)?))) {
                    self.run.count_retried(stage);
                    self.run.wait(retry.wait(attempt, at));
                }
                attempt += 1;
                one = match again(batch) {
                    Some(one) if self.run.check().is_ok() => one,
                    _ => return Ok(Ran::Done(taken)),
                };
            };
            batch.drive(1, |_, _| Flow::Continue(()));
            taken += 1;
            if flow.is_break() {
                return Ok(Ran::Enough(taken));
            }
        }
        Ok(if batch.is_empty() || taken < limit { Ran::Done(taken) } else { Ran::More(taken) })
    }

    /// The last attempt: hands on what it emitted, unless the record has failed for good.
    fn release(
        &mut self,
        mut staged: Staged,
        before: usize,
        one: &B,
        flow: Flow,
        next: &mut dyn Outlet,
    ) -> Result<Flow, RunError> {
        if let Some(wanted) = staged.excess() {
            let (stage, budget) = (self.run.segment_name(self.segment.id), self.run.budget());
            return Err(budget.refusal(stage, wanted, budget.in_use().saturating_sub(staged.charged())));
        }
        if self.context.take_exhausted() {
            self.discard(staged, before, next);
        } else {
            for mut batch in staged.hand_on() {
                let items = batch.as_any().downcast_mut::<Items<T>>().map_or(0, |items| items.len());
                self.run.count_emitted(self.segment.id, items);
                if next.put(batch).is_break() {
                    return Ok(Flow::Break(()));
                }
            }
            staged.give_back(next);
        }
        self.settle(Some(one), next)?;
        Ok(flow)
    }

    /// An attempt that does not count: what it emitted is dropped, and what was held before is kept.
    fn discard(&mut self, mut staged: Staged, before: usize, next: &mut dyn Outlet) {
        let first = staged.hand_on().next();
        staged.give_back(next);
        match first {
            None => self.held.truncate(before),
            Some(mut first) => {
                self.held.truncate(0);
                let items = first.as_any().downcast_mut::<Items<T>>();
                let items = items.expect("the segment emits `T`");
                items.truncate(before);
                if before > 0 {
                    self.run.count_emitted(self.segment.id, before);
                    let _ = next.put(first);
                }
            }
        }
    }
}
