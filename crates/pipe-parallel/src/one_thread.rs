//! A plan that no two threads could share: serial nodes only, on the calling thread.

use crate::crew::{Nothing, Strength};
use crate::max_delay::pull;
use pipe_core::plan::{AnySource, RunState, SerialLine, Worker, left};
use pipe_core::{Event, Pace, RunError, Want};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Runs the plan. `strength` is what there might have been.
pub(crate) fn one_thread<'p>(
    mut source: Box<dyn AnySource + 'p>,
    nodes: Vec<Box<dyn Worker + Send + 'p>>,
    Strength { bounds, max_delay, .. }: Strength,
    run: &Arc<RunState>,
) -> Result<(), RunError> {
    if bounds.workers > 1 {
        run.note(Event::StayedInline { ns_per_item: 0.0, why: "no stage may run on several threads" });
    }
    let mut line = SerialLine::new(run.clone(), nodes);
    let pace = Pace::new(Pace::BATCH, bounds.batch);
    let ran = carry_all(&mut *source, &mut line, max_delay, pace, run);
    // Behind the result, and each by itself.
    ran.and(left(source)).and(left(line))
}

fn carry_all<'p>(
    source: &mut (dyn AnySource + 'p),
    line: &mut SerialLine<'p>,
    max_delay: Option<Duration>,
    mut pace: Pace,
    run: &RunState,
) -> Result<(), RunError> {
    let limit = run.budget().limit();
    loop {
        run.check()?;
        let started = Instant::now();
        let want = Want { items: pace.items(), bytes: Want::MOST.bytes.min(limit) };
        let Some(batch) = pull(source, want, max_delay, run)? else { break };
        let wanted = batch.bytes();
        let _permit = run.budget().overdraw(wanted);
        if wanted > limit {
            return Err(run.budget().refusal("source", wanted, 0));
        }
        let before = line.taken();
        if line.carry(batch, &mut Nothing)?.is_break() {
            break;
        }
        pace.learn((line.taken() - before) as usize, started.elapsed());
    }
    run.check()?;
    line.finish(&mut Nothing)
}
