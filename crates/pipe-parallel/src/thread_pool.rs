//! Threads that outlive a run, for the next one.

use crate::loan::Loan;
use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

/// Threads that several runs share; give it to them with [`Parallel::pool`](crate::Parallel::pool).
///
/// Runs without a pool of their own share the one of the process. Make one to bound how many threads some pipelines have together, whatever
/// each of them asks for, or to keep them apart from others. A thread is started when a run wants it, and ends after ten seconds without
/// work.
///
/// A run never waits for a thread of its pool: its caller works, and others join when they are free. So a pipeline may run inside a stage of
/// another one on the same pool, however many threads that has.
///
/// ```
/// use pipe_core::from_iter;
/// use pipe_parallel::{Parallel, ThreadPool};
///
/// let two = ThreadPool::new(2);                            // beside those that call
/// let squares = |n: u64| from_iter(0..n).map(|n| n * n).collect().run_on(&Parallel::new().pool(&two));
/// assert_eq!(squares(100)?.value[9], 81);
/// assert_eq!(squares(10)?.value.len(), 10);                // by the same threads, if it needs any
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Clone)]
pub struct ThreadPool {
    handle: Arc<Handle>,
}

/// When the last one goes the threads do.
struct Handle(Arc<Shared>);

pub(crate) struct Shared {
    state: Mutex<State>,
    called: Condvar,
    most: usize,
}

#[derive(Default)]
struct State {
    /// Runs that want helpers. Each gets one in turn.
    calls: VecDeque<Call>,
    threads: usize,
    /// Of these, those that look for a call, or will when they have started.
    idle: usize,
    /// For names.
    started: usize,
    closed: bool,
}

struct Call {
    loan: Arc<Loan>,
    helpers: usize,
}

/// How many threads the process's pool has at most, for all runs at once.
const MOST: usize = 1024;

/// After this long without a call a thread leaves.
const KEEP: Duration = Duration::from_secs(10);

/// Fewer helpers than were wanted, because the system started no more threads.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) helpers: usize,
    pub(crate) error: io::Error,
}

/// Where a call for helpers comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A thread of the program.
    Outside,
    /// A worker of another run: the processors have work already.
    Worker,
}

impl ThreadPool {
    /// A pool of at most `threads` threads, besides the calling threads, which work as well. With zero, each run stays on its calling thread. No
    /// thread is started before a run wants it.
    pub fn new(threads: usize) -> Self {
        let (state, called) = (Mutex::default(), Condvar::new());
        ThreadPool { handle: Arc::new(Handle(Arc::new(Shared { state, called, most: threads }))) }
    }

    /// The most threads that it may have.
    pub fn threads(&self) -> usize {
        self.handle.0.most
    }

    /// That of all runs which have none of their own.
    pub(crate) fn of_process() -> &'static Self {
        static POOL: LazyLock<ThreadPool> = LazyLock::new(|| ThreadPool::new(MOST));
        &POOL
    }

    /// Lets this many threads come to a loan, now or when they are free. For a caller that is a worker no threads are started beyond the
    /// processors that there are: so runs within runs do not multiply them.
    pub(crate) fn invite(
        &self,
        loan: &Arc<Loan>,
        helpers: usize,
        caller: Caller,
        processors: usize,
    ) -> Result<(), Refused> {
        let shared = &self.handle.0;
        if helpers == 0 {
            return Ok(());
        }
        let most = match caller {
            Caller::Outside => shared.most,
            Caller::Worker => shared.most.min(processors.saturating_sub(1)),
        };
        let mut state = shared.lock();
        let (start, first) = state.call(loan, helpers, most);
        let wakes = helpers.min(state.idle - start);
        drop(state);
        (0..wakes).for_each(|_| shared.called.notify_one());
        for started in 0..start {
            if let Err(error) = shared.start(first + started) {
                let mut state = shared.lock();
                state.threads -= start - started;
                state.idle -= start - started;
                return Err(Refused { helpers: helpers.min(state.idle), error });
            }
        }
        Ok(())
    }

    /// How many threads may come to loans that have not come yet.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn invited(&self) -> usize {
        self.handle.0.lock().calls.iter().map(|call| call.helpers).sum()
    }

    /// Lets no more threads come to a loan.
    pub(crate) fn withdraw(&self, loan: &Arc<Loan>) {
        self.handle.0.lock().calls.retain(|call| !Arc::ptr_eq(&call.loan, loan));
    }
}

impl State {
    /// Enters a call. How many threads are to be started for it, and the number of the first one; they are counted already.
    ///
    /// One more than there are helpers, where there are not enough: the system may put a new thread on the processor of the one that made it,
    /// where it waits while another processor idles, for up to 50 ms. Of two new threads one is put elsewhere. The one that waits finds no
    /// seat, and goes to the pool.
    fn call(&mut self, loan: &Arc<Loan>, helpers: usize, most: usize) -> (usize, usize) {
        let wanted = self.calls.iter().map(|call| call.helpers).sum::<usize>().saturating_add(helpers);
        let (missing, room) =
            (wanted.saturating_sub(self.idle).min(helpers), most.saturating_sub(self.threads));
        let more = usize::from(missing > 0 && room > missing);
        let start = missing.min(room) + more;
        let first = self.started;
        self.calls.push_back(Call { loan: loan.clone(), helpers: helpers.saturating_add(more) });
        (self.threads, self.idle, self.started) =
            (self.threads + start, self.idle + start, self.started + start);
        (start, first)
    }

    fn next_call(&mut self) -> Option<Arc<Loan>> {
        let mut call = self.calls.pop_front()?;
        let loan = call.loan.clone();
        call.helpers -= 1;
        if call.helpers > 0 {
            self.calls.push_back(call);
        }
        Some(loan)
    }
}

impl Shared {
    fn start(self: &Arc<Self>, number: usize) -> io::Result<()> {
        let shared = self.clone();
        let thread = thread::Builder::new().name(format!("pipe-worker-{number}"));
        thread.spawn(move || shared.serve()).map(drop)
    }

    /// A thread's life.
    pub(crate) fn serve(&self) {
        let mut state = self.lock();
        loop {
            if let Some(loan) = state.next_call() {
                state.idle -= 1;
                drop(state);
                loan.work();
                drop(loan);
                state = self.lock();
                state.idle += 1;
            } else if state.closed {
                break;
            } else {
                let waited = self.called.wait_timeout(state, KEEP).unwrap_or_else(PoisonError::into_inner);
                state = waited.0;
                if waited.1.timed_out() && state.calls.is_empty() {
                    break;
                }
            }
        }
        (state.threads, state.idle) = (state.threads - 1, state.idle - 1);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.called.notify_all();
    }
}

impl std::fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ThreadPool").field("threads", &self.threads()).finish_non_exhaustive()
    }
}

/// For models: a pool whose one thread the model starts.
#[cfg(all(test, loom))]
pub(crate) struct Model(ThreadPool);

#[cfg(all(test, loom))]
impl Model {
    pub(crate) fn new() -> Self {
        let model = Model(ThreadPool::new(1));
        let mut state = model.0.handle.0.lock();
        (state.threads, state.idle) = (1, 1);
        drop(state);
        model
    }

    pub(crate) fn thread(&self) -> Arc<Shared> {
        self.0.handle.0.clone()
    }

    pub(crate) fn invite(&self, loan: &Arc<Loan>) {
        self.0.invite(loan, 1, Caller::Outside, 2).expect("no thread is started");
    }

    pub(crate) fn withdraw(&self, loan: &Arc<Loan>) {
        self.0.withdraw(loan);
    }
}
