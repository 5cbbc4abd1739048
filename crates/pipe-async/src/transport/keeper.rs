//! Keeps messages on loan while they are worked on.

use super::contract::{Delivery, Message, Transport, Verdict};
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Marks what a worker holds as in progress, three times a lease. Not for ever: a stage that hangs gives its message to another worker.
pub(super) struct Keeper {
    held: Mutex<Held>,
    changed: Condvar,
    /// A message is marked for this long.
    longest: Duration,
}

fn place(delivery: &Delivery) -> (Arc<str>, u64) {
    (delivery.stream.clone(), delivery.sequence)
}

#[derive(Default)]
struct Held {
    /// By stream and place.
    messages: BTreeMap<(Arc<str>, u64), (Instant, Delivery)>,
    over: bool,
}

impl Keeper {
    pub(super) fn new(longest: Duration) -> Self {
        Keeper { held: Mutex::default(), changed: Condvar::new(), longest }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn hold(&self, delivery: &Delivery) {
        // Neither id nor payload is needed to say that it is being worked on.
        let message = Message { id: String::new(), payload: Vec::new() };
        let light =
            Delivery { message, stream: delivery.stream.clone(), token: delivery.token.clone(), ..*delivery };
        let mut held = self.lock();
        held.messages.insert(place(delivery), (Instant::now(), light));
        if held.messages.len() == 1 {
            self.changed.notify_all();
        }
    }

    pub(super) fn release(&self, delivery: &Delivery) {
        self.lock().messages.remove(&place(delivery));
    }

    /// Marks until the guard of [`Keeper::until_dropped`] goes. A mark that is lost is no harm: the next one comes soon.
    pub(super) fn run(&self, transport: &dyn Transport) {
        let mut held = self.lock();
        while !held.over {
            let Some(lease) = held.messages.values().map(|(_, delivery)| delivery.lease).min() else {
                held = self.changed.wait(held).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let until = Instant::now() + lease / 3;
            while !held.over && Instant::now() < until {
                let span = until.saturating_duration_since(Instant::now());
                held = self.changed.wait_timeout(held, span).unwrap_or_else(PoisonError::into_inner).0;
            }
            held.messages.retain(|_, (since, _)| since.elapsed() < self.longest);
            let marked: Vec<Delivery> =
                held.messages.values().map(|(_, delivery)| delivery.clone()).collect();
            for delivery in &marked {
                // Marks take time, and meanwhile a verdict may have been given: no mark comes after it.
                let now_held = held.messages.get(&place(delivery)).map(|(_, held)| held.attempt);
                if held.over {
                    break;
                }
                if now_held != Some(delivery.attempt) {
                    continue;
                }
                // Not under the lock: the server may be slow, and the worker wants to go on.
                drop(held);
                let _ = transport.settle(delivery, Verdict::InProgress);
                held = self.lock();
            }
        }
    }

    /// Ends `run` when it is dropped, also by a panic.
    pub(super) fn until_dropped(&self) -> impl Drop {
        struct End<'k>(&'k Keeper);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.lock().over = true;
                self.0.changed.notify_all();
            }
        }
        End(self)
    }
}
