//! The reference: plain loops, which every other runner is compared with.

use crate::kernel::number::Number;
use crate::kernel::program::Program;
use crate::kernel::runner::{KernelWorker, KernelWorkers, Runner};
use crate::stage::BoxError;

/// Computes in plain loops, one operation at a time over the whole block.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scalar;

impl Runner for Scalar {
    fn name(&self) -> &'static str {
        "scalar"
    }

    fn worker(&self) -> Box<dyn KernelWorkers> {
        Box::new(Scalar)
    }
}

impl<T: Number> KernelWorker<T> for Scalar {
    fn run(&mut self, program: &Program<T>, block: &mut [T]) -> Result<(), BoxError> {
        for op in program.ops() {
            block.iter_mut().for_each(|x| *x = op.apply(*x));
        }
        Ok(())
    }
}
