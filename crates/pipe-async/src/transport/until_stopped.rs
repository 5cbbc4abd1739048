//! A transport that takes nothing more once a job is stopped, and then waits for nothing: that ends its source.

use super::contract::{Delivery, Message, Receipt, Transport, Verdict, giving_up};
use super::error::TransportError;
use super::give_up::GiveUp;
use pipe_core::Cancel;
use std::sync::Arc;
use std::time::Duration;

pub(super) struct UntilStopped {
    transport: Arc<dyn Transport>,
    stop: Cancel,
}

impl UntilStopped {
    pub(super) fn new(transport: &Arc<dyn Transport>, stop: &Cancel) -> Self {
        let transport = giving_up(transport, &GiveUp::after(stop, Duration::ZERO));
        UntilStopped { transport, stop: stop.clone() }
    }
}

impl Transport for UntilStopped {
    fn publish(&self, stream: &str, message: Message) -> Result<Receipt, TransportError> {
        if self.stop.is_cancelled() {
            return Err(TransportError::Stopped);
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

    fn giving_up(&self, when: &GiveUp) -> Option<Arc<dyn Transport>> {
        let transport = self.transport.giving_up(when)?;
        Some(Arc::new(UntilStopped { transport, stop: self.stop.clone() }))
    }
}
