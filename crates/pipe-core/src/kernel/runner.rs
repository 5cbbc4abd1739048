//! Who computes a program. The executor hands it in, so that a pipeline need not know.

use crate::kernel::program::Program;
use crate::stage::BoxError;

/// Makes the workers that compute programs: in scalar code, in tiles, on a device.
pub trait Runner: Send + Sync {
    /// Its name, for reports.
    fn name(&self) -> &'static str;

    /// One worker's own: built on the thread that uses it, once per stage and worker.
    fn f32(&self) -> Box<dyn KernelWorker<f32>>;

    /// As `f32`.
    fn f64(&self) -> Box<dyn KernelWorker<f64>>;
}

/// Computes programs over blocks, for one worker. It may hold buffers, or a stream of a device, and be `!Send`.
pub trait KernelWorker<T> {
    /// Applies the program to each number of the block.
    ///
    /// # Errors
    /// What keeps it from computing. The block then is a failed item, and the stage's policy decides.
    fn run(&mut self, program: &Program<T>, block: &mut [T]) -> Result<(), BoxError>;
}

/// The numbers that programs are about: `f32` and `f64`.
pub trait Number: Copy + Send + Sync + 'static + sealed::Sealed {
    /// The runner's worker for them.
    fn worker(runner: &dyn Runner) -> Box<dyn KernelWorker<Self>>;
}

impl Number for f32 {
    fn worker(runner: &dyn Runner) -> Box<dyn KernelWorker<f32>> {
        runner.f32()
    }
}

impl Number for f64 {
    fn worker(runner: &dyn Runner) -> Box<dyn KernelWorker<f64>> {
        runner.f64()
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}
