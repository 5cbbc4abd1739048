//! A run that goes on, and its report so far.

use pipe_core::{Event, Explain, Report, Run};

/// The handle of a run, and how many workers it may have.
#[derive(Clone)]
pub(crate) struct UnderWay {
    pub(crate) run: Run,
    workers: usize,
}

impl UnderWay {
    pub(crate) fn new(plan: &Explain, run: &Run) -> Self {
        UnderWay { run: run.clone(), workers: plan.profile.workers }
    }

    /// The report so far. How many workers there were is told when all of them are back; until then it is as many as there may be, unless the
    /// run stays on one thread.
    pub(crate) fn report(&self) -> Option<Report<()>> {
        let mut report = self.run.report()?;
        if !report.events.iter().any(|event| matches!(event, Event::StayedInline { .. })) {
            report.workers = report.workers.max(self.workers);
        }
        Some(report)
    }
}
