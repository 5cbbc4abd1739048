//! Settings of the stage just added, or of its segment.

use crate::adapters::Identity;
use crate::batch::Reread;
use crate::cancel::Cancel;
use crate::item::{Item, Owned};
use crate::lower::{Cut, Feed, Reactor};
use crate::order::Order;
use crate::pipeline::Pipeline;
use crate::policy::ErrorPolicy;
use crate::retry::Retry;
use crate::settings::Again;
use crate::stage::Then;
use crate::weigh::Weigh;

impl<U, C, I: Item> Pipeline<U, C, I> {
    /// Names the last stage, in errors and reports.
    pub fn named(mut self, name: &str) -> Self {
        if let Some(last) = self.settings.stages.last_mut() {
            name.clone_into(&mut last.name);
        }
        self
    }

    /// What a failed item does, for all stages above that have no policy yet. Right after a stage it therefore is that stage's own.
    ///
    /// ```
    /// use pipe_core::{Inline, from_iter, skip};
    ///
    /// let numbers = from_iter(["1", "two", "3"]).try_map(str::parse::<u8>).on_error(skip()).collect().run_on(&Inline)?;
    /// assert_eq!((numbers.skipped(), numbers.value), (1, vec![1, 3]));
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn on_error(mut self, policy: ErrorPolicy) -> Self {
        for stage in self.settings.stages.iter_mut().filter(|stage| stage.policy.is_none()) {
            stage.policy = Some(policy.clone());
        }
        self
    }

    /// Lets the outputs of this segment leave it in any order, so that none waits for a slow predecessor. Behind an async stage it means
    /// that stage.
    pub fn unordered(mut self) -> Self {
        self.settings.last().order = Order::Any;
        self
    }

    /// Stops the run when `cancel` is switched on.
    pub fn cancelled_by(mut self, cancel: &Cancel) -> Self {
        self.settings.stop.cancelled_by(cancel);
        self
    }
}

impl<U, C, I: Item> Pipeline<U, C, I> {
    /// Tries a failed record again, before the policy is asked: for the stages of this segment that have no attempts yet, or for the
    /// async stage just added.
    ///
    /// A record is what enters the segment. It is read again (rows) or cloned (owned items), and its outputs are released only when all
    /// of it has passed; so a record that failed in its last attempt leaves nothing. Items go through such a segment one at a time, and
    /// a worker that waits for its next attempt does nothing else: for operations that wait, retry an async stage.
    pub fn retry(mut self, retry: Retry) -> Self
    where
        C: Retries<U>,
    {
        let segment = self.settings.last_id();
        for stage in self.settings.stages.iter_mut().filter(|stage| stage.segment == segment) {
            stage.retry.get_or_insert(retry);
        }
        self.settings.segments[segment].again = Some(Box::new(C::Batch::reread as Again<C::Batch>));
        self
    }
}

/// A chain behind `U` that can be tried again, since what enters it can be had twice.
#[diagnostic::on_unimplemented(
    message = "nothing here can be tried again",
    label = "no stage stands in this segment, or what enters it is neither read again nor `Clone`",
    note = "`.retry(..)` stands right behind the stage; a serial stage cannot be tried again, since its state has seen the item"
)]
pub trait Retries<U> {
    /// What enters: batches whose next item can be had twice.
    type Batch: Reread + 'static;
}

impl<U: Feed<Batch: Reread>, A, B> Retries<U> for Then<A, B> {
    type Batch = U::Batch;
}

impl<U: Feed<Batch: Reread>, A, T> Retries<Cut<U, A, T, Reactor>> for Identity {
    type Batch = U::Batch;
}

impl<U, C, I: Owned> Pipeline<U, C, I> {
    /// Weighs items of the type that comes out here with [`Weigh`], wherever they wait in this pipeline. Strings and vectors of numbers
    /// are weighed without it.
    pub fn weighed(mut self) -> Self
    where
        I::T: Weigh,
    {
        self.settings.weighers.add::<I::T>();
        self
    }
}
