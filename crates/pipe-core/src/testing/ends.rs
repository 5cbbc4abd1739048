//! Pipelines that end in several sinks, or in the source of another run.

use crate::error::RunError;
use crate::fan::{Bound, BranchReport, BranchSource, Overflow, branch, route, tee};
use crate::fan::{BranchError, BranchErrorKind};
use crate::inline::Inline;
use crate::item::Own;
use crate::lower::{Close, Cut, Feed, Last};
use crate::pipeline::Pipeline;
use crate::report::Report;
use crate::testing::check::{Ran, Sunk};
use crate::testing::oracle::End;
use crate::testing::{Num, PlacedSink, Provable, ScriptedSink};
use crate::{from_source, sink::Sink};
use std::thread;
use std::time::Duration;

/// Runs a pipeline into a sink.
pub(crate) fn into<U, C, S>(
    pipeline: Pipeline<U, C, Own<Num>>,
    sink: S,
    executor: &dyn Provable,
) -> (Ran, Option<S::Done>)
where
    U: Feed,
    S: Sink<Num, Done: 'static> + 'static,
    for<'x> Cut<U, C, Num, Last>: Close<'static, dyn Provable + 'x, Num>,
{
    let whole = pipeline.to(sink);
    let explained = whole.explain(executor).expect("its settings make sense").segments;
    let (ended, mut done) = (whole.run_on(executor), None);
    let ended = ended.map(|report| report.map(|value| done = Some(value)));
    (Ran::of(ended, explained), done)
}

pub(crate) fn into_tee<U, C>(pipeline: Pipeline<U, C, Own<Num>>, end: End, executor: &dyn Provable) -> Ran
where
    U: Feed,
    for<'x> Cut<U, C, Num, Last>: Close<'static, dyn Provable + 'x, Num>,
{
    let ((first, first_log), (second, second_log)) = (ScriptedSink::new(), PlacedSink::new());
    let both = tee(first.told(end.full_at, false), second.told(None, end.fails_to_commit));
    let (ran, _) = into(pipeline, both, executor);
    ran.sunk(vec![Sunk::plain(&first_log), Sunk::placed(&second_log)])
}

pub(crate) fn into_route<U, C>(
    pipeline: Pipeline<U, C, Own<Num>>,
    n: i64,
    end: End,
    executor: &dyn Provable,
) -> Ran
where
    U: Feed,
    for<'x> Cut<U, C, Num, Last>: Close<'static, dyn Provable + 'x, Num>,
{
    let ((first, first_log), (second, second_log)) = (PlacedSink::new(), ScriptedSink::new());
    let is_multiple = move |item: &Num| item.value % n == 0;
    let either = route(is_multiple, first, second.told(None, end.fails_to_commit));
    let (ran, _) = into(pipeline, either, executor);
    ran.sunk(vec![Sunk::placed(&first_log), Sunk::plain(&second_log)])
}

/// One that blocks is read while it is written, by `Inline` on another thread. One that drops is read when it has been written, on the
/// executor itself: so it is known what was dropped.
pub(crate) fn into_branch<U, C>(
    pipeline: Pipeline<U, C, Own<Num>>,
    overflow: Overflow,
    room: usize,
    executor: &dyn Provable,
) -> Ran
where
    U: Feed,
    for<'x> Cut<U, C, Num, Last>: Close<'static, dyn Provable + 'x, Num>,
{
    // Never, as far as tests go.
    let stall_after = Duration::from_secs(600);
    let bound = Bound { items: room, bytes: usize::MAX, overflow, stall_after };
    let (sink, source) = branch::<Num>("the rest", bound).expect("its settings make sense");
    let (end, log) = PlacedSink::new();
    let ((ran, sent), read) = if overflow == Overflow::Block {
        thread::scope(|scope| {
            let reader = scope.spawn(|| ended(from_source(source).to(end).run_on(&Inline)));
            (into(pipeline, sink, executor), reader.join().expect("it panics no more than others"))
        })
    } else {
        let written = into(pipeline, sink, executor);
        (written, ended(from_source::<BranchSource<Num>>(source).to(end).run_on(executor)))
    };
    let behind = agree(&ran, sent, read, log.items().len() as u64);
    ran.sunk(vec![Sunk::placed(&log)]).and_behind(behind)
}

/// Whether the run behind a branch ended as the one before it, and got what was sent and not dropped.
fn agree(ran: &Ran, sent: Option<BranchReport>, read: Result<(), RunError>, got: u64) -> Result<(), String> {
    match (&ran.segments, read) {
        (Ok(_), Ok(())) => match sent {
            Some(BranchReport { sent, dropped }) if (sent, sent - dropped) == (ran.written, got) => Ok(()),
            other => Err(format!("{} items were written and {got} came out, and not {other:?}", ran.written)),
        },
        (Err(_), Err(error)) => match error.stage_error::<BranchError>().map(BranchError::kind) {
            Some(BranchErrorKind::Abandoned) => Ok(()),
            _ => Err(format!("the run behind the branch failed with: {error}")),
        },
        (Ok(_), Err(error)) => Err(format!("only the run behind the branch failed: {error}")),
        (Err(error), Ok(())) => Err(format!("the run behind the branch ended well, and not with: {error}")),
    }
}

fn ended(ran: Result<Report<()>, RunError>) -> Result<(), RunError> {
    ran.map(drop)
}
