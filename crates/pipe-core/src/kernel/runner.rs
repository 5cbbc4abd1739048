//! Who computes a program. The executor hands it in, so that a pipeline need not know.

use crate::kernel::program::Program;
use crate::report::Event;
use crate::stage::BoxError;

/// Makes the workers that compute programs: in scalar code, in tiles, on a device.
pub trait Runner: Send + Sync {
    /// Its name, for reports.
    fn name(&self) -> &'static str;

    /// One worker's own: built on the thread that uses it, once per stage and worker.
    fn f32(&self) -> Box<dyn KernelWorker<f32>>;

    /// As `f32`.
    fn f64(&self) -> Box<dyn KernelWorker<f64>>;

    /// What it decided and where it fell back since it was asked last: a run asks at its end, and puts it into the report. So a runner that
    /// has something to say is of one run.
    fn events(&self) -> Vec<Event> {
        Vec::new()
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Blocks, Program, Scalar};
    use crate::plan::Plan;
    use crate::{Executor, Inline, Profile, RunError, from_source};
    use std::convert::Infallible;
    use std::sync::Arc;

    /// Says something, and runs as `Inline` does.
    struct Talking;

    impl Runner for Talking {
        fn name(&self) -> &'static str {
            "talking"
        }

        fn f32(&self) -> Box<dyn KernelWorker<f32>> {
            Scalar.f32()
        }

        fn f64(&self) -> Box<dyn KernelWorker<f64>> {
            Scalar.f64()
        }

        fn events(&self) -> Vec<Event> {
            vec![Event::StayedInline { ns_per_item: 1.0, why: "so" }]
        }
    }

    impl<'p> Executor<'p> for Talking {
        type Ran = Result<(), RunError>;
        type Async = Infallible;

        fn profile(&self) -> Result<Profile, RunError> {
            Inline.profile()
        }

        fn runner(&self) -> Arc<dyn Runner> {
            Arc::new(Talking)
        }

        fn execute(&self, plan: Plan<'p>) -> Result<(), RunError> {
            Inline.execute(plan)
        }
    }

    #[test]
    fn what_a_runner_says_is_in_the_report() {
        let blocks = Blocks::new(vec![1.0_f32, 2.0], 1);
        let report = from_source(blocks).kernel(Program::new().add(1.0)).collect().run_on(&Talking).unwrap();
        assert_eq!(report.value.concat(), [2.0, 3.0]);
        assert_eq!(report.events, Talking.events());
    }
}
