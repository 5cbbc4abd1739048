//! Executors: what runs a plan.

use crate::budget::Budget;
use crate::clock::{Clock, SystemClock};
use crate::error::RunError;
use crate::kernel::{Runner, Scalar, WithKernels};
use crate::plan::Plan;
use crate::run::RunState;
use std::sync::Arc;

/// Runs pipelines, each lowered to a [`Plan`].
///
/// [`Inline`](crate::Inline) is the reference. Every other executor gives the same outputs (as multisets where a segment's order is
/// [`Order::Any`](crate::Order::Any)), the same errors and the same counts; `testing::laws` checks that it does.
///
/// What an executor does with a plan:
/// 1. pulls batches and runs each through the nodes, a batch at a time, in slices between which it calls
///    [`RunState::check`](crate::plan::RunState::check);
/// 2. after an error at some batch still delivers every batch that the source gave before it, then what that batch had emitted;
/// 3. runs a [`Work::Serial`](crate::plan::Work::Serial) node by one thread at a time, its batches in the order of the source;
/// 4. after the last batch finishes all workers, node by node, the sink last.
pub trait Executor<'p> {
    /// What running gives: the result itself, or a future of it.
    type Ran: Finish<'p>;

    /// How it drives an async stage; [`Infallible`](std::convert::Infallible) if it has no reactor. See [`Drives`].
    type Async;

    /// Its name, its workers and its memory limit, before anything runs.
    ///
    /// # Errors
    /// `Config`, if a setting makes no sense. Asked before anything is pulled.
    fn profile(&self) -> Result<Profile, RunError>;

    /// What computes kernels in its runs: plain loops, unless it has something better.
    fn runner(&self) -> Arc<dyn Runner> {
        Arc::new(Scalar)
    }

    /// The clock of its runs, unless [`clocked_by`](crate::Whole::clocked_by) names another, and what batches are measured by: the machine's,
    /// unless it runs in virtual time.
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(SystemClock::new())
    }

    /// The same executor, where this runner computes kernels: tiled on all workers, or on a device.
    ///
    /// ```
    /// use pipe_core::kernel::{Blocks, Program, Scalar};
    /// use pipe_core::{Executor, Inline, from_source};
    ///
    /// let executor = Inline.kernels(Scalar);
    /// let squares = from_source(Blocks::new(vec![1, 2, 3], 2)).kernel(Program::new().square());
    /// assert_eq!(squares.collect().run_on(&executor)?.value, [vec![1, 4], vec![9]]);
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    fn kernels(self, runner: impl Runner + 'static) -> WithKernels<Self>
    where
        Self: Sized,
    {
        WithKernels::new(self, Arc::new(runner))
    }

    /// Runs the plan to its end; its result is that of the failure at the lowest position, see [`RunError`].
    fn execute(&self, plan: Plan<'p, Self::Async>) -> Self::Ran;
}

/// What an executor is, and what it would use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its name, with the setting that matters: `Parallel`, `Async on tokio`.
    pub name: &'static str,
    /// Threads that run segments, the calling one included.
    pub workers: usize,
    /// How many bytes may be in flight between source and sink.
    pub memory_limit: usize,
    /// What its runs take from together, if they share a budget.
    pub budget: Option<Budget>,
}

/// What an executor gives back, completed by what comes after the run: `Result<(), RunError>` becomes `Result<T, RunError>`, a future of
/// the one a future of the other.
pub trait Finish<'p>: Sized {
    /// The same with a result.
    type With<T: Send + 'p>;

    /// Completes it.
    fn with<T: Send + 'p>(
        self,
        end: impl FnOnce(Result<(), RunError>) -> Result<T, RunError> + Send + 'p,
    ) -> Self::With<T>;

    /// A run that was refused before it began.
    fn refused(error: RunError) -> Self;
}

impl<'p> Finish<'p> for Result<(), RunError> {
    type With<T: Send + 'p> = Result<T, RunError>;

    fn with<T: Send + 'p>(
        self,
        end: impl FnOnce(Result<(), RunError>) -> Result<T, RunError> + Send + 'p,
    ) -> Result<T, RunError> {
        end(self)
    }

    fn refused(error: RunError) -> Self {
        Err(error)
    }
}

/// An executor that has a reactor for the async step `S`. The one place where an executor asks something of its future, such as `Send`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot run this pipeline: it has an async stage",
    label = "this executor has no reactor, or asks more of the stage's future (`Send` on tokio)",
    note = "run it on an executor of `pipe-async`, for example `&Async::tokio()`; before `.iter()` and `.boxed()` no async stage can stand"
)]
pub trait Drives<'p, S>: Executor<'p> {
    /// The driver of this stage: what [`Work::Async`](crate::plan::Work::Async) holds.
    fn drive(step: S, segment: usize, run: &Arc<RunState>) -> Self::Async;
}

/// An executor whose `run_on` returns when the run is over, and not a future: for functions that take any of them.
///
/// ```
/// use pipe_core::{BlockingExecutor, Inline, RunError, from_iter};
///
/// fn sum<'p>(executor: &impl BlockingExecutor<'p>) -> Result<u64, RunError> {
///     let sum = from_iter(0..10).fold(|| 0, |sum, n| *sum += n, |all, part| *all += part);
///     Ok(sum.run_on(executor)?.value)
/// }
/// assert_eq!(sum(&Inline)?, 45);
/// # Ok::<(), RunError>(())
/// ```
pub trait BlockingExecutor<'p>: Executor<'p, Ran = Result<(), RunError>> {}

impl<'p, X: Executor<'p, Ran = Result<(), RunError>> + ?Sized> BlockingExecutor<'p> for X {}
