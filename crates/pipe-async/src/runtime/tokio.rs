//! tokio.

use crate::blocking::Blocking;
use crate::driver::{AsyncWorker, Driver};
use crate::executor::{Async, running};
use crate::running::Running;
use crate::runtime::Runtime;
use crate::runtime::clock::{Clock, SleepUntil};
use crate::shards::{Shards, shards_of};
use pipe_core::plan::{Plan, RunState};
use pipe_core::{AsyncStep, Drives, Executor, Profile, RunError};
use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Context;
use std::time::Instant;
use tokio::runtime::{Builder, Handle};
use tokio::time::{Sleep, sleep_until};

/// tokio, as the runtime of [`Async`].
#[derive(Debug, Clone, Copy)]
pub enum Tokio {}

impl Runtime for Tokio {
    type Timer = Clock<Sleep>;
    type Inside = Infallible;
    type Worker = dyn AsyncWorker + Send;

    const NAME: &'static str = "Async on tokio";
    const NAME_IN_TASK: &'static str = "Async on tokio, all in the task";

    fn awaited<F: Future<Output = Result<(), RunError>>>(run: F) -> impl Future<Output = F::Output> {
        unconstrained(async move {
            check()?;
            run.await
        })
    }

    fn block_on<F: Future>(future: F) -> Result<F::Output, RunError> {
        block_on(unconstrained(future))
    }

    /// A waker puts the task at the end of the queue, and tokio looks at timers after 61 polls: at a millisecond each that is late. What yields
    /// is woken behind such a look.
    fn come_back(cx: &Context<'_>) {
        let mut yielded = pin!(tokio::task::yield_now());
        if yielded.as_mut().poll(&mut Context::from_waker(cx.waker())).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}

/// An async stage, ready to be driven on tokio.
pub struct Stage {
    /// Given how many shards are wanted.
    make: Box<dyn FnOnce(usize) -> Box<dyn AsyncWorker + Send> + Send>,
}

impl Async<Tokio> {
    /// Runs operations on tokio, in the task that awaits the run. The run is awaited inside a runtime, of either flavour; elsewhere it is a `Config` error. Retries, timeouts, rates and
    /// deadlines need the runtime's timers (`enable_time`), and are a `Config` error without.
    pub fn tokio() -> Self {
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
    /// Operations run on the shard's runtime: what they spawn there ends with the run. Towards the memory limit the items of a shard, and their
    /// copies for another attempt, weigh what the last batch did: where large items and small ones alternate, that is too little for a while.
    ///
    /// ```
    /// use pipe_async::Async;
    /// use pipe_core::from_iter;
    ///
    /// let report = from_iter(0..1_000u64)
    ///     .map_async(|n| async move { (0..n).fold(n, |hash, k| hash.rotate_left(5) ^ k) })
    ///     .collect()
    ///     .run_on(&Async::tokio().shards(2).blocking())?;
    /// assert_eq!(report.value.len(), 1_000);
    /// # Ok::<(), pipe_core::RunError>(())
    /// ```
    pub fn shards(self, shards: usize) -> Self {
        self.with_shards(shards)
    }
}

impl Executor<'static> for Async<Tokio> {
    type Ran = Running;
    type Async = Stage;

    fn profile(&self) -> Result<Profile, RunError> {
        self.profile_as(Tokio::NAME)
    }

    fn execute(&self, plan: Plan<'static, Stage>) -> Running {
        let shards = self.shards;
        let run = running::<Tokio, _, _>(plan, move |stage| (stage.make)(shards));
        Running::new(Tokio::awaited(run))
    }
}

/// The one place that says `Send`: tokio may move a task between threads.
impl<S: AsyncStep + 'static> Drives<'static, S> for Async<Tokio>
where
    S::Future: Send,
{
    fn drive(step: S, segment: usize, run: &Arc<RunState>) -> Stage {
        let run = run.clone();
        let make = move |shards| -> Box<dyn AsyncWorker + Send> {
            match shards_of::<S::In>(run.operations(segment), shards) {
                0 | 1 => Box::new(Driver::<S, Clock<Sleep>>::new(step, segment, &run)),
                shards => Box::new(Shards::<S, Tokio>::new(step, segment, &run, shards)),
            }
        };
        Stage { make: Box::new(make) }
    }
}

impl Executor<'static> for Blocking<Tokio> {
    type Ran = Result<(), RunError>;
    type Async = Stage;

    fn profile(&self) -> Result<Profile, RunError> {
        self.inner.profile()
    }

    fn execute(&self, plan: Plan<'static, Stage>) -> Result<(), RunError> {
        block_on(self.inner.execute(plan))?
    }
}

impl<S: AsyncStep + 'static> Drives<'static, S> for Blocking<Tokio>
where
    S::Future: Send,
{
    fn drive(step: S, segment: usize, run: &Arc<RunState>) -> Stage {
        Async::<Tokio>::drive(step, segment, run)
    }
}

/// Its clock is tokio's, which tests may pause.
impl SleepUntil for Sleep {
    fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn until(at: Instant) -> Self {
        sleep_until(at.into())
    }

    fn reset(self: Pin<&mut Self>, at: Instant) {
        Sleep::reset(self, at.into());
    }
}

/// Whether this thread is inside a runtime.
fn check() -> Result<(), RunError> {
    Handle::try_current().map(drop).map_err(|error| RunError::Config {
        field: "runtime",
        value: error.to_string(),
        why: "a run on tokio is awaited inside a tokio runtime",
    })
}

/// Takes the future out of tokio's own budget. tokio makes a task that has done 128 things wait, and then each operation that is ready is
/// polled in vain and puts itself in the queue again: at 10,000 in flight that costs 20 times the work itself. The conductor has a budget
/// of its own.
fn unconstrained<F: Future>(future: F) -> impl Future<Output = F::Output> {
    tokio::task::unconstrained(future)
}

/// Runs a future on this thread, on a runtime made for it.
fn block_on<F: Future>(future: F) -> Result<F::Output, RunError> {
    let refused = |value: String, why| Err(RunError::Config { field: "runtime", value, why });
    if Handle::try_current().is_ok() {
        return refused("blocking".to_owned(), "inside a runtime a run is awaited");
    }
    match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => Ok(runtime.block_on(future)),
        Err(error) => refused(error.to_string(), "the system refused what a runtime needs"),
    }
}
