//! A function that blocks, called by operations: many calls for one change of threads.

use super::call::{Call, Open, Serve};
use super::queue::Queue;
use crate::contained::contained;
use pipe_core::RunError;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long a call may wait for threads that are busy while another sleeps.
const WATCH: Duration = Duration::from_millis(1);

/// Calls a function that blocks, on threads of its own, for operations that wait for what it gives. Clones share the threads.
///
/// To wake a thread for a call and to be woken by it costs 5 to 10 us, and `spawn_blocking` does both for each call. Here a thread that is
/// awake goes on with what has gathered, and wakes who waits for it together. Only when calls block for longer than a millisecond more
/// threads are woken, up to [`threads`](HopSettings::threads). No allocation for a call. Needs no runtime.
///
/// Calls that have begun go on when their operation is dropped; the others are not made.
///
#[cfg_attr(feature = "tokio", doc = "```")]
#[cfg_attr(not(feature = "tokio"), doc = "```ignore")]
/// use pipe_async::{Async, HopSettings, Hops};
/// use pipe_core::from_iter;
///
/// let hops = Hops::new(HopSettings::default(), |path: String| std::fs::metadata(path).map(|found| found.len()))?;
/// let sizes = from_iter(["Cargo.toml", "src/lib.rs"])
///     .try_map_async(move |path| hops.call(path.to_owned()))
///     .collect()
///     .run_on(&Async::tokio().blocking())?;
/// assert!(sizes.value.iter().all(|bytes| *bytes > 100));
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub struct Hops<I: Send + 'static, O: Send + 'static> {
    open: Arc<Open<I, O>>,
    settings: HopSettings,
}

/// How [`Hops`] work. A zero is a `Config` error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HopSettings {
    /// Threads that make calls: how many may block at once. 4. One more watches them, a thousand times a second while there are calls.
    pub threads: usize,
    /// How many calls a thread makes at most before it wakes those who wait for them. 32.
    pub hop: usize,
}

impl Default for HopSettings {
    fn default() -> Self {
        HopSettings { threads: 4, hop: 32 }
    }
}

impl HopSettings {
    pub(super) fn check(&self) -> Result<(), RunError> {
        for (field, count) in [("hops.threads", self.threads), ("hops.hop", self.hop)] {
            if count == 0 {
                let why = "no call would ever be made";
                return Err(RunError::Config { field, value: "0".to_owned(), why });
            }
        }
        Ok(())
    }
}

struct Shared<I, O> {
    queue: Mutex<Queue<I, O>>,
    /// There is work for a thread that sleeps.
    work: Condvar,
    /// There is something to watch.
    quiet: Condvar,
    function: Box<dyn Fn(I) -> O + Send + Sync>,
    settings: HopSettings,
}

impl<I: Send + 'static, O: Send + 'static> Hops<I, O> {
    /// Calls `function`.
    ///
    /// # Errors
    /// [`RunError::Config`] if a setting is zero, or if the system refuses the threads.
    pub fn new(
        settings: HopSettings,
        function: impl Fn(I) -> O + Send + Sync + 'static,
    ) -> Result<Self, RunError> {
        settings.check()?;
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue::new()),
            work: Condvar::new(),
            quiet: Condvar::new(),
            function: Box::new(function),
            settings,
        });
        // Dropped on failure, it ends the threads.
        let open = Arc::new(Open(shared.clone()));
        for number in 0..=settings.threads {
            let shared = shared.clone();
            let run = move || if number == 0 { shared.watch() } else { shared.work() };
            if let Err(error) = thread::Builder::new().name(format!("hops-{number}")).spawn(run) {
                let why = "the system refused a thread";
                return Err(RunError::Config { field: "hops.threads", value: error.to_string(), why });
            }
        }
        Ok(Hops { open, settings })
    }

    /// One call: a future of what the function gives. It is put in the line when it is polled first. A panic of the function goes on in it.
    pub fn call(&self, input: I) -> Call<I, O> {
        Call::new(self.open.clone(), input)
    }
}

impl<I: Send, O: Send> Shared<I, O> {
    /// What each thread does: a call after the other, and one lock in between. Those who wait for them are woken when the line is empty, or
    /// [`HopSettings::hop`] of them have gathered.
    fn work(&self) {
        let (mut over, mut woken) = (None, Vec::new());
        let mut is_running = false;
        loop {
            let mut queue = self.lock();
            let unwanted = over.take().and_then(|(at, output)| queue.finish(at, output));
            let next = queue.take();
            match (is_running, next.is_some()) {
                (false, true) => queue.running += 1,
                (true, false) => queue.running -= 1,
                _ => {}
            }
            is_running = next.is_some();
            if !is_running || queue.woken.len() >= self.settings.hop {
                std::mem::swap(&mut queue.woken, &mut woken);
            }
            drop(queue);
            // Foreign code, and therefore without the lock.
            contained(|| drop(unwanted));
            woken.drain(..).for_each(|waker| contained(|| waker.wake()));
            match next {
                Some((at, input)) => {
                    over = Some((at, catch_unwind(AssertUnwindSafe(|| (self.function)(input)))));
                }
                None if self.sleep() => {}
                None => return,
            }
        }
    }

    /// Sleeps until there are calls. False: there will be none.
    fn sleep(&self) -> bool {
        let mut queue = self.lock();
        while queue.waiting() == 0 && !queue.is_closed {
            queue.asleep += 1;
            queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.asleep -= 1;
            queue.is_called = false;
        }
        !queue.is_closed
    }

    /// What one more thread does while others work: every now and then it looks whether they are at calls that block. Then it wakes another
    /// one for the calls in the line, and those who wait for calls that are over.
    ///
    /// So nobody is woken for a call as long as a thread is awake, which mostly comes by in a moment: a wake costs more than a call that does
    /// not block.
    fn watch(&self) {
        let mut woken = Vec::new();
        let mut queue = self.lock();
        let mut is_quiet = true;
        while !queue.is_closed {
            // Not a bare wait: a call may have come before this thread did, or while no other one slept.
            while is_quiet && !queue.is_closed && queue.running == 0 && queue.waiting() == 0 {
                queue.is_watched = false;
                queue = self.quiet.wait(queue).unwrap_or_else(PoisonError::into_inner);
            }
            queue.is_watched = true;
            let begun = queue.begun;
            let waited = self.quiet.wait_timeout(queue, WATCH).unwrap_or_else(PoisonError::into_inner);
            queue = waited.0;
            let begun = queue.begun - begun;
            is_quiet = begun == 0 && queue.running == 0;
            // With those who are awake the line would take longer than until the next look.
            if queue.asleep > 0 && queue.waiting() as u64 > begun {
                self.work.notify_one();
            }
            std::mem::swap(&mut queue.woken, &mut woken);
            if !woken.is_empty() {
                drop(queue);
                woken.drain(..).for_each(|waker| contained(|| waker.wake()));
                queue = self.lock();
            }
        }
    }
}

impl<I: Send, O: Send> Serve<I, O> for Shared<I, O> {
    fn queue(&self) -> &Mutex<Queue<I, O>> {
        &self.queue
    }

    /// Wakes a thread for a new call, unless one is awake. The threads of a line that was closed end after the call that they are at.
    fn changed(&self, mut queue: MutexGuard<'_, Queue<I, O>>) {
        if queue.is_closed {
            drop(queue);
            self.work.notify_all();
            return self.quiet.notify_all();
        }
        let is_asleep = queue.running == 0 && queue.asleep > 0 && !queue.is_called;
        let is_unwatched = !queue.is_watched;
        queue.is_called |= is_asleep;
        // Once is enough: it looks for itself before it waits again.
        queue.is_watched = true;
        drop(queue);
        if is_asleep {
            self.work.notify_one();
        }
        if is_unwatched {
            self.quiet.notify_one();
        }
    }
}

impl<I: Send + 'static, O: Send + 'static> Clone for Hops<I, O> {
    fn clone(&self) -> Self {
        Hops { open: self.open.clone(), settings: self.settings }
    }
}

impl<I: Send + 'static, O: Send + 'static> fmt::Debug for Hops<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.open.0.lock().waiting();
        f.debug_struct("Hops").field("settings", &self.settings).field("waiting", &waiting).finish()
    }
}
