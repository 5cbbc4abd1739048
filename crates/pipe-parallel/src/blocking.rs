//! Waits inside of stages, and the threads that stand in for them.

use crate::bells::Bells;
use crate::loan::Loan;
use crate::thread_pool::{Caller, ThreadPool};
use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};

/// Runs `wait`, and tells the run that it will mostly wait: for a file, a lock, another service. Meanwhile one more thread works on the same
/// run of [`Parallel`](crate::Parallel), so that no processor idles. Returns what `wait` returns.
///
/// There are at most as many of these stand-ins as the run has workers; they come from its pool, and rest when the wait is over. Calling one in
/// costs some 10 us, so use this for waits that are longer. Outside of a run on several workers it only calls `wait`. For thousands of waits at
/// once, use an asynchronous executor.
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
    let waits = match HERE.replace(Here::Waits) {
        Here::Works(waits) if waits.most > 0 => waits,
        here => {
            HERE.set(here);
            return wait();
        }
    };
    let waiting = Waiting(waits);
    waiting.0.begin();
    wait()
}

thread_local! {
    static HERE: RefCell<Here> = const { RefCell::new(Here::Outside) };
}

/// What this thread is in.
enum Here {
    /// No run.
    Outside,
    /// A worker of a run.
    Works(Arc<Waits>),
    /// A wait of a worker. One wait inside of another is the same wait: the thread is missing once.
    Waits,
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
struct Waiting(Arc<Waits>);

impl Waits {
    /// Of a run that has at most this many stand-ins.
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
        struct Back(Here);
        impl Drop for Back {
            fn drop(&mut self) {
                HERE.set(std::mem::replace(&mut self.0, Here::Outside));
            }
        }
        let _back = Back(HERE.replace(Here::Works(self.clone())));
        body()
    }

    fn begin(&self) {
        let waiting = self.waiting.fetch_add(1, SeqCst) + 1;
        // For those that rest: who does not see the count is heard by the bell.
        self.bells.stand_ins.ring_for_all();
        let wanted = waiting.min(self.most);
        // More than one may be missing: of two that begin at once, the second may come here first, and then calls for both.
        let before = self.called.fetch_max(wanted, SeqCst);
        if before < wanted
            && let Some((pool, loan)) = self.calls.get()
        {
            // Whoever waits takes no processor. If no thread can be had the run goes on without.
            let _ = pool.invite(loan, wanted - before, Caller::Outside, 0);
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, SeqCst);
        HERE.set(Here::Works(self.0.clone()));
    }
}

impl Caller {
    /// What this thread is.
    pub(crate) fn here() -> Self {
        HERE.with_borrow(|here| match here {
            Here::Outside => Caller::Outside,
            Here::Works(_) | Here::Waits => Caller::Worker,
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::loan::lend;

    #[test]
    fn of_two_that_begin_to_wait_at_once_both_get_a_stand_in_whoever_calls_first() {
        let pool = ThreadPool::new(0);
        let waits = Waits::new(4, &Bells::new());
        lend(&|| (), |loan| {
            waits.call_from(&pool, loan);
            // Another one is counted, and has not called yet.
            waits.waiting.fetch_add(1, SeqCst);
            waits.begin();
            assert_eq!((waits.called(), pool.invited()), (2, 2));
            // Now it does, for one: it was counted first.
            assert_eq!(waits.called.fetch_max(1, SeqCst), 2);
            waits.begin();
            assert_eq!((waits.called(), pool.invited()), (3, 3));
        });
    }

    #[test]
    fn a_wait_inside_of_a_wait_counts_once() {
        let waits = Waits::new(4, &Bells::new());
        let waiting = || waits.waiting.load(SeqCst);
        waits.at_work(|| {
            for _ in 0..2 {
                assert_eq!(
                    blocking(|| (waiting(), blocking(waiting), Caller::here())),
                    (1, 1, Caller::Worker)
                );
                assert_eq!(waiting(), 0);
            }
        });
        assert_eq!((blocking(waiting), Caller::here()), (0, Caller::Outside));
    }
}
