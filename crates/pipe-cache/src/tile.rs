//! Tile by tile.

use crate::ahead::{fetch, is_large};
use crate::each::each;
use crate::element::Element;
use pipe_core::kernel::{Compare, Op, Program};
use pulp::{Simd, WithSimd};

/// A program over a block: one operation after the other over a tile, which stays in the first level of the cache, then the next tile. So
/// a long program reads and writes the memory once.
pub(crate) struct Tiles<'b, T: Element> {
    pub(crate) program: &'b Program<T>,
    pub(crate) block: &'b mut [T],
    /// How many numbers.
    pub(crate) tile: usize,
}

impl<T: Element> WithSimd for Tiles<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let ops = self.program.ops();
        let tile = self.tile.max(1);
        // Of the next tile a part is fetched with each operation.
        let part = if is_large(self.block) { tile.div_ceil(ops.len().max(1)) } else { 0 };
        let mut rest = self.block;
        while !rest.is_empty() {
            let (now, behind) = rest.split_at_mut(tile.min(rest.len()));
            for (at, op) in ops.iter().enumerate() {
                fetch(behind, at * part, part);
                apply(*op, now);
            }
            rest = behind;
        }
    }
}

/// A loop for each operation, so that what kind it is is asked once per tile.
#[inline(always)]
pub(crate) fn apply<T: Element>(op: Op<T>, tile: &mut [T]) {
    match op {
        Op::Add(term) => each(
            tile,
            #[inline(always)]
            |x| x.plus(term),
        ),
        Op::Sub(term) => each(
            tile,
            #[inline(always)]
            |x| x.minus(term),
        ),
        Op::Scale(factor) => each(
            tile,
            #[inline(always)]
            |x| x.times(factor),
        ),
        Op::MulAdd(factor, term) => each(
            tile,
            #[inline(always)]
            |x| x.times_plus(factor, term),
        ),
        Op::Square => each(
            tile,
            #[inline(always)]
            |x| x.times(x),
        ),
        Op::Abs => each(
            tile,
            #[inline(always)]
            |x| x.magnitude(),
        ),
        Op::Neg => each(
            tile,
            #[inline(always)]
            |x| x.negated(),
        ),
        Op::Clamp(low, high) => each(
            tile,
            #[inline(always)]
            |x| {
                let bounded = if x > high { high } else { x };
                if x < low { low } else { bounded }
            },
        ),
        Op::Keep(compare, bound, other) => keep(compare, bound, other, tile),
        Op::Only(op) => T::only_tile(op, tile),
        op => each(tile, |x| op.apply(x)),
    }
}

#[inline(always)]
fn keep<T: Element>(compare: Compare, bound: T, other: T, tile: &mut [T]) {
    match compare {
        Compare::Less => each(
            tile,
            #[inline(always)]
            |x| if x < bound { x } else { other },
        ),
        Compare::LessOrEqual => each(
            tile,
            #[inline(always)]
            |x| if x <= bound { x } else { other },
        ),
        Compare::Equal => each(
            tile,
            #[inline(always)]
            |x| if x == bound { x } else { other },
        ),
        Compare::NotEqual => each(
            tile,
            #[inline(always)]
            |x| if x != bound { x } else { other },
        ),
        Compare::GreaterOrEqual => each(
            tile,
            #[inline(always)]
            |x| if x >= bound { x } else { other },
        ),
        Compare::Greater => each(
            tile,
            #[inline(always)]
            |x| if x > bound { x } else { other },
        ),
    }
}
