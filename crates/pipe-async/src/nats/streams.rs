//! The streams of a server, and the consumer that all workers of a stream share.

use super::options::Storage;
use crate::transport::StreamSettings;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{Context, consumer};
use pipe_core::BoxError;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The durable consumer of a work queue. There is one, since a message goes to one worker.
const CONSUMER: &str = "workers";

/// Makes streams and consumers that are not there, and remembers those that are.
pub(super) struct Streams {
    context: Context,
    settings: StreamSettings,
    replicas: usize,
    storage: Storage,
    known: Mutex<HashMap<String, PullConsumer>>,
}

impl Streams {
    pub(super) fn new(context: Context, settings: StreamSettings, replicas: usize, storage: Storage) -> Self {
        Streams { context, settings, replicas, storage, known: Mutex::default() }
    }

    /// The consumer of a stream.
    pub(super) async fn consumer(&self, name: &str) -> Result<PullConsumer, BoxError> {
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Ok(known.clone());
        }
        let stream = self.context.get_or_create_stream(self.stream(name)).await?;
        let config = pull::Config {
            durable_name: Some(CONSUMER.to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.settings.lease,
            max_ack_pending: i64::from(self.settings.max_on_loan),
            // Without limit: the server would keep what is beyond it in the stream and deliver it to nobody. Workers count, and write a letter.
            max_deliver: -1,
            ..consumer::pull::Config::default()
        };
        let consumer = stream.get_or_create_consumer(CONSUMER, config).await?;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), consumer.clone());
        Ok(consumer)
    }

    /// After a failure: the stream may be gone.
    pub(super) fn forget(&self, name: &str) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    fn stream(&self, name: &str) -> Config {
        Config {
            name: name.to_owned(),
            subjects: vec![name.to_owned()],
            retention: RetentionPolicy::WorkQueue,
            // A full stream refuses, and forgets nothing.
            discard: DiscardPolicy::New,
            max_bytes: i64::try_from(self.settings.max_bytes).unwrap_or(i64::MAX),
            duplicate_window: self.settings.duplicate_window,
            num_replicas: self.replicas,
            storage: match self.storage {
                Storage::File => StorageType::File,
                Storage::Memory => StorageType::Memory,
            },
            ..Config::default()
        }
    }
}
