//! The reference executor: the calling thread, one batch at a time.

use crate::error::RunError;
use crate::executor::Executor;
use crate::line::Line;
use crate::plan::{BoxBatch, Outlet, Plan};
use crate::stage::Flow;

/// Runs a pipeline on the calling thread, one batch alive at a time.
///
/// The shortest way from source to sink, and the measure of every other executor. Use it for cheap work (below some 20 ns per item,
/// threads lose), for small inputs, in tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct Inline;

impl<'p> Executor<'p> for Inline {
    fn execute(&self, plan: Plan<'p>) -> Result<(), RunError> {
        let mut line = Line::new(plan);
        while line.step(&mut NoEnd)? {}
        Ok(())
    }
}

/// Behind the sink comes nothing.
struct NoEnd;

impl Outlet for NoEnd {
    fn put(&mut self, _: BoxBatch) -> Flow {
        unreachable!("a sink emits nothing")
    }
}
