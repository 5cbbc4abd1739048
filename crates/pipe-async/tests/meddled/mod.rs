//! A transport between a test and another one: all goes on as it comes, but for what the test meddles with.

use pipe_async::{Delivery, GiveUp, Message, Receipt, Transport, TransportError, Verdict};
use std::sync::Arc;
use std::time::Duration;

/// What a test does between. Each method goes on unless the test has its own.
pub(crate) trait Meddle: Send + Sync {
    fn publish(
        &self,
        through: &dyn Transport,
        stream: &str,
        message: Message,
    ) -> Result<Receipt, TransportError> {
        through.publish(stream, message)
    }

    fn fetch(
        &self,
        through: &dyn Transport,
        stream: &str,
        most: usize,
        wait: Duration,
    ) -> Result<Vec<Delivery>, TransportError> {
        through.fetch(stream, most, wait)
    }

    fn settle(
        &self,
        through: &dyn Transport,
        delivery: &Delivery,
        verdict: Verdict,
    ) -> Result<(), TransportError> {
        through.settle(delivery, verdict)
    }
}

struct Meddled<M> {
    transport: Arc<dyn Transport>,
    meddle: Arc<M>,
}

/// The transport, with this between.
pub(crate) fn meddled<M: Meddle + 'static>(
    transport: &Arc<dyn Transport>,
    meddle: &Arc<M>,
) -> Arc<dyn Transport> {
    Arc::new(Meddled { transport: transport.clone(), meddle: meddle.clone() })
}

impl<M: Meddle + 'static> Transport for Meddled<M> {
    fn publish(&self, stream: &str, message: Message) -> Result<Receipt, TransportError> {
        self.meddle.publish(&*self.transport, stream, message)
    }

    fn fetch(&self, stream: &str, most: usize, wait: Duration) -> Result<Vec<Delivery>, TransportError> {
        self.meddle.fetch(&*self.transport, stream, most, wait)
    }

    fn settle(&self, delivery: &Delivery, verdict: Verdict) -> Result<(), TransportError> {
        self.meddle.settle(&*self.transport, delivery, verdict)
    }

    fn left(&self, stream: &str) -> Result<u64, TransportError> {
        self.transport.left(stream)
    }

    fn giving_up(&self, when: &GiveUp) -> Option<Arc<dyn Transport>> {
        let transport = self.transport.giving_up(when)?;
        Some(Arc::new(Meddled { transport, meddle: self.meddle.clone() }))
    }
}
