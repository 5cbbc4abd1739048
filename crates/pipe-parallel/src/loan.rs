//! Work that is lent to threads which outlive it.
//!
//! A run borrows from its caller; the threads of a pool do not end with it. So a run *lends* them its work: [`lend`] returns, also by a panic,
//! only when no thread is inside and none can come in any more.

#![expect(unsafe_code, reason = "threads of a pool outlive what they are lent")]

use crate::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use pipe_core::Payload;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

/// A function that other threads may call until it is recalled.
///
/// # Why no thread calls a function that is gone
///
/// A thread counts itself in under the lock, and only while the loan is not recalled. Who lends recalls under the same lock, and then waits
/// until the count is zero. So a call has either begun before the recall, and is waited for, or it does not begin.
pub(crate) struct Loan {
    /// The function, of the type that `call` knows.
    work: *const (),
    call: unsafe fn(*const ()),
    state: Mutex<State>,
    left: Condvar,
}

#[derive(Default)]
struct State {
    inside: usize,
    recalled: bool,
    /// What a call has thrown, for who lends.
    thrown: Option<Payload>,
}

// SAFETY: `work` points to a function that is `Sync`: `lend` asks for that. The rest is `Send` and `Sync` by itself.
unsafe impl Send for Loan {}
// SAFETY: as above.
unsafe impl Sync for Loan {}

/// Lends a function while `body` runs. Then it lets nobody in any more, and waits for those that are inside.
///
/// # Panics
/// As `body` does, or as the first call that panicked.
pub(crate) fn lend<F: Fn() + Sync, R>(work: &F, body: impl FnOnce(&Arc<Loan>) -> R) -> R {
    let loan = Arc::new(Loan {
        work: std::ptr::from_ref(work).cast(),
        call: call::<F>,
        state: Mutex::default(),
        left: Condvar::new(),
    });
    let recall = Recall(&loan);
    let result = body(&loan);
    drop(recall);
    let thrown = loan.lock().thrown.take();
    thrown.map_or(result, |thrown| resume_unwind(thrown.into_inner()))
}

/// # Safety
/// `work` points to an `F` that lives for the whole call.
unsafe fn call<F: Fn()>(work: *const ()) {
    // SAFETY: as the caller promises.
    let work = unsafe { &*work.cast::<F>() };
    work();
}

impl Loan {
    /// Calls the function, unless it was recalled.
    pub(crate) fn work(&self) {
        {
            let mut state = self.lock();
            if state.recalled {
                return;
            }
            state.inside += 1;
        }
        let called = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: `work` came from an `&F` together with `call::<F>`. That borrow is still alive: this thread was counted in before the
            // recall, and until it is counted out again `lend` does not return.
            unsafe { (self.call)(self.work) }
        }));
        let mut state = self.lock();
        if let Err(thrown) = called {
            // Of several the first: a payload throws nothing when it is dropped.
            state.thrown.get_or_insert(Payload::new(thrown));
        }
        state.inside -= 1;
        if state.recalled && state.inside == 0 {
            self.left.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Recalls a loan when it is dropped.
struct Recall<'l>(&'l Loan);

impl Drop for Recall<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.recalled = true;
        while state.inside > 0 {
            state = self.0.left.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::any::Any;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn who_comes_after_the_recall_does_nothing() {
        let calls = AtomicUsize::new(0);
        let loan = lend(&|| _ = calls.fetch_add(1, SeqCst), |loan| {
            loan.work();
            loan.clone()
        });
        thread::spawn(move || loan.work()).join().unwrap();
        assert_eq!(calls.into_inner(), 1);
    }

    #[test]
    fn who_is_inside_is_waited_for() {
        let (come, came) = mpsc::channel();
        let (go, gone) = mpsc::channel();
        let (gone, done) = (Mutex::new(gone), AtomicUsize::new(0));
        let work = || {
            come.send(()).unwrap();
            gone.lock().unwrap().recv().unwrap();
            done.fetch_add(1, SeqCst);
        };
        let thread = lend(&work, |loan| {
            let loan = loan.clone();
            let thread = thread::spawn(move || loan.work());
            came.recv().unwrap();
            go.send(()).unwrap();
            thread
        });
        assert_eq!(done.load(SeqCst), 1, "`lend` returned while a thread was inside");
        thread.join().unwrap();
    }

    #[test]
    fn a_panic_of_the_work_or_of_the_body_comes_out_when_all_have_left() {
        let thrown = |thrown: Box<dyn Any + Send>| *thrown.downcast::<&str>().unwrap();
        let work = catch_unwind(|| lend(&|| resume_unwind(Box::new("work")), |loan| loan.work()));
        assert_eq!(thrown(work.unwrap_err()), "work");
        let body = catch_unwind(|| lend(&|| (), |_| resume_unwind(Box::new("body"))));
        assert_eq!(body.map_err(thrown), Err("body"));
    }
}
