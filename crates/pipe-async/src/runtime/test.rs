//! A runtime for tests: one thread, and time that passes only while nothing else happens.

use crate::driver::{AsyncWorker, Driver};
use crate::executor::{Async, running};
use crate::polled_stretch::PolledStretch;
use crate::runtime::{Runtime, Seat, SharedClock, Timer};
use crate::stretch::Stretch;
use pipe_core::plan::{Plan, RunState};
use pipe_core::{AsyncStep, Cancel, Clock, Drives, Executor, Profile, RunError};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

/// The runtime of [`Async::test`]: the clock there, by which operations [`sleep`](crate::sleep()).
///
/// Each thread has a clock of its own, which starts at zero and goes on from run to run. When nothing can happen any
/// more it jumps to the next moment at which somebody wants to be woken. So an hour of waits takes no time, and happens
/// the same way each time, to the sizes of the batches; but for the jitter of retries, which is another one in each process.
///
/// Deadlines, the age of batches and the waits of sync stages go by it too. What computes takes no time on it, and no batch
/// is small because it did: a run that never waits never comes to its deadline.
///
/// ```
/// use pipe_async::{Async, Test, sleep};
/// use pipe_core::from_iter;
/// use std::time::Duration;
///
/// let begun = Test::now();
/// let report = from_iter(1..=3)
///     .map_async(|hours| async move {
///         sleep(Duration::from_secs(3_600) * hours).await;
///         hours
///     })
///     .collect()
///     .run_on(&Async::test())?;
/// assert_eq!(report.value, [1, 2, 3]);
/// assert_eq!(Test::now() - begun, Duration::from_secs(3 * 3_600));
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub enum Test {}

impl Test {
    /// The time on the virtual clock of this thread.
    pub fn now() -> Duration {
        TestClock::of_thread().now()
    }

    /// The clock of this thread: for a stage that lets time pass. Runs on [`Async::test`] go by it unless they are told
    /// another ([`clocked_by`](pipe_core::Whole::clocked_by)).
    pub fn clock() -> TestClock {
        TestClock::of_thread()
    }
}

impl Runtime for Test {
    type Timer = TestTimer;
    type Worker = dyn AsyncWorker;
    type Inside = PolledStretch<TestTimer>;

    const NAME: &'static str = "Async in a test";
    const NAME_IN_TASK: &'static str = Self::NAME;

    fn block_on<F: Future>(future: F) -> Result<F::Output, RunError> {
        Ok(block_on(future))
    }

    fn come_back(cx: &Context<'_>) {
        cx.waker().wake_by_ref();
    }

    fn seat(place: usize, stretch: Stretch) -> Seat<PolledStretch<TestTimer>> {
        Seat::Task(PolledStretch::new(place, stretch))
    }
}

/// An async stage, ready to be driven in a test.
pub struct TestStage {
    driver: Box<dyn AsyncWorker>,
}

impl Async<Test> {
    /// For tests: the calling thread alone, which waits for the run, and [virtual time](Test). Source and sink run in the task as well, so
    /// no thread races another, and the same run twice is the same. Operations wait with [`sleep`](crate::sleep()), and need not be `Send`.
    pub fn test() -> Self {
        Async::new()
    }
}

impl Executor<'static> for Async<Test> {
    type Ran = Result<(), RunError>;
    type Async = TestStage;

    fn profile(&self) -> Result<Profile, RunError> {
        self.profile_as(Test::NAME)
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(Test::clock())
    }

    fn execute(&self, plan: Plan<'static, TestStage>) -> Result<(), RunError> {
        block_on(running::<Test, _, _>(plan, |stage| stage.driver))
    }
}

impl<S: AsyncStep + 'static> Drives<'static, S> for Async<Test> {
    fn drive(step: S, segment: usize, run: &Arc<RunState>) -> TestStage {
        TestStage { driver: Box::new(Driver::<S, TestTimer>::new(step, segment, run)) }
    }
}

/// Polls a future to its end. While it waits, time passes; if nobody waits for a time, another thread has to wake it.
fn block_on<F: Future>(future: F) -> F::Output {
    let (clock, mut future) = (TestClock::of_thread(), pin!(future));
    let here = Arc::new(Here { is_woken: AtomicBool::new(true), thread: thread::current() });
    let waker = Waker::from(here.clone());
    loop {
        if here.is_woken.swap(false, SeqCst) {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return output;
            }
        } else if !clock.jump() {
            thread::park();
        }
    }
}

struct Here {
    is_woken: AtomicBool,
    thread: Thread,
}

impl Wake for Here {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, SeqCst);
        self.thread.unpark();
    }
}

/// The clock of [`Test`]. Clones are the same clock.
#[derive(Debug, Clone, Default)]
pub struct TestClock {
    hands: Arc<Mutex<Hands>>,
}

#[derive(Debug, Default)]
struct Hands {
    now: Duration,
    /// Who wants to be woken, by time and number.
    timers: BTreeMap<(Duration, u64), Waker>,
    numbers: u64,
}

impl TestClock {
    fn of_thread() -> Self {
        thread_local!(static CLOCK: TestClock = TestClock::default());
        CLOCK.with(TestClock::clone)
    }

    /// Lets time pass until somebody is to be woken. False if nobody is.
    fn jump(&self) -> bool {
        let next = self.hands().timers.first_key_value().map(|((at, _), _)| *at);
        next.inspect(|at| self.advance_to(*at)).is_some()
    }

    fn advance_to(&self, at: Duration) {
        let mut hands = self.hands();
        let now = hands.now.max(at);
        hands.now = now;
        let later = hands.timers.split_off(&(now, u64::MAX));
        let due = std::mem::replace(&mut hands.timers, later);
        // A waker is foreign code.
        drop(hands);
        due.into_values().for_each(Waker::wake);
    }

    fn hands(&self) -> MutexGuard<'_, Hands> {
        self.hands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for TestClock {
    fn now(&self) -> Duration {
        self.hands().now
    }

    /// Returns at once, that much later; without a wait if `stop` is on already.
    fn wait(&self, span: Duration, stop: &Cancel) {
        if !stop.is_cancelled() {
            let at = self.now().saturating_add(span);
            self.advance_to(at);
        }
    }

    fn wake_at(&self, at: Duration, waker: &Waker) -> bool {
        let (waker, mut hands) = (waker.clone(), self.hands());
        if hands.now < at {
            hands.numbers += 1;
            let number = hands.numbers;
            hands.timers.insert((at, number), waker);
            return true;
        }
        drop(hands);
        waker.wake();
        true
    }
}

/// A timer on the clock of the thread that made it.
pub(crate) struct TestTimer {
    clock: TestClock,
    start: Duration,
    number: u64,
    /// When it is to wake somebody.
    set_to: Option<Duration>,
}

impl TestTimer {
    fn unset(&mut self) {
        if let Some(at) = self.set_to.take() {
            let waker = self.clock.hands().timers.remove(&(at, self.number));
            // Not under the lock: a waker is foreign code.
            drop(waker);
        }
    }
}

impl Timer for TestTimer {
    /// Tests are told exact times.
    const TICK: Duration = Duration::from_micros(1);

    fn start() -> Self {
        let clock = TestClock::of_thread();
        let mut hands = clock.hands();
        hands.numbers += 1;
        let (start, number) = (hands.now, hands.numbers);
        drop(hands);
        TestTimer { clock, start, number, set_to: None }
    }

    fn now(&self) -> Duration {
        self.clock.now().saturating_sub(self.start)
    }

    fn clock(&self) -> SharedClock {
        let (clock, start) = (self.clock.clone(), self.start);
        Box::new(move || clock.now().saturating_sub(start))
    }

    fn poll_until(&mut self, at: Duration, cx: &mut Context<'_>) -> Poll<()> {
        self.unset();
        let at = self.start.saturating_add(at);
        let (waker, mut hands) = (cx.waker().clone(), self.clock.hands());
        if at <= hands.now {
            return Poll::Ready(());
        }
        hands.timers.insert((at, self.number), waker);
        drop(hands);
        self.set_to = Some(at);
        Poll::Pending
    }
}

impl Drop for TestTimer {
    fn drop(&mut self) {
        self.unset();
    }
}
