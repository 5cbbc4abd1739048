//! The time of waits outside of tokio: one thread for the process, which wakes those whose time is over.
//!
//! Only what really has to wait comes here, and most of that leaves before its time: so it costs a lock to come and one to leave, and the
//! thread is woken only for a time that is earlier than all others. It ends when nobody has come for a while.

use crate::contained::contained;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// How long the thread stays without anybody to wake.
const IDLE: Duration = Duration::from_secs(10);

static STATE: Mutex<State> = Mutex::new(State { waits: BTreeMap::new(), numbers: 0, looks: None });
static CHANGED: Condvar = Condvar::new();

struct State {
    /// By time and number.
    waits: BTreeMap<(Instant, u64), Waker>,
    numbers: u64,
    /// When the thread looks again at the latest; `None` if there is none.
    looks: Option<Instant>,
}

/// Over at a moment. Dropped before, it is forgotten.
#[must_use = "a future does nothing unless it is awaited"]
pub(super) struct Until {
    at: Instant,
    /// Among those that wait, once it does.
    number: Option<u64>,
}

impl Until {
    pub(super) fn new(at: Instant) -> Self {
        Until { at, number: None }
    }
}

impl Future for Until {
    type Output = ();

    /// Panics if the system refuses the thread: a limit that nobody watches would be none.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.at <= Instant::now() {
            return Poll::Ready(());
        }
        // Cloned, and the one before dropped, while the lock is free: that is foreign code.
        let (waker, mut state) = (cx.waker().clone(), lock());
        let number = *self.number.get_or_insert_with(|| {
            state.numbers += 1;
            state.numbers
        });
        let before = state.waits.insert((self.at, number), waker);
        let looks = state.looks;
        let is_first = looks.is_none_or(|looks| self.at < looks);
        if is_first {
            state.looks = Some(self.at);
        }
        drop(state);
        drop(before);
        match looks {
            None => begin(),
            Some(_) if is_first => CHANGED.notify_one(),
            Some(_) => {}
        }
        Poll::Pending
    }
}

impl Drop for Until {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let waker = lock().waits.remove(&(self.at, number));
            drop(waker);
        }
    }
}

fn lock() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn begin() {
    if let Err(error) = thread::Builder::new().name("timekeeper".to_owned()).spawn(keep) {
        // The next one tries again.
        lock().looks = None;
        panic!("the system refused the thread that watches the time: {error}");
    }
}

/// What the thread does.
fn keep() {
    let mut state = lock();
    loop {
        let now = Instant::now();
        let later = state.waits.split_off(&(now, u64::MAX));
        let due = std::mem::replace(&mut state.waits, later);
        if !due.is_empty() {
            drop(state);
            due.into_values().for_each(|waker| contained(|| waker.wake()));
            state = lock();
            continue;
        }
        let looks = state.waits.first_key_value().map_or_else(|| now + IDLE, |((at, _), _)| *at);
        state.looks = Some(looks);
        let (woken, waited) =
            CHANGED.wait_timeout(state, looks - now).unwrap_or_else(PoisonError::into_inner);
        state = woken;
        if waited.timed_out() && state.waits.is_empty() {
            // Under the lock: who comes from now on begins another.
            state.looks = None;
            return;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::task::Wake;

    const LONG: Duration = Duration::from_secs(60);

    /// Tells its number when it is woken.
    struct Tells(u32, Sender<u32>);

    impl Wake for Tells {
        fn wake(self: Arc<Self>) {
            let _ = self.1.send(self.0);
        }
    }

    fn teller() -> (impl Fn(u32) -> Waker, Receiver<u32>) {
        let (told, tells) = channel();
        (move |number| Arc::new(Tells(number, told.clone())).into(), tells)
    }

    #[test]
    fn those_whose_time_is_over_are_woken_never_early_and_those_that_left_not_at_all() {
        let (waker, tells) = teller();
        let begun = Instant::now();
        let mut waits: Vec<_> = [1_000_000, 600, 2_000_000, 500]
            .map(|milliseconds| Box::pin(Until::new(begun + Duration::from_millis(milliseconds))))
            .into();
        for (wait, number) in waits.iter_mut().zip(0..) {
            assert!(wait.as_mut().poll(&mut Context::from_waker(&waker(number))).is_pending());
        }
        let left = (waits[2].at, waits[2].number.unwrap());
        drop(waits.remove(2));
        assert!(!lock().waits.contains_key(&left));
        for (number, after) in [(3, 500), (1, 600)] {
            assert_eq!(tells.recv_timeout(LONG), Ok(number));
            assert!(begun.elapsed() >= Duration::from_millis(after));
        }
        let mut cx = Context::from_waker(Waker::noop());
        assert!(waits[2].as_mut().poll(&mut cx).is_ready() && waits[0].as_mut().poll(&mut cx).is_pending());
    }

    #[test]
    fn of_the_wakers_of_a_wait_the_last_one_counts() {
        let (waker, tells) = teller();
        let mut wait = pin!(Until::new(Instant::now() + Duration::from_millis(500)));
        for number in 0..3 {
            assert!(wait.as_mut().poll(&mut Context::from_waker(&waker(number))).is_pending());
        }
        assert_eq!(tells.recv_timeout(LONG), Ok(2));
        assert!(wait.as_mut().poll(&mut Context::from_waker(&waker(3))).is_ready());
        assert!(tells.try_recv().is_err());
    }
}
