//! A program, and what is made of its results.

use crate::kernel::number::Number;
use crate::kernel::program::Program;
use crate::kernel::reduce::Reduction;
use crate::kernel::runner::KernelWorker;
use crate::stage::BoxError;

/// A reduction of what a program makes of the numbers: `.reduce(Mapped(program, Sum))` is `.kernel(program).reduce(Sum)`, bit for bit, and the results of the
/// program go nowhere else. A device does both in one pass, and nothing but the result comes back.
///
/// ```
/// use pipe_core::kernel::{Blocks, Compare, Count, Mapped, Program};
/// use pipe_core::{Inline, from_source};
///
/// let fahrenheit = Program::new().scale(1.8).add(32.0);
/// let boiling = Mapped(fahrenheit, Count(Compare::GreaterOrEqual, 212.0));
/// let celsius = Blocks::new(vec![0.0_f32, 99.0, 100.0, 180.0], 2);
/// assert_eq!(from_source(celsius).reduce(boiling).run_on(&Inline)?.value, Some(2));
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Mapped<T: Number, R>(
    /// What is made of each number.
    pub Program<T>,
    /// What is made of all results.
    pub R,
);

impl<T: Number, R: Reduction<T>> Reduction<T> for Mapped<T, R> {
    type Partial = R::Partial;

    fn reduce(&self, worker: &mut dyn KernelWorker<T>, block: &[T]) -> Result<R::Partial, BoxError> {
        self.1.reduce_mapped(worker, &self.0, block)
    }

    fn merge(&self, all: &mut R::Partial, next: R::Partial) {
        self.1.merge(all, next);
    }
}

/// What a program makes of a block.
pub(crate) fn mapped<T: Number>(
    worker: &mut (impl KernelWorker<T> + ?Sized),
    program: &Program<T>,
    block: &[T],
) -> Result<Vec<T>, BoxError> {
    let mut results = block.to_vec();
    worker.run(program, &mut results)?;
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{ArgMinMax, Blocks, Compare, Count, Histogram, MeanVar, MinMax, Sum};
    use crate::{Inline, from_source};
    use std::fmt::Debug;

    #[test]
    fn every_reduction_of_mapped_numbers_is_that_of_a_program_and_then_the_reduction() {
        fn same<R: Reduction<f32, Partial: PartialEq + Debug> + Clone>(reduction: &R) {
            let program = Program::new().scale(-1.5).add(0.3).clamp(-40.0, 20.0);
            for (len, size) in [(0, 3), (1, 3), (100, 7), (100, 100)] {
                let blocks = || Blocks::new((0..len).map(|n| n as f32 * 0.37 - 5.0).collect(), size);
                let one = from_source(blocks()).reduce(Mapped(program.clone(), reduction.clone()));
                let two = from_source(blocks()).kernel(program.clone()).reduce(reduction.clone());
                assert_eq!(one.run_on(&Inline).unwrap().value, two.run_on(&Inline).unwrap().value);
            }
        }
        same(&Count(Compare::Less, 3.0));
        same(&Sum);
        same(&MinMax);
        same(&ArgMinMax);
        same(&MeanVar);
        same(&Histogram::new(-10.0, 10.0, 7).unwrap());
        same(&Mapped(Program::new().abs(), Sum));
    }
}
