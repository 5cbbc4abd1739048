//! The reference: plain loops, which every other runner is compared with.

use crate::kernel::program::{Op, Program};
use crate::kernel::runner::{KernelWorker, Runner};
use crate::stage::BoxError;

/// Computes in plain loops, one operation at a time over the whole block.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scalar;

impl Runner for Scalar {
    fn name(&self) -> &'static str {
        "scalar"
    }

    fn f32(&self) -> Box<dyn KernelWorker<f32>> {
        Box::new(Scalar)
    }

    fn f64(&self) -> Box<dyn KernelWorker<f64>> {
        Box::new(Scalar)
    }
}

macro_rules! scalar {
    ($($float:ty),+) => { $(
        impl KernelWorker<$float> for Scalar {
            fn run(&mut self, program: &Program<$float>, block: &mut [$float]) -> Result<(), BoxError> {
                for op in program.ops() {
                    match *op {
                        Op::Scale(factor) => block.iter_mut().for_each(|x| *x *= factor),
                        Op::Add(term) => block.iter_mut().for_each(|x| *x += term),
                        // Not `clamp`, which panics for `low > high`.
                        Op::Clamp(low, high) => block.iter_mut().for_each(|x| {
                            *x = if *x < low { low } else if *x > high { high } else { *x };
                        }),
                    }
                }
                Ok(())
            }
        }
    )+ };
}
// For example: impl KernelWorker<f32> for Scalar { fn run(..) { for op in program.ops() { .. } } }
scalar!(f32, f64);
