//! Random pipelines, built from the adapters, and what they give when each stage is a loop over a vector.

use crate::adapters::Identity;
use crate::item::Own;
use crate::lower::Boxed;
use crate::pipeline::Pipeline;
use crate::policy::skip;
use crate::testing::Rng;
use std::rc::Rc;

/// One stage over `i64`, with its naive meaning in [`Op::naive`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `map`: adds.
    Add(i64),
    /// `filter`: drops multiples.
    DropMultiples(i64),
    /// `filter_map`: drops multiples, halves the rest.
    HalveOthers(i64),
    /// `try_map` with `skip()`: multiples fail.
    FailMultiples(i64),
    /// `flat_map`: each item that many times, counted up.
    Repeat(i64),
    /// `map_with`: multiplies by a per-worker state that is not `Send`.
    Times(i64),
    /// `inspect`.
    Look,
    /// An edge.
    Edge,
}

impl Op {
    /// A random one.
    pub fn random(rng: &mut Rng) -> Op {
        let number = 2 + rng.below(5) as i64;
        match rng.below(8) {
            0 => Op::Add(number),
            1 => Op::DropMultiples(number),
            2 => Op::HalveOthers(number),
            3 => Op::FailMultiples(number),
            4 => Op::Repeat(number - 2),
            5 => Op::Times(number),
            6 => Op::Look,
            _ => Op::Edge,
        }
    }

    /// The stage as a loop.
    pub fn naive(self, items: Vec<i64>) -> Vec<i64> {
        let mut out = Vec::new();
        for item in items {
            match self {
                Op::Add(n) => out.push(item.wrapping_add(n)),
                Op::DropMultiples(n) | Op::FailMultiples(n) if item % n == 0 => {}
                Op::HalveOthers(n) if item % n == 0 => {}
                Op::HalveOthers(_) => out.push(item / 2),
                Op::Repeat(n) => {
                    for k in 0..n {
                        out.push(item.wrapping_add(k));
                    }
                }
                Op::Times(n) => out.push(item.wrapping_mul(n)),
                Op::DropMultiples(_) | Op::FailMultiples(_) | Op::Look | Op::Edge => out.push(item),
            }
        }
        out
    }

    /// The stage as an adapter.
    pub fn add_to(self, pipeline: Numbers) -> Numbers {
        match self {
            Op::Add(n) => pipeline.map(move |item| item.wrapping_add(n)).boxed(),
            Op::DropMultiples(n) => pipeline.filter(move |item| item % n != 0).boxed(),
            Op::HalveOthers(n) => {
                pipeline.filter_map(move |item| (item % n != 0).then_some(item / 2)).boxed()
            }
            Op::FailMultiples(n) => {
                let odd = move |item| {
                    if item % n == 0 { Err(format!("{item} is a multiple of {n}")) } else { Ok(item) }
                };
                pipeline.try_map(odd).on_error(skip()).boxed()
            }
            Op::Repeat(n) => {
                pipeline.flat_map(move |item: i64| (0..n).map(move |k| item.wrapping_add(k))).boxed()
            }
            Op::Times(n) => pipeline.map_with(move || Rc::new(n), |n, item| item.wrapping_mul(**n)).boxed(),
            Op::Look => pipeline.inspect(|_| ()).boxed(),
            Op::Edge => pipeline.edge().boxed(),
        }
    }
}

/// A pipeline over `i64` whose type has ended.
pub type Numbers = Pipeline<Boxed<'static, i64>, Identity, Own<i64>>;

/// The pipeline of these stages.
pub fn build(start: Numbers, ops: &[Op]) -> Numbers {
    ops.iter().fold(start, |pipeline, op| op.add_to(pipeline))
}

/// What the stages give, one loop after the other.
pub fn naive(items: Vec<i64>, ops: &[Op]) -> Vec<i64> {
    ops.iter().fold(items, |items, op| op.naive(items))
}
