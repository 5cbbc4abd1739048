//! From a case to the pipeline itself, adapter by adapter.

use crate::adapters::Identity;
use crate::item::Own;
use crate::lower::Boxed;
use crate::pipeline::{Pipeline, Retries};
use crate::retry::{Retry, exponential};
use crate::source::{from_iter, from_source};
use crate::stage::Step;
use crate::testing::case::{Block, Case};
use crate::testing::steps::{self, Same};
use crate::testing::{LetterLog, Num, Op, Pull, ScriptedSource};
use std::time::Duration;

/// A pipeline over numbers whose type has ended.
pub(crate) type Numbers = Open<Identity>;

/// The same with stages that wait to be fused.
type Open<C> = Pipeline<Boxed<'static, Num>, C, Own<Num>>;

/// Attempts without waits.
pub(crate) fn at_once(attempts: u32) -> Retry {
    exponential(attempts).first(Duration::ZERO)
}

impl Case {
    /// The pipeline, up to its end. Letters go to `log`.
    pub(crate) fn pipeline(&self, log: &LetterLog) -> Numbers {
        let start = if self.from_iter {
            let given = self.script.iter().flat_map(|pull| match pull {
                Pull::Give(items) => items.clone(),
                Pull::Fail(_) | Pull::Panic(_) => Vec::new(),
            });
            from_iter(given.collect::<Vec<_>>()).boxed()
        } else {
            from_source(ScriptedSource::new(self.script.clone())).boxed()
        };
        let built = self.blocks.iter().fold(start, |pipeline, block| {
            let pipeline = match block.ops[0] {
                op if op.is_serial() => serial(pipeline, op),
                Op::Edge if block.unordered => pipeline.edge().unordered().boxed(),
                Op::Edge => pipeline.edge().boxed(),
                _ => first(pipeline, block),
            };
            match block.rule {
                Some(rule) => pipeline.on_error(rule.policy(log)),
                None => pipeline,
            }
        });
        match self.last_rule {
            Some(rule) => built.on_error(rule.policy(log)),
            None => built,
        }
    }
}

/// Adds the adapter of a fusable op, and goes on with `$then`: a function that is generic over the chain.
macro_rules! fuse {
    ($pipeline:expr, $op:expr, $then:path, $($more:expr),*) => {
        match $op {
            Op::Pass => $then($pipeline.map(|item| item), $($more),*),
            Op::Map(n) => $then($pipeline.map(steps::map(n)), $($more),*),
            Op::Filter(n) => $then($pipeline.filter(steps::filter(n)), $($more),*),
            Op::FilterMap(n) => $then($pipeline.filter_map(steps::filter_map(n)), $($more),*),
            Op::TryMap(n) => $then($pipeline.try_map(steps::try_map(n)), $($more),*),
            Op::Flaky(n, fails) => $then($pipeline.try_map(steps::flaky(n, fails)), $($more),*),
            Op::FlatMap(n) => $then($pipeline.flat_map(steps::flat_map(n)), $($more),*),
            Op::MapWith(n) => $then($pipeline.map_with(steps::multiplier(n), steps::multiply), $($more),*),
            Op::Inspect => $then($pipeline.inspect(steps::look), $($more),*),
            Op::Panics(n) => $then($pipeline.inspect(steps::panics(n)), $($more),*),
            Op::Counted => $then($pipeline.counted(), $($more),*),
            Op::Own(n) => $then($pipeline.stage(steps::Own(n)), $($more),*),
            other => unreachable!("{other:?} does not fuse"),
        }
    };
}

fn first(pipeline: Numbers, block: &Block) -> Numbers {
    fuse!(pipeline, block.ops[0], second, block)
}

fn second<C: Step<Num, Out = Num> + Retries<Boxed<'static, Num>> + 'static>(
    pipeline: Open<C>,
    block: &Block,
) -> Numbers {
    let pipeline = tried(pipeline, block.attempts[0]);
    match block.ops.get(1) {
        None => closed(pipeline, block),
        Some(op) => fuse!(pipeline, *op, third, block),
    }
}

fn third<C: Step<Num, Out = Num> + Retries<Boxed<'static, Num>> + 'static>(
    pipeline: Open<C>,
    block: &Block,
) -> Numbers {
    closed(tried(pipeline, block.attempts[1]), block)
}

fn tried<C: Retries<Boxed<'static, Num>>>(pipeline: Open<C>, attempts: Option<u32>) -> Open<C> {
    match attempts {
        Some(attempts) => pipeline.retry(at_once(attempts)),
        None => pipeline,
    }
}

fn closed<C: Step<Num, Out = Num> + 'static>(pipeline: Open<C>, block: &Block) -> Numbers {
    if block.unordered { pipeline.unordered().boxed() } else { pipeline.boxed() }
}

fn serial(pipeline: Numbers, op: Op) -> Numbers {
    match op {
        Op::Scan => pipeline.scan(steps::zero, steps::sum).boxed(),
        Op::Take(n) => pipeline.take(n).boxed(),
        Op::Skip(n) => pipeline.skip(n).boxed(),
        Op::TakeWhile(n) => pipeline.take_while(steps::filter(n)).boxed(),
        Op::Enumerate => pipeline.enumerate().map(steps::numbered).boxed(),
        Op::Dedup => pipeline.map(Same).dedup().map(steps::different).boxed(),
        Op::DedupBy(n) => pipeline.dedup_by_key(steps::quotient(n)).boxed(),
        Op::Batch(n) => pipeline.batch(n).map(steps::joined).boxed(),
        Op::Windows(size, every) => pipeline.windows(size, every).map(steps::joined).boxed(),
        Op::Serial(n) => pipeline.serial(steps::Delta(n)).boxed(),
        other => unreachable!("{other:?} fuses"),
    }
}
