//! A transport that takes nothing more once a job is stopped, which ends its source.

use super::contract::{Delivery, Message, Receipt, Transport, Verdict};
use super::error::TransportError;
use pipe_core::Cancel;
use std::sync::Arc;
use std::time::Duration;

pub(super) struct UntilStopped {
    transport: Arc<dyn Transport>,
    stop: Cancel,
}

impl UntilStopped {
    pub(super) fn new(transport: Arc<dyn Transport>, stop: Cancel) -> Self {
        UntilStopped { transport, stop }
    }
}

impl Transport for UntilStopped {
    fn publish(&self, stream: &str, message: Message) -> Result<Receipt, TransportError> {
        if self.stop.is_cancelled() {
            return Err(TransportError::Closed);
        }
        self.transport.publish(stream, message)
    }

    fn fetch(&self, stream: &str, most: usize, wait: Duration) -> Result<Vec<Delivery>, TransportError> {
        self.transport.fetch(stream, most, wait)
    }

    fn settle(&self, delivery: &Delivery, verdict: Verdict) -> Result<(), TransportError> {
        self.transport.settle(delivery, verdict)
    }

    fn left(&self, stream: &str) -> Result<u64, TransportError> {
        self.transport.left(stream)
    }
}
