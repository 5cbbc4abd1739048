//! What happens to items that fail: policies, retries, shares of failures, dead letters.

use super::{RunState, StageState};
use crate::error::RunError;
use crate::letters::DeadLetter;
use crate::policy::Then;
use crate::position::Position;
use crate::retry::Retry;
use crate::stage::BoxError;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Whether a stage's share of failures is looked at: from this many items on.
const RATIO_FROM: u64 = 1_000;

/// Called by the harness of sync segments, and by the drivers of async stages.
impl RunState {
    /// The first stage of a segment: the only one of an async segment.
    pub fn first_stage(&self, segment: usize) -> Option<u16> {
        let stage = self.stages.iter().position(|stage| stage.info.segment == segment)?;
        u16::try_from(stage).ok()
    }

    /// How stage `stage` retries.
    pub fn retry(&self, stage: u16) -> Option<Retry> {
        self.stages[usize::from(stage)].info.retry
    }

    /// Whether attempt number `attempt` (from 1) of an item at `stage`, which has failed, is followed by another one.
    pub fn tries_again(&self, stage: u16, attempt: u32) -> bool {
        let state = &self.stages[usize::from(stage)];
        let taken = || self.segments[state.info.segment].taken.load(Relaxed);
        state.info.retry.is_some_and(|retry| retry.allows(attempt, state.retried.load(Relaxed), taken()))
    }

    /// Counts an attempt that failed and is followed by another one.
    pub fn count_retried(&self, stage: u16) {
        self.stages[usize::from(stage)].retried.fetch_add(1, Relaxed);
    }

    /// Applies the policy of a stage to an item that failed for good. `Ok`: the item is gone, go on.
    ///
    /// # Errors
    /// What ends the run: the stage's error itself, or that the letter could not be written.
    pub fn failed(&self, stage: u16, failure: Failure<'_>) -> Result<(), RunError> {
        let state = &self.stages[usize::from(stage)];
        // A driver has the bare number, and that may be the one of no place.
        let at = failure.at.and_then(|at| Position::known(at.raw()));
        match &state.policy.then {
            Then::Fail => {
                let stage = state.info.name.clone();
                return Err(RunError::Stage { stage, at, source: failure.error });
            }
            Then::Skip => {
                state.skipped.fetch_add(1 + failure.more, Release);
            }
            Then::DeadLetter(letters) => {
                let letter = DeadLetter {
                    stage: &state.info.name,
                    at,
                    record: failure.record,
                    error: &*failure.error,
                    attempts: failure.attempts,
                    more: failure.more,
                };
                letters.write(&letter)?;
                state.dead_lettered.fetch_add(1 + failure.more, Release);
            }
        }
        Ok(())
    }

    /// Whether too many items have failed in a stage of this segment. Asked after slices in which one has.
    ///
    /// # Errors
    /// `TooManyFailures`.
    pub fn check_ratios(&self, segment: usize) -> Result<(), RunError> {
        self.ratios_are_met(segment, RATIO_FROM)
    }

    fn ratios_are_met(&self, segment: usize, from: u64) -> Result<(), RunError> {
        for stage in self.stages.iter().filter(|stage| stage.info.segment == segment) {
            let Some(ratio) = stage.policy.abort_above else { continue };
            // In this order: items are counted before their failures, so whoever sees a failure sees its item too. The other way round
            // a worker that was interrupted in between would compare old items with new failures.
            let failed = stage.skipped.load(Acquire) + stage.dead_lettered.load(Acquire);
            let taken = self.segments[segment].taken.load(Relaxed);
            if failed as f64 > ratio * taken.max(from) as f64 {
                return Err(RunError::TooManyFailures {
                    stage: stage.info.name.clone(),
                    failed,
                    taken,
                    ratio,
                });
            }
        }
        Ok(())
    }

    /// Before the sink commits: all shares are within their bounds, all dead letters are where they should be.
    pub(crate) fn close(&self) -> Result<(), RunError> {
        (0..self.segments.len()).try_for_each(|segment| self.ratios_are_met(segment, 0))?;
        self.finish_letters()
    }

    /// Also at the end of a run that failed: then its letters are wanted most.
    pub(crate) fn finish_letters(&self) -> Result<(), RunError> {
        let finish = |stage: &StageState| match &stage.policy.then {
            Then::DeadLetter(letters) => letters.finish(&stage.info.name),
            Then::Fail | Then::Skip => Ok(()),
        };
        self.stages.iter().map(finish).fold(Ok(()), Result::and)
    }
}

/// An item that failed for good.
#[derive(Debug)]
pub struct Failure<'a> {
    /// Where it was.
    pub at: Option<Position>,
    /// Its record, if that can be read again.
    pub record: Option<&'a [u8]>,
    /// The stage's error.
    pub error: BoxError,
    /// How often it was tried.
    pub attempts: u32,
    /// How many more failures the same record had.
    pub more: u64,
}
