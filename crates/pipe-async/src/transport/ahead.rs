//! Messages fetched while others are worked on: at most one batch of them, and no more than a short time's work.

use super::contract::{Delivery, Transport};
use super::error::TransportError;
use super::keeper::Keeper;
use pipe_core::Cancel;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

/// A batch is what takes this long to work on. It covers the way to a server and back; more would only be kept from other workers, of whom
/// one would be at work at the end while the others have nothing, and would wait for a lease if this one died.
const AT_ONCE: Duration = Duration::from_millis(5);

type Batch = Result<Vec<Delivery>, TransportError>;

/// The end of the worker. Dropped, it ends the fetching.
pub(super) struct Ahead {
    fetched: Receiver<Batch>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    is_gone: AtomicBool,
    /// Nanoseconds that a message takes; zero before the first one.
    pace: AtomicU64,
}

/// The end of the thread that fetches.
pub(super) struct Fetching<'w> {
    transport: &'w dyn Transport,
    from: &'w str,
    most: usize,
    keeper: &'w Keeper,
    /// Without room: what is fetched waits in this thread.
    hand_over: SyncSender<Batch>,
    shared: Arc<Shared>,
}

impl Ahead {
    pub(super) fn new<'w>(
        transport: &'w dyn Transport,
        from: &'w str,
        most: usize,
        keeper: &'w Keeper,
    ) -> (Self, Fetching<'w>) {
        let (hand_over, fetched) = sync_channel(0);
        let shared = Arc::<Shared>::default();
        let fetching = Fetching { transport, from, most, keeper, hand_over, shared: shared.clone() };
        (Ahead { fetched, shared }, fetching)
    }

    /// This many messages took this long.
    pub(super) fn took(&self, messages: usize, time: Duration) {
        if messages > 0 {
            let each = time.as_nanos() / messages as u128;
            self.shared.pace.store(u64::try_from(each).unwrap_or(u64::MAX).max(1), Relaxed);
        }
    }

    /// The messages that are there by now. `None`: no more are fetched, since the worker was stopped or the fetching has panicked.
    pub(super) fn there(&self) -> Option<Batch> {
        match self.fetched.try_recv() {
            Ok(batch) => Some(batch),
            Err(TryRecvError::Empty) => Some(Ok(Vec::new())),
            Err(TryRecvError::Disconnected) => None,
        }
    }

    /// Those that come within so long, if none are there. `None`: as above.
    pub(super) fn wait(&self, wait: Duration) -> Option<Batch> {
        match self.fetched.recv_timeout(wait) {
            Ok(batch) => Some(batch),
            Err(RecvTimeoutError::Timeout) => Some(Ok(Vec::new())),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        // Relaxed: it is looked at again and again.
        self.shared.is_gone.store(true, Relaxed);
    }
}

impl Fetching<'_> {
    /// Fetches until nobody takes it. Returns what nobody took.
    pub(super) fn run(self, stop: &Cancel, wait: Duration) -> Vec<Delivery> {
        while !stop.is_cancelled() && !self.shared.is_gone.load(Relaxed) {
            let batch = self.transport.fetch(self.from, self.at_once(), wait);
            match &batch {
                Ok(batch) if batch.is_empty() => continue,
                Ok(batch) => batch.iter().for_each(|delivery| self.keeper.hold(delivery)),
                Err(_) => {}
            }
            let ends = batch.is_err();
            if let Err(unused) = self.hand_over.send(batch) {
                return unused.0.unwrap_or_default();
            }
            if ends {
                break;
            }
        }
        Vec::new()
    }

    fn at_once(&self) -> usize {
        at_once(self.shared.pace.load(Relaxed), self.most)
    }
}

/// How many messages to ask for, where each takes this many nanoseconds. The first one alone: nobody knows how long it takes.
fn at_once(pace: u64, most: usize) -> usize {
    let fit = (AT_ONCE.as_nanos() as u64).checked_div(pace).unwrap_or(1);
    usize::try_from(fit).unwrap_or(usize::MAX).clamp(1, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_five_milliseconds_of_work_and_at_least_one_message() {
        assert_eq!(at_once(0, 64), 1, "nothing is known");
        assert_eq!(at_once(1, 64), 64);
        assert_eq!(at_once(1_000_000, 64), 5);
        assert_eq!(at_once(1_000_000_000, 64), 1);
    }
}
