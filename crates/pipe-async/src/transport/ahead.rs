//! Messages fetched while others are worked on: at most one batch of them.

use super::contract::{Delivery, Transport};
use super::error::TransportError;
use super::keeper::Keeper;
use pipe_core::Cancel;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::time::Duration;

type Batch = Result<Vec<Delivery>, TransportError>;

/// The end of the worker. Dropped, it ends the fetching.
pub(super) struct Ahead {
    fetched: Receiver<Batch>,
    is_gone: Arc<AtomicBool>,
}

/// The end of the thread that fetches.
pub(super) struct Fetching<'w> {
    transport: &'w dyn Transport,
    from: &'w str,
    most: usize,
    keeper: &'w Keeper,
    /// Without room: what is fetched waits in this thread.
    hand_over: SyncSender<Batch>,
    is_gone: Arc<AtomicBool>,
}

impl Ahead {
    pub(super) fn new<'w>(
        transport: &'w dyn Transport,
        from: &'w str,
        most: usize,
        keeper: &'w Keeper,
    ) -> (Self, Fetching<'w>) {
        let (hand_over, fetched) = sync_channel(0);
        let is_gone = Arc::new(AtomicBool::new(false));
        let fetching = Fetching { transport, from, most, keeper, hand_over, is_gone: is_gone.clone() };
        (Ahead { fetched, is_gone }, fetching)
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
        self.is_gone.store(true, Relaxed);
    }
}

impl Fetching<'_> {
    /// Fetches until nobody takes it. Returns what nobody took.
    pub(super) fn run(self, stop: &Cancel, wait: Duration) -> Vec<Delivery> {
        while !stop.is_cancelled() && !self.is_gone.load(Relaxed) {
            let batch = self.transport.fetch(self.from, self.most, wait);
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
}
