//! A `Stream` as a source.

use futures_core::Stream;
use pipe_core::{BoxError, Cancel, Identity, Items, Own, Pipeline, Pulled, RunError, Source, Start, Want};
use std::fmt;
use std::future::{Future, poll_fn};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::thread::{self, Thread};
use tokio::runtime::Handle;

/// Starts a pipeline from a stream: [`FromStream`] as a function.
///
/// ```
/// use pipe_async::{Async, from_stream};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), pipe_core::RunError> {
/// # struct Numbers(u64);
/// # impl futures_core::Stream for Numbers {
/// #     type Item = u64;
/// #     fn poll_next(mut self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<Option<u64>> {
/// #         self.0 += 1;
/// #         std::task::Poll::Ready((self.0 < 5).then_some(self.0))
/// #     }
/// # }
/// let numbers = Numbers(0); // any `futures::Stream`
/// let squares = from_stream(numbers).map(|n| n * n).collect().run_on(&Async::tokio()).await?;
/// assert_eq!(squares.value, [1, 4, 9, 16]);
/// # Ok(())
/// # }
/// ```
pub fn from_stream<S>(stream: S) -> Pipeline<Start<FromStream<S>>, Identity, Own<S::Item>>
where
    S: Stream<Item: Send + 'static> + Send,
{
    FromStream::new(stream).pipeline()
}

/// A stream as a source, for any executor whose source may block; within a runtime that is [`Async`](crate::Async).
///
/// A run that is cancelled, dropped or drained, has failed, or has had enough ends the wait for the stream's next item, and drops the
/// stream. A deadline does on [`Async`](crate::Async); other executors look at the clock between batches.
///
/// It is polled on the thread that pulls, with the timers and sockets of the runtime in which it was made. A batch is what the stream has
/// ready: it waits for the first item, never for a second. Where the thread must not be blocked, as with `Inline` in the middle of an async
/// function, the run ends with a config error.
pub struct FromStream<S: Stream> {
    stream: Pin<Box<S>>,
    runtime: Option<Handle>,
    weigh: fn(&S::Item) -> usize,
    /// The position of the next item.
    next: u64,
    /// It has said so, and must not be asked again.
    is_over: bool,
    stop: Arc<Stop>,
}

/// Ends the wait for the next item.
#[derive(Default)]
struct Stop {
    is_on: AtomicBool,
    /// Of who waits.
    waker: Mutex<Option<Waker>>,
}

impl Stop {
    /// Whether it is on. If it is not, who waits is woken when it is.
    fn poll(&self, cx: &Context<'_>) -> bool {
        let waker = Some(cx.waker().clone());
        let before = mem::replace(&mut *self.waker(), waker);
        drop(before);
        // Behind the lock: switched on before that, it is seen here; later, it finds the waker.
        self.is_on.load(SeqCst)
    }

    fn waker(&self) -> MutexGuard<'_, Option<Waker>> {
        self.waker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Stop {
    fn wake(self: Arc<Self>) {
        self.is_on.store(true, SeqCst);
        let waker = self.waker().take();
        waker.into_iter().for_each(Waker::wake);
    }
}

impl<S: Stream> FromStream<S> {
    /// A stream where a source is asked for. If it needs a runtime, to be made inside of it.
    pub fn new(stream: S) -> Self {
        let runtime = Handle::try_current().ok();
        FromStream {
            stream: Box::pin(stream),
            runtime,
            weigh: |_| 0,
            next: 0,
            is_over: false,
            stop: Arc::default(),
        }
    }

    /// How many bytes an item owns beside itself, so that the memory limit of the run knows: `Vec::capacity`, say. None unless set.
    pub fn weighed_by(mut self, heap: fn(&S::Item) -> usize) -> Self {
        self.weigh = heap;
        self
    }

    /// What is ready, if anything is; `None` at the end.
    fn poll_batch(&mut self, want: Want, cx: &mut Context<'_>) -> Poll<Option<Items<S::Item>>>
    where
        S::Item: Send + 'static,
    {
        let (mut items, mut heap) = (Vec::new(), 0);
        let is_room = |items: &Vec<_>, heap| {
            items.len() < want.items && heap + items.len() * size_of::<S::Item>() < want.bytes
        };
        while !self.is_over && (items.is_empty() || is_room(&items, heap)) {
            match self.stream.as_mut().poll_next(cx) {
                Poll::Ready(Some(item)) => {
                    heap += (self.weigh)(&item);
                    items.push(item);
                }
                Poll::Ready(None) => self.is_over = true,
                Poll::Pending if items.is_empty() && self.stop.poll(cx) => self.is_over = true,
                Poll::Pending if items.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        let first = self.next;
        self.next += items.len() as u64;
        Poll::Ready((!items.is_empty()).then(|| Items::new(first, items).owning(heap)))
    }
}

impl<S> Source for FromStream<S>
where
    S: Stream<Item: Send + 'static> + Send,
{
    type Item = Own<S::Item>;
    type Batch = Items<S::Item>;

    fn pull(&mut self, want: Want) -> Result<Option<Self::Batch>, BoxError> {
        let runtime = self.runtime.clone();
        let batch = poll_fn(|cx| self.poll_batch(want, cx));
        match runtime {
            Some(runtime) => block_on(&runtime, batch).map_err(Into::into),
            None => Ok(park_on(batch)),
        }
    }

    fn poll_pull(&mut self, want: Want, waker: &Waker) -> Pulled<Self::Batch> {
        let runtime = self.runtime.clone();
        let _inside = runtime.as_ref().map(Handle::enter);
        Poll::Ready(Ok(ready!(self.poll_batch(want, &mut Context::from_waker(waker)))))
    }

    fn stopped_by(&mut self, stop: &Cancel) {
        stop.wake(self.stop.clone().into());
    }
}

/// Waits on this thread, for a future that needs a runtime.
fn block_on<F: Future>(runtime: &Handle, future: F) -> Result<F::Output, RunError> {
    let mut is_inside = false;
    let wait = || {
        runtime.block_on(tokio::task::unconstrained(async {
            is_inside = true;
            future.await
        }))
    };
    // tokio does not tell whether a thread may be blocked; it panics if not, before it polls.
    match catch_unwind(AssertUnwindSafe(wait)) {
        Ok(output) => Ok(output),
        Err(thrown) if is_inside => resume_unwind(thrown),
        Err(_) => Err(RunError::Config {
            field: "executor",
            value: "one that pulls its source on a thread of the runtime".to_owned(),
            why: "a stream is waited for, which would block the runtime: use `Async`, or `spawn_blocking`",
        }),
    }
}

/// Waits on this thread, for a future that needs none.
fn park_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        thread::park();
    }
}

impl<S: Stream> fmt::Debug for FromStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromStream").field("next", &self.next).finish_non_exhaustive()
    }
}
