//! One call: in the line, at who makes it, or over.

use super::queue::Queue;
use std::fmt;
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

/// Who makes the calls of a line.
pub(super) trait Serve<I, O>: Send + Sync {
    /// The line.
    fn queue(&self) -> &Mutex<Queue<I, O>>;

    /// Is told that the line has changed: a call has come, or there will be no more.
    fn changed(&self, queue: MutexGuard<'_, Queue<I, O>>);

    fn lock(&self) -> MutexGuard<'_, Queue<I, O>> {
        self.queue().lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A line that is open: shared by those who may call, and by their calls. With the last of them it is closed.
pub(super) struct Open<I: 'static, O: 'static>(pub(super) Arc<dyn Serve<I, O>>);

/// Nobody can wait for another call.
impl<I, O> Drop for Open<I, O> {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.is_closed = true;
        self.0.changed(queue);
    }
}

/// Becomes what the function gives. Dropped before, it leaves the line.
#[must_use = "a call is made only when it is polled"]
pub struct Call<I: Send + 'static, O: Send + 'static> {
    open: Arc<Open<I, O>>,
    place: Place<I>,
}

enum Place<I> {
    Before(Option<I>),
    At(usize),
    After,
}

impl<I: Send + 'static, O: Send + 'static> Call<I, O> {
    pub(super) fn new(open: Arc<Open<I, O>>, input: I) -> Self {
        Call { open, place: Place::Before(Some(input)) }
    }
}

/// Nothing in it is pinned.
impl<I: Send + 'static, O: Send + 'static> Unpin for Call<I, O> {}

impl<I: Send + 'static, O: Send + 'static> Future for Call<I, O> {
    type Output = O;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<O> {
        let this = &mut *self;
        let server = &*this.open.0;
        match &mut this.place {
            Place::Before(input) => {
                // Wakers are cloned and dropped while the lock is free: they are foreign code, which may come here again.
                let waker = cx.waker().clone();
                let input = input.take().expect("it was not polled before");
                let mut queue = server.lock();
                this.place = Place::At(queue.add(input, waker));
                server.changed(queue);
                Poll::Pending
            }
            Place::At(at) => {
                let mut spare = None;
                let output = loop {
                    let polled = server.lock().poll(*at, cx.waker(), &mut spare);
                    match polled {
                        Poll::Ready(Some(output)) => break output,
                        Poll::Ready(None) => spare = Some(cx.waker().clone()),
                        Poll::Pending => return Poll::Pending,
                    }
                };
                this.place = Place::After;
                Poll::Ready(output.unwrap_or_else(|thrown| resume_unwind(thrown)))
            }
            Place::After => panic!("a call that is over was polled again"),
        }
    }
}

impl<I: Send + 'static, O: Send + 'static> Drop for Call<I, O> {
    fn drop(&mut self) {
        if let Place::At(at) = self.place {
            let dropped = self.open.0.lock().give_up(at);
            drop(dropped);
        }
    }
}

impl<I: Send + 'static, O: Send + 'static> fmt::Debug for Call<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").finish_non_exhaustive()
    }
}
