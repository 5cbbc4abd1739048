//! What one worker of a segment knows of its run, and what went wrong in the slice it is running.
//!
//! Kept apart from outputs and state on purpose: only cold code holds a pointer to it, so the optimiser may keep accumulators and
//! buffers in registers.

use crate::cancel::Knife;
use crate::error::RunError;
use crate::kernel::Runner;
use crate::opaque::opaque;
use crate::policy::Then;
use crate::position::Position;
use crate::run::{Failure, RunState};
use crate::stage::{BoxError, Flow};
use std::sync::Arc;

/// One worker's side of the run. Stages get it from [`Emit::context`](crate::Emit::context).
pub struct Context {
    run: Arc<RunState>,
    segment: usize,
    /// Something failed in this slice; the harness has to look.
    noted: bool,
    /// The failure that ends the run, if the policy said so.
    fatal: Option<Failed>,
    /// A failure of the present item that is to be written down once the batch can be asked for its record.
    letter: Option<Letter>,
    /// Which attempt this is, where a stage retries; 1 is the first.
    attempt: u32,
    /// The failure because of which there will be another attempt.
    again: Option<Failed>,
    /// A stage that retries has failed in its last attempt.
    exhausted: bool,
    /// What was skipped in an attempt that may not count.
    skipped: Vec<(Option<u16>, u64)>,
    /// Stops the loop after the present item.
    knife: Knife,
    /// The innermost stage that a panic passed.
    panicked: Option<u16>,
}

opaque!([] Context[]);

/// A stage and its error.
pub(crate) type Failed = (Option<u16>, BoxError);

struct Letter {
    stage: u16,
    error: BoxError,
    more: u64,
}

/// Names the sink where a stage is named. A pipeline has fewer stages: `Pipeline` sees to it.
pub(crate) const SINK: u16 = u16::MAX;

impl Context {
    pub(crate) fn new(run: Arc<RunState>, segment: usize, knife: Knife) -> Self {
        Context {
            run,
            segment,
            noted: false,
            fatal: None,
            letter: None,
            attempt: 1,
            again: None,
            exhausted: false,
            skipped: Vec::new(),
            knife,
            panicked: None,
        }
    }

    /// Whether the run was stopped. A stage that works long on one item looks at it now and then.
    pub fn is_cancelled(&self) -> bool {
        self.run.is_cancelled()
    }

    /// What computes kernels in this run.
    pub fn runner(&self) -> &dyn Runner {
        self.run.runner()
    }

    /// Applies the policy of the stage to a failed item.
    #[cold]
    #[inline(never)]
    pub(crate) fn failed(&mut self, stage: Option<u16>, error: BoxError) -> Flow {
        self.noted = true;
        let retry = stage.and_then(|id| self.run.retry(id));
        if stage.is_some_and(|id| self.run.tries_again(id, self.attempt)) {
            self.again.get_or_insert((stage, error));
            // Its other outputs are not wanted: the whole record comes again.
            return Flow::Break(());
        }
        self.exhausted |= retry.is_some();
        match (self.run.policy(stage), stage) {
            (Then::Skip, _) => {
                match self.skipped.iter_mut().find(|(id, _)| *id == stage) {
                    Some((_, items)) => *items += 1,
                    None => self.skipped.push((stage, 1)),
                }
                Flow::Continue(())
            }
            (Then::DeadLetter(_), Some(id)) => {
                match &mut self.letter {
                    // Of a record that failed several times, perhaps in several stages, one letter says where it went wrong first.
                    Some(letter) => letter.more += 1,
                    None => self.letter = Some(Letter { stage: id, error, more: 0 }),
                }
                self.knife.cut();
                Flow::Continue(())
            }
            (Then::Fail | Then::DeadLetter(_), _) => {
                self.fatal.get_or_insert((stage, error));
                Flow::Break(())
            }
        }
    }

    /// A panic passes this stage on its way out; the first to say so is the innermost.
    #[cold]
    #[inline(never)]
    pub(crate) fn unwound(&mut self, stage: u16) {
        self.panicked.get_or_insert(stage);
    }

    /// As `unwound`, for the sink at the end of a loop.
    #[cold]
    #[inline(never)]
    pub(crate) fn unwound_in_sink(&mut self) {
        self.panicked.get_or_insert(SINK);
    }

    /// Whether something failed since it was settled last.
    pub(crate) fn is_noted(&self) -> bool {
        self.noted
    }

    /// After a slice in which something failed, whose last item was at `at`: writes the letter, looks at the shares of failures, and
    /// gives the error that ends the run, if there is one.
    #[cold]
    pub(crate) fn settle(&mut self, at: Option<u64>, record: Option<&[u8]>) -> Result<(), RunError> {
        self.noted = false;
        for (stage, items) in self.skipped.drain(..) {
            self.run.count_skipped(stage, items);
        }
        let at = at.and_then(Position::known);
        if let Some(Letter { stage, error, more }) = self.letter.take() {
            self.run.failed(stage, Failure { at, record, error, attempts: self.attempt, more })?;
        }
        if let Some((stage, source)) = self.fatal.take() {
            return Err(RunError::Stage { stage: self.run.name(stage), at, source });
        }
        self.run.check_ratios(self.segment)
    }

    /// Says which attempt comes next.
    pub(crate) fn begin_attempt(&mut self, number: u32) {
        self.attempt = number;
        // What one stage gave up in an attempt that does not count, it may manage in the next.
        self.exhausted = false;
    }

    /// The failure because of which there will be another attempt.
    pub(crate) fn take_again(&mut self) -> Option<Failed> {
        self.again.take()
    }

    /// Whether a stage has failed in its last attempt: then nothing of the record goes on.
    pub(crate) fn take_exhausted(&mut self) -> bool {
        std::mem::take(&mut self.exhausted)
    }

    /// Forgets what failed in an attempt that does not count.
    pub(crate) fn forget(&mut self) {
        self.noted = false;
        self.letter = None;
        self.skipped.clear();
    }

    pub(crate) fn take_panicked(&mut self) -> Option<u16> {
        self.panicked.take()
    }

    pub(crate) fn run(&self) -> &RunState {
        &self.run
    }
}
