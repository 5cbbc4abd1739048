//! monoio: one thread, and io_uring where the system permits it.

use crate::blocking::Blocking;
use crate::driver::AsyncWorker;
use crate::executor::{Async, running};
use crate::local_running::LocalRunning;
use crate::runtime::Runtime;
use crate::runtime::clock::{Clock, SleepUntil};
use crate::runtime::local_stage::LocalStage;
use monoio::time::{Sleep, sleep_until};
use monoio::{FusionDriver, RuntimeBuilder};
use pipe_core::plan::{Plan, RunState};
use pipe_core::{AsyncStep, Drives, Event, Executor, Payload, Profile, RunError};
use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::time::Instant;

/// monoio, as the runtime of [`Async`].
#[derive(Debug, Clone, Copy)]
pub enum Monoio {}

impl Runtime for Monoio {
    type Timer = Clock<Sleep>;
    type Inside = Infallible;
    type Worker = dyn AsyncWorker;

    const NAME: &'static str = "Async on monoio";
    const NAME_IN_TASK: &'static str = "Async on monoio, all in the task";

    fn note_fallback(run: &RunState) {
        if !monoio::utils::detect_uring() {
            let (wanted, got) = ("io_uring".to_owned(), "epoll".to_owned());
            let why = "the system refuses it, or lacks operations that monoio needs".to_owned();
            run.note(Event::Fallback { wanted, got, why });
        }
    }

    fn block_on<F: Future>(future: F) -> Result<F::Output, RunError> {
        block_on(future)
    }

    fn come_back(cx: &Context<'_>) {
        cx.waker().wake_by_ref();
    }
}

impl Async<Monoio> {
    /// Runs operations on monoio, where they stay on their thread and need not be `Send`. The run is awaited inside a runtime; retries, timeouts,
    /// rates and deadlines need its timers (`enable_timer`), and are a `Config` error without.
    ///
    /// monoio looks at timers and I/O only when no task wants to run. So an operation that wakes itself all the time, or a run that always has
    /// something to compute, keeps what else is on the thread waiting; timeouts, retries, rates and deadlines of the run itself hold.
    ///
    /// The threads of sync stages wake the runtime's thread, so a program that sets monoio's features itself leaves `sync` on.
    pub fn monoio() -> Self {
        Async::new()
    }

    /// Drives each async stage with this many shards: each is a thread with a runtime of its own, and together they share the stage's
    /// operations and its window. For operations that compute: one driver, in the task that awaits the run, keeps one core busy. Operations
    /// that only wait are dealt out and brought back at a cost, and gain nothing.
    ///
    /// What may be in flight, the order, the limits in bytes and which failure is that of the run stay as they are. A stage has never more shards
    /// than operations; with a rate, a limit for each key or an adaptive concurrency it has one driver, in the task, as with one shard.
    /// Zero is a config error when the pipeline is run.
    ///
    /// Operations run on the shard's runtime: what they spawn there ends with the run.
    ///
    /// ```
    /// use pipe_async::Async;
    /// use pipe_core::from_iter;
    ///
    /// let report = from_iter(0..1_000u64)
    ///     .map_async(|n| async move { (0..n).fold(n, |hash, k| hash.rotate_left(5) ^ k) })
    ///     .collect()
    ///     .run_on(&Async::monoio().shards(2).blocking())?;
    /// assert_eq!(report.value.len(), 1_000);
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn shards(self, shards: usize) -> Self {
        self.with_shards(shards)
    }
}

impl Executor<'static> for Async<Monoio> {
    type Ran = LocalRunning;
    type Async = LocalStage;

    fn profile(&self) -> Result<Profile, RunError> {
        self.profile_as(Monoio::NAME)
    }

    fn execute(&self, plan: Plan<'static, LocalStage>) -> LocalRunning {
        let shards = self.shards;
        LocalRunning::new(running::<Monoio, _, _>(plan, move |stage| stage.make(shards)))
    }
}

impl<S: AsyncStep + 'static> Drives<'static, S> for Async<Monoio> {
    fn drive(step: S, segment: usize, run: &Arc<RunState>) -> LocalStage {
        LocalStage::new::<S, Monoio>(step, segment, run)
    }
}

impl Executor<'static> for Blocking<Monoio> {
    type Ran = Result<(), RunError>;
    type Async = LocalStage;

    fn profile(&self) -> Result<Profile, RunError> {
        self.inner.profile()
    }

    fn execute(&self, plan: Plan<'static, LocalStage>) -> Result<(), RunError> {
        Monoio::note_fallback(plan.run());
        block_on(self.inner.execute(plan))?
    }
}

impl<S: AsyncStep + 'static> Drives<'static, S> for Blocking<Monoio> {
    fn drive(step: S, segment: usize, run: &Arc<RunState>) -> LocalStage {
        Async::<Monoio>::drive(step, segment, run)
    }
}

/// Its clock is the system's.
impl SleepUntil for Sleep {
    fn now() -> Instant {
        monoio::time::Instant::now().into_std()
    }

    fn until(at: Instant) -> Self {
        sleep_until(at.into())
    }

    fn reset(self: Pin<&mut Self>, at: Instant) {
        Sleep::reset(self, at.into());
    }

    /// monoio looks at timers once no task is left to run. An operation that wakes itself for ever leaves it none, and is to be ended all the same.
    fn has_come(at: Instant) -> bool {
        Self::now() >= at
    }
}

/// Runs a future on this thread, on a runtime made for it.
fn block_on<F: Future>(future: F) -> Result<F::Output, RunError> {
    let refused = |value: String, why| RunError::Config { field: "runtime", value, why };
    let built = RuntimeBuilder::<FusionDriver>::new().enable_timer().build();
    let mut runtime =
        built.map_err(|error| refused(error.to_string(), "the system refused what a runtime needs"))?;
    // monoio does not tell whether this thread is inside a runtime; it panics if it is. Operations are watched one by one, so what
    // arrives here is that.
    catch_unwind(AssertUnwindSafe(|| runtime.block_on(future)))
        .map_err(|thrown| refused(Payload::new(thrown).message(), "inside a runtime a run is awaited"))
}
