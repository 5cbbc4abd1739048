//! From a case to the pipeline itself, adapter by adapter.

use crate::adapters::Identity;
use crate::item::Own;
use crate::lower::{AnyWorkers, Cut, Lower};
use crate::pipeline::{Pipeline, Retries};
use crate::retry::{Retry, exponential};
use crate::stage::Step;
use crate::testing::case::{Block, Case};
use crate::testing::sealed::{Numbers, Sealed, sealed};
use crate::testing::steps::{self, Same};
use crate::testing::{LetterLog, Num, Op, Provable, reactor};
use std::time::Duration;

/// A pipeline over numbers with stages that wait to be fused.
type Open<C> = Pipeline<Sealed, C, Own<Num>>;

/// Attempts without waits.
pub(crate) fn at_once(attempts: u32) -> Retry {
    exponential(attempts).first(Duration::ZERO)
}

impl Case {
    /// The pipeline, up to its end. Letters go to `log`.
    pub(crate) fn pipeline(&self, log: &LetterLog) -> Numbers {
        let start = self.input.pipeline(&self.script, self.input_attempts);
        let built = self.blocks.iter().fold(start, |pipeline, block| {
            let pipeline = match block.ops[0] {
                op if op.is_serial() => serial(pipeline, op),
                op if op.is_async() => asynchronous(pipeline, block),
                Op::Edge if block.unordered => sealed(pipeline.edge().unordered()),
                Op::Edge => sealed(pipeline.edge()),
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
            Op::Kernel(n) => $then(
                $pipeline.map(steps::block).kernel(steps::program(n)).map(steps::of_block(n)),
                $($more),*
            ),
            other => unreachable!("{other:?} does not fuse"),
        }
    };
}

fn first(pipeline: Numbers, block: &Block) -> Numbers {
    fuse!(pipeline, block.ops[0], second, block)
}

fn second<C: Step<Num, Out = Num> + Retries<Sealed> + 'static>(pipeline: Open<C>, block: &Block) -> Numbers {
    let pipeline = tried(pipeline, block.attempts[0]);
    match block.ops.get(1) {
        None => closed(pipeline, block),
        Some(op) => fuse!(pipeline, *op, third, block),
    }
}

fn third<C: Step<Num, Out = Num> + Retries<Sealed> + 'static>(pipeline: Open<C>, block: &Block) -> Numbers {
    closed(tried(pipeline, block.attempts[1]), block)
}

fn tried<C: Retries<Sealed>>(pipeline: Open<C>, attempts: Option<u32>) -> Open<C> {
    match attempts {
        Some(attempts) => pipeline.retry(at_once(attempts)),
        None => pipeline,
    }
}

fn closed<C: Step<Num, Out = Num> + 'static>(pipeline: Open<C>, block: &Block) -> Numbers {
    if block.unordered { sealed(pipeline.unordered()) } else { sealed(pipeline) }
}

fn asynchronous(pipeline: Numbers, block: &Block) -> Numbers {
    // Setters behind an async stage mean that stage.
    match block.ops[0] {
        Op::MapAsync(n, most) => {
            let pipeline = pipeline.map_async(reactor::passing(n)).concurrency(most);
            waited(pipeline, block)
        }
        Op::TryMapAsync(n, fails, most) => {
            let pipeline = pipeline.try_map_async(reactor::failing(n, fails)).concurrency(most);
            waited(pipeline, block)
        }
        other => unreachable!("{other:?} does not wait"),
    }
}

fn waited<U: 'static>(pipeline: Pipeline<U, Identity, Own<Num>>, block: &Block) -> Numbers
where
    Identity: Retries<U>,
    Cut<U, Identity, Num, AnyWorkers>: Lower<'static, dyn Provable>,
{
    let pipeline = match block.attempts[0] {
        Some(attempts) => pipeline.retry(at_once(attempts)),
        None => pipeline,
    };
    if block.unordered { sealed(pipeline.unordered()) } else { sealed(pipeline) }
}

fn serial(pipeline: Numbers, op: Op) -> Numbers {
    match op {
        Op::Scan => sealed(pipeline.scan(steps::zero, steps::sum)),
        Op::Take(n) => sealed(pipeline.take(n)),
        Op::Skip(n) => sealed(pipeline.skip(n)),
        Op::TakeWhile(n) => sealed(pipeline.take_while(steps::filter(n))),
        Op::Enumerate => sealed(pipeline.enumerate().map(steps::numbered)),
        Op::Dedup => sealed(pipeline.map(Same).dedup().map(steps::different)),
        Op::DedupBy(n) => sealed(pipeline.dedup_by_key(steps::quotient(n))),
        Op::Batch(n) => sealed(pipeline.batch(n).map(steps::joined)),
        Op::Windows(size, every) => sealed(pipeline.windows(size, every).map(steps::joined)),
        Op::Serial(n) => sealed(pipeline.serial(steps::Delta(n))),
        other => unreachable!("{other:?} fuses"),
    }
}
