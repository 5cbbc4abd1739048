//! Waits inside of stages, and who works meanwhile.

use crate::bells::Bells;
use crate::loan::Loan;
use crate::thread_pool::{Caller, ThreadPool};
use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};

/// Says that `wait` mostly waits: for a file, a lock, another service. While it does, a thread more works on the same run of
/// [`Parallel`](crate::Parallel), so that no processor idles.
///
/// There are at most as many of these stand-ins as the run has workers; they come from its pool, and rest when the wait is over. Calling one in
/// costs some 10 us, so this is for waits that are longer. Elsewhere than in a run on several workers it just waits; and for thousands of waits
/// at once an asynchronous executor is the right one.
///
/// ```
/// use pipe_core::from_iter;
/// use pipe_parallel::{Parallel, blocking};
/// use std::fs;
///
/// let sizes = from_iter(["Cargo.toml", "README.md"])
///     .try_map(|path| blocking(|| fs::read(path)).map(|bytes| bytes.len()))
///     .collect()
///     .run_on(&Parallel::new())?;
/// assert_eq!(sizes.value.len(), 2);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub fn blocking<R>(wait: impl FnOnce() -> R) -> R {
    let Some(waits) = HERE.with_borrow(Option::clone) else { return wait() };
    waits.begin();
    let _waiting = Waiting(&waits);
    wait()
}

thread_local! {
    /// The run that this thread works for.
    static HERE: RefCell<Option<Arc<Waits>>> = const { RefCell::new(None) };
}

/// The workers of a run that wait, and the stand-ins for them.
pub(crate) struct Waits {
    waiting: AtomicUsize,
    /// Stand-ins that were called in so far: each once, they stay until the run is over.
    called: AtomicUsize,
    most: usize,
    bells: Arc<Bells>,
    /// Where they come from.
    calls: OnceLock<(ThreadPool, Arc<Loan>)>,
}

/// A wait is over when it is dropped.
struct Waiting<'w>(&'w Waits);

impl Waits {
    /// Of a run that has at most so many stand-ins.
    pub(crate) fn new(most: usize, bells: &Arc<Bells>) -> Arc<Self> {
        let (waiting, called) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Waits { waiting, called, most, bells: bells.clone(), calls: OnceLock::new() })
    }

    /// Says where stand-ins come from, once.
    pub(crate) fn call_from(&self, pool: &ThreadPool, loan: &Arc<Loan>) {
        self.calls.get_or_init(|| (pool.clone(), loan.clone()));
    }

    /// How many stand-ins were called in.
    pub(crate) fn called(&self) -> usize {
        self.called.load(SeqCst)
    }

    /// Whether stand-in number `index` has somebody to stand in for.
    pub(crate) fn needs(&self, index: usize) -> bool {
        index < self.waiting.load(SeqCst)
    }

    /// While `body` runs this thread works for the run.
    pub(crate) fn at_work<R>(self: &Arc<Self>, body: impl FnOnce() -> R) -> R {
        struct Back(Option<Arc<Waits>>);
        impl Drop for Back {
            fn drop(&mut self) {
                HERE.set(self.0.take());
            }
        }
        let _back = Back(HERE.replace(Some(self.clone())));
        body()
    }

    fn begin(&self) {
        let waiting = self.waiting.fetch_add(1, SeqCst) + 1;
        // For those that rest: who does not see the count is heard by the bell.
        self.bells.stand_ins.ring_for_all();
        let wanted = waiting.min(self.most);
        if self.called.fetch_max(wanted, SeqCst) < wanted
            && let Some((pool, loan)) = self.calls.get()
        {
            // Whoever waits takes no processor. If no thread can be had the run goes on without.
            let _ = pool.invite(loan, 1, Caller::Outside, 0);
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, SeqCst);
    }
}

impl Caller {
    /// What this thread is.
    pub(crate) fn here() -> Self {
        HERE.with_borrow(|here| if here.is_some() { Caller::Worker } else { Caller::Outside })
    }
}
