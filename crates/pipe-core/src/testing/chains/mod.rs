//! Chains written out stage by stage, each compiled into one loop: nothing is boxed in between, as in a program.
//!
//! Random pipelines are boxed block by block, so that they can be made at run time. These are not: so what fuses is what a user's chain
//! fuses to. Each runs from an iterator and from a script of batches, into a sink, a sink that asks for positions, and a fold, under
//! every policy; and each time the naive loop says what comes out.

#[macro_use]
mod macros;

mod fused;
mod rows;
mod serial;

use crate::item::Own;
use crate::lower::{Close, Cut, Feed, Last};
use crate::pipeline::{Pipeline, Retries};

use crate::testing::build::at_once;
use crate::testing::check::{self, FoldCut, Ran};
use crate::testing::oracle::{self, End};
use crate::testing::shape::{Outcome, Rule, Shape};
use crate::testing::steps::Total;
use crate::testing::{Coverage, Finish, LetterLog, Num, Op, Provable, Pull, Rng, ScriptedSource};

/// A chain: as data, and as the function that runs it.
pub(super) struct Chain {
    ops: Vec<Op>,
    run: fn(&Trial<'_>) -> Ran,
}

/// How a chain is run.
pub(super) struct Trial<'t> {
    executor: &'t dyn Provable,
    input: &'t [Vec<Num>],
    start: Start,
    finish: Finish,
    rule: Rule,
    attempts: Option<u32>,
    log: LetterLog,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Iter,
    Script,
}

/// What a fold follows would count attempts; the builder refuses it.
fn refused(shape: &Shape, finish: Finish, attempts: Option<u32>) -> bool {
    let open = shape.parts.last().map_or(&[][..], |part| &part.links);
    let many = open.iter().any(|link| matches!(link.op, Op::FlatMap(_) | Op::Own(_)));
    finish == Finish::Fold && attempts.is_some() && many
}

/// Every written-out chain, in every way. All adapters that fuse stand next to each other in them: `Coverage::has_pair` tells.
pub fn written_chains(executor: &dyn Provable) -> Coverage {
    let mut coverage = Coverage::new();
    let rules = [
        (Rule::plain(Outcome::Fail), None),
        (Rule::plain(Outcome::Skip), None),
        (Rule::plain(Outcome::Letter), None),
        (Rule { then: Outcome::Letter, abort_above: Some(1.0) }, Some(2)),
        (Rule { then: Outcome::Skip, abort_above: Some(0.5) }, None),
        (Rule::plain(Outcome::Fail), Some(4)),
    ];
    let ways = [
        (Start::Iter, Finish::Sink(End::default())),
        (Start::Iter, Finish::Fold),
        (Start::Script, Finish::Placed(End::default())),
    ];
    let input = input();
    let (fused, serial, rows) = (fused::chains(), serial::chains(), rows::chains());
    for chain in fused.iter().chain(&serial).chain(&rows) {
        for (start, finish) in ways {
            for (rule, attempts) in rules {
                let log = LetterLog::new();
                let trial = Trial { executor, input: &input, start, finish, rule, attempts, log };
                if let Some(ran) = trial.of(chain) {
                    coverage.note_run(executor, &ran);
                }
            }
        }
    }
    coverage
}

/// Enough for several batches, and for each stage to meet what it looks for.
fn input() -> Vec<Vec<Num>> {
    let (mut rng, mut next) = (Rng::new(9), 0);
    let mut item = |rng: &mut Rng| {
        next += 1;
        Num::input(next, rng.below(900) as i64)
    };
    (0..9).map(|_| (0..=rng.below(30)).map(|_| item(&mut rng)).collect()).collect()
}

impl Trial<'_> {
    /// Runs a chain, and compares it with the naive loop. `None`: such a chain is refused.
    fn of(&self, chain: &Chain) -> Option<Ran> {
        let mut shape = Shape::new();
        chain.ops.iter().for_each(|op| shape.add(*op));
        self.attempts.iter().for_each(|attempts| shape.retry(*attempts));
        shape.on_error(self.rule);
        let last_is_open = shape.parts.last().is_some_and(|part| !part.links.is_empty());
        if last_is_open && refused(&shape, self.finish, self.attempts) {
            return None;
        }
        if self.finish == Finish::Fold {
            shape.fold();
        }
        let shape = shape.finished();
        let script: Vec<_> = self.input.iter().cloned().map(Pull::Give).collect();
        let expected = oracle::expect(&shape, &script, self.finish.end());
        let ran = (chain.run)(self);
        if let Err(why) = check::differs(&ran, &shape, self.finish, &expected, &self.log) {
            let text: String = chain.ops.iter().map(Op::to_string).collect();
            let Trial { start, finish, rule, attempts, .. } = self;
            panic!(
                "the chain gives something else than the naive loop: {why}\n{start:?} {text} \
                 [{rule}, attempts: {attempts:?}] {finish:?}"
            );
        }
        Some(ran)
    }

    fn items(&self) -> Vec<Num> {
        self.input.concat()
    }

    fn source(&self) -> ScriptedSource<Num> {
        ScriptedSource::new(self.input.iter().cloned().map(Pull::Give))
    }

    fn set<U, C: Retries<U>>(&self, pipeline: Pipeline<U, C, Own<Num>>) -> Pipeline<U, C, Own<Num>> {
        let pipeline = match self.attempts {
            Some(attempts) => pipeline.retry(at_once(attempts)),
            None => pipeline,
        };
        pipeline.on_error(self.rule.policy(&self.log))
    }

    /// From an iterator: the loop by hand, where nothing asks for batches.
    fn straight<U, C>(&self, pipeline: Pipeline<U, C, Own<Num>>) -> Ran
    where
        U: Feed,
        C: Retries<U>,
        for<'x> Cut<U, C, Num, Last>: Close<'static, dyn Provable + 'x, Num>,
        for<'x> FoldCut<U, C>: Close<'static, dyn Provable + 'x, Total>,
    {
        let pipeline = self.set(pipeline);
        match self.finish {
            Finish::Fold => check::into_fold(pipeline, self.executor),
            other => check::into_sink(pipeline, other.end(), self.executor),
        }
    }

    /// From batches, with positions.
    fn batched<U, C>(&self, pipeline: Pipeline<U, C, Own<Num>>) -> Ran
    where
        U: Feed,
        C: Retries<U>,
        for<'x> Cut<U, C, Num, Last>: Close<'static, dyn Provable + 'x, Num>,
    {
        check::into_placed_sink(self.set(pipeline), self.finish.end(), self.executor)
    }
}
