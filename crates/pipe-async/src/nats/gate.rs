//! One gate for all that wait for the server: whoever has failed waits until there is a connection, and then for a time of its own.

use super::refusal::is_refusal;
use crate::transport::TransportError;
use pipe_core::{BoxError, Retry, exponential};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Patience with a server that is there and refuses.
const REFUSED: Duration = Duration::from_secs(5);

/// The attempts of one request: when the next one is due, and when it is over.
pub(super) struct Attempts {
    connected: watch::Receiver<bool>,
    waits: Retry,
    started: Instant,
    patience: Duration,
    made: u32,
    /// What the server said when it refused.
    refused: Option<BoxError>,
}

impl Attempts {
    pub(super) fn new(connected: &watch::Receiver<bool>, patience: Duration) -> Self {
        let waits = exponential(u32::MAX).first(Duration::from_millis(10)).most(Duration::from_secs(2));
        Attempts {
            connected: connected.clone(),
            waits,
            started: Instant::now(),
            patience,
            made: 0,
            refused: None,
        }
    }

    /// An attempt has failed like this. A server that refuses is asked for a few seconds more, and what it says is kept: if it goes on to fail, it
    /// may do so without a word.
    pub(super) fn failed(&mut self, error: &BoxError) {
        if self.refused.is_none() && is_refusal(&**error) {
            self.patience = self.patience.min(self.started.elapsed() + REFUSED);
            self.refused = Some(error.to_string().into());
        }
    }

    /// There was nothing left to try.
    pub(super) fn give_up(self, stream: String, last: BoxError) -> TransportError {
        let (attempts, waited) = (self.made, self.started.elapsed());
        match self.refused {
            Some(source) => TransportError::Refused { stream, attempts, waited, source },
            None => TransportError::Unavailable { stream, attempts, waited, source: last },
        }
    }

    /// After an attempt that has failed: waits until the next one may begin. `false`: there is none, patience is over.
    pub(super) async fn again(&mut self) -> bool {
        self.made += 1;
        let Some(left) = self.patience.checked_sub(self.started.elapsed()) else { return false };
        let opens = self.connected.wait_for(|connected| *connected);
        if !matches!(tokio::time::timeout(left, opens).await, Ok(Ok(_))) {
            return false;
        }
        // Without this, all that waited at the gate would come at once.
        let wait = self.waits.wait(self.made.min(30), self.started.elapsed().as_nanos() as u64);
        tokio::time::sleep(wait).await;
        self.started.elapsed() < self.patience
    }

    /// The patience that is left, for an attempt that gets no answer. Zero would be no attempt at all.
    pub(super) fn left(&self) -> Duration {
        self.patience.saturating_sub(self.started.elapsed()).max(Duration::from_millis(1))
    }

    pub(super) fn waited(&self) -> Duration {
        self.started.elapsed()
    }
}
