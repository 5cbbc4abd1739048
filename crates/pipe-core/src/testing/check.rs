//! Whether a run gave what the oracle says.

use crate::adapters::Fold;
use crate::error::RunError;
use crate::item::Own;
use crate::lower::{Close, Cut, Feed, Last};
use crate::pipeline::Pipeline;
use crate::report::{Report, SegmentReport};
use crate::stage::Then;
use crate::testing::oracle::{End, Expected};
use crate::testing::steps::{self, Total};
use crate::testing::{Finish, LetterLog, Num, PlacedSink, Provable, ScriptedSink, Shape, SinkLog, ends};

/// What came of a run.
pub(crate) struct Ran {
    pub(crate) segments: Result<Vec<SegmentReport>, RunError>,
    pub(crate) explained: Vec<SegmentReport>,
    sinks: Vec<Sunk>,
    /// What is wrong with the run behind a branch.
    behind: Result<(), String>,
    total: Option<Total>,
    pub(crate) written: u64,
    /// How many workers took part, if it ended well.
    pub(crate) workers: Option<usize>,
}

/// What one of its sinks saw.
pub(crate) struct Sunk {
    /// With positions where it asked for them.
    items: Vec<(Option<u64>, Num)>,
    commits: usize,
    drops: usize,
}

impl Sunk {
    pub(crate) fn plain(log: &SinkLog<Num>) -> Self {
        let items = log.items().into_iter().map(|item| (None, item)).collect();
        Sunk { items, commits: log.commits(), drops: log.drops() }
    }

    pub(crate) fn placed(log: &SinkLog<(Option<u64>, Num)>) -> Self {
        Sunk { items: log.items(), commits: log.commits(), drops: log.drops() }
    }
}

/// Ends a pipeline as `finish` says and runs it.
pub(crate) fn run<U, C>(pipeline: Pipeline<U, C, Own<Num>>, finish: Finish, executor: &dyn Provable) -> Ran
where
    U: Feed,
    for<'x> Cut<U, C, Num, Last>: Close<'static, dyn Provable + 'x, Num>,
    for<'x> FoldCut<U, C>: Close<'static, dyn Provable + 'x, Total>,
{
    match finish {
        Finish::Sink(end) => into_sink(pipeline, end, executor),
        Finish::Placed(end) => into_placed_sink(pipeline, end, executor),
        Finish::Fold => into_fold(pipeline, executor),
        Finish::Tee(end) => ends::into_tee(pipeline, end, executor),
        Finish::Route(n, end) => ends::into_route(pipeline, n, end, executor),
        Finish::Branch(overflow, room) => ends::into_branch(pipeline, overflow, room, executor),
    }
}

pub(crate) fn into_sink<U, C>(pipeline: Pipeline<U, C, Own<Num>>, end: End, executor: &dyn Provable) -> Ran
where
    U: Feed,
    for<'x> Cut<U, C, Num, Last>: Close<'static, dyn Provable + 'x, Num>,
{
    let (sink, log) = ScriptedSink::new();
    let ran = ends::into(pipeline, sink.told(end.full_at, end.fails_to_commit), executor).0;
    ran.sunk(vec![Sunk::plain(&log)])
}

pub(crate) fn into_placed_sink<U, C>(
    pipeline: Pipeline<U, C, Own<Num>>,
    end: End,
    executor: &dyn Provable,
) -> Ran
where
    U: Feed,
    for<'x> Cut<U, C, Num, Last>: Close<'static, dyn Provable + 'x, Num>,
{
    let (sink, log) = PlacedSink::new();
    let ran = ends::into(pipeline, sink.told(end.full_at, end.fails_to_commit), executor).0;
    ran.sunk(vec![Sunk::placed(&log)])
}

pub(crate) fn into_fold<U, C>(pipeline: Pipeline<U, C, Own<Num>>, executor: &dyn Provable) -> Ran
where
    U: Feed,
    for<'x> FoldCut<U, C>: Close<'static, dyn Provable + 'x, Total>,
{
    let start: fn() -> Total = Total::default;
    let whole = pipeline.fold(start, steps::add as FoldFn, steps::merge);
    let explained = whole.explain(executor).expect("its settings make sense").segments;
    let ran = whole.run_on(executor);
    let total = ran.as_ref().ok().map(|report| report.value);
    Ran { total, ..Ran::of(ran, explained) }
}

/// What a fold of a test does with an item.
type FoldFn = fn(&mut Total, Num);

/// A chain with the fold behind it.
pub(crate) type FoldCut<U, C> = Cut<U, Then<C, Fold<fn() -> Total, FoldFn, Total>>, Total, Last>;

impl Ran {
    pub(crate) fn of<T>(ended: Result<Report<T>, RunError>, explained: Vec<SegmentReport>) -> Self {
        let report = ended.as_ref().ok();
        let (written, workers) =
            (report.map_or(0, |report| report.written), report.map(|report| report.workers));
        let segments = ended.map(|report| report.segments);
        Ran { segments, explained, sinks: Vec::new(), behind: Ok(()), total: None, written, workers }
    }

    pub(crate) fn sunk(self, sinks: Vec<Sunk>) -> Self {
        Ran { sinks, ..self }
    }

    pub(crate) fn and_behind(self, behind: Result<(), String>) -> Self {
        Ran { behind, ..self }
    }
}

/// Whether a run of a pipeline of this shape gave what was expected; the first difference, in words.
pub(crate) fn differs(
    ran: &Ran,
    shape: &Shape,
    finish: Finish,
    expected: &Expected,
    log: &LetterLog,
) -> Result<(), String> {
    let unordered = shape.any_order;
    rows_agree(ran, shape)?;
    if let Err(RunError::TooManyFailures { stage, .. }) = &ran.segments
        && expected.may_abort.contains(stage)
    {
        // How far it came depends on who failed first.
        return aborted(ran, finish, expected, unordered);
    }
    match (&ran.segments, &expected.error) {
        (Ok(_), None) => {}
        (Err(error), Some(expected)) if error.to_string() == *expected => {}
        (Ok(_), Some(expected)) => return Err(format!("it ended well, and not with: {expected}")),
        (Err(error), None) => return Err(format!("it failed: {error}")),
        (Err(error), Some(expected)) => {
            return Err(format!("it failed with: {error}; and not with: {expected}"));
        }
    }
    outputs_agree(ran, finish, expected, unordered)?;
    ran.behind.clone()?;
    letters_agree(ran, expected, log)?;
    if let Ok(segments) = &ran.segments {
        accounts_agree(segments, ran.written, shape, expected)?;
    }
    Ok(())
}

/// What `explain` said before is what the report says after, and what was built.
fn rows_agree(ran: &Ran, shape: &Shape) -> Result<(), String> {
    let row = |segment: &SegmentReport| {
        let stages = segment.stages.iter();
        let stages: Vec<_> =
            stages.map(|stage| (stage.name.clone(), stage.policy.clone(), stage.attempts)).collect();
        (segment.kind, segment.order == crate::Order::Any, stages)
    };
    let built: Vec<_> = shape
        .parts
        .iter()
        .map(|part| {
            let stages = part.links.iter().map(|link| {
                (link.name.clone(), link.rule.unwrap_or_default().to_string(), link.attempts.unwrap_or(1))
            });
            (part.kind, part.any_order, stages.collect::<Vec<_>>())
        })
        .collect();
    let explained: Vec<_> = ran.explained.iter().map(row).collect();
    if explained != built {
        return Err(format!("`explain` says {explained:?}, and what was built is {built:?}"));
    }
    if let Ok(segments) = &ran.segments {
        let reported: Vec<_> = segments.iter().map(row).collect();
        if reported != built {
            return Err(format!("the report says {reported:?}, and what was built is {built:?}"));
        }
    }
    Ok(())
}

fn outputs_agree(ran: &Ran, finish: Finish, expected: &Expected, unordered: bool) -> Result<(), String> {
    if finish == Finish::Fold {
        let total = expected.error.is_none().then_some(expected.total);
        return same("the fold's result", &ran.total, &total);
    }
    for (number, (sunk, wanted)) in ran.sinks.iter().zip(finish.wanted(expected)).enumerate() {
        let what = format!("commits and drops of sink {number}");
        same(&what, &(sunk.commits, sunk.drops), &(wanted.commits, 1))?;
        let place = |at: Option<u64>| wanted.places.then(|| at.unwrap_or(u64::MAX));
        let mut items: Vec<_> = wanted.items.iter().map(|(at, item)| (place(*at), *item)).collect();
        let mut got = sunk.items.clone();
        if unordered {
            items.sort_unstable();
            got.sort_unstable();
        }
        if !wanted.all {
            items.truncate(got.len());
        }
        if got != items {
            let at = got.iter().zip(&items).position(|(a, b)| a != b).unwrap_or(got.len().min(items.len()));
            return Err(format!(
                "sink {number} got {} items, and not {}; the first other one is number {at}: {:?}, and not {:?}",
                got.len(),
                items.len(),
                got.get(at),
                items.get(at)
            ));
        }
    }
    Ok(())
}

fn letters_agree(ran: &Ran, expected: &Expected, log: &LetterLog) -> Result<(), String> {
    // Records are looked at where there are any.
    let mut letters = log.letters();
    letters.iter_mut().for_each(|letter| letter.record = None);
    letters.sort();
    if ran.segments.is_ok() && expected.exact_from == 0 {
        let other = letters.iter().zip(&expected.letters).find(|(got, wanted)| got != wanted);
        other.map_or(Ok(()), |(got, wanted)| same("a dead letter", got, wanted))?;
        return same("the number of dead letters", &letters.len(), &expected.letters.len());
    }
    // More may have been read than was needed.
    let missing = expected.letters.iter().find(|letter| !letters.contains(letter));
    missing.map_or(Ok(()), |letter| Err(format!("a dead letter is missing: {letter:?}")))
}

fn accounts_agree(
    segments: &[SegmentReport],
    written: u64,
    shape: &Shape,
    expected: &Expected,
) -> Result<(), String> {
    for (index, (segment, account)) in segments.iter().zip(&expected.accounts).enumerate() {
        if index < expected.exact_from {
            continue;
        }
        let next = segments.get(index + 1);
        let arrived = next.map_or(written, |next| next.taken);
        if segment.emitted != arrived && !next.is_some_and(|next| next.had_enough) {
            let emitted = segment.emitted;
            return Err(format!("segment {index} emitted {emitted} items, and {arrived} came to the next"));
        }
        let is_fold = shape.folds && index + 1 == segments.len();
        let emitted = if is_fold { segment.emitted } else { account.emitted };
        let what = format!("what segment {index} took and emitted");
        same(&what, &(segment.taken, segment.emitted), &(account.taken, emitted))?;
        let counts = segment.stages.iter().map(|stage| [stage.skipped, stage.dead_lettered, stage.retried]);
        let what = format!("what the stages of segment {index} skipped, wrote down and retried");
        same(&what, &counts.collect::<Vec<_>>(), &account.stages)?;
    }
    Ok(())
}

/// A run that was ended by a share of failures: nothing but a beginning of the outputs, and no commit.
fn aborted(ran: &Ran, finish: Finish, expected: &Expected, unordered: bool) -> Result<(), String> {
    if finish == Finish::Fold {
        return Ok(());
    }
    for (sunk, wanted) in ran.sinks.iter().zip(finish.wanted(expected)) {
        same("commits and drops of a sink", &(sunk.commits, sunk.drops), &(0, 1))?;
        let begins = sunk.items.len() <= wanted.items.len()
            && (unordered || sunk.items.iter().zip(&wanted.items).all(|((_, a), (_, b))| a == b));
        if !begins {
            return Err("a sink of an aborted run got other items".to_owned());
        }
    }
    Ok(())
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: &T, wanted: &T) -> Result<(), String> {
    if got == wanted { Ok(()) } else { Err(format!("{what}: {got:?}, and not {wanted:?}")) }
}
