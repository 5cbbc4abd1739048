//! The streams of a server, and the consumer that all workers of a stream share.

use super::options::Storage;
use crate::transport::{StreamSettings, TransportError};
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

    /// The consumer of a stream. An error that is a [`TransportError`] stays, however often it is tried.
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
        self.check(&stream.cached_info().config, &consumer.cached_info().config)?;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), consumer.clone());
        Ok(consumer)
    }

    /// What was there already may be of somebody who wanted something else.
    fn check(&self, stream: &Config, consumer: &consumer::Config) -> Result<(), TransportError> {
        let config = |field, value: String, why| {
            Err(TransportError::Config { field, value: format!("{value}, of stream {}", stream.name), why })
        };
        if stream.retention != RetentionPolicy::WorkQueue {
            let why = "a stream has to be a work queue, which keeps a message until it was acknowledged";
            return config("retention", format!("{:?}", stream.retention), why);
        }
        if stream.discard != DiscardPolicy::New {
            let why = "a full stream has to refuse what is new, or it forgets what is old";
            return config("discard", format!("{:?}", stream.discard), why);
        }
        if consumer.ack_policy != AckPolicy::Explicit {
            let why = "messages are acknowledged one by one";
            return config("ack_policy", format!("{:?}", consumer.ack_policy), why);
        }
        if consumer.max_deliver > 0 {
            let why = "there may be no limit, or what is beyond it stays in the stream and goes to nobody";
            return config("max_deliver", consumer.max_deliver.to_string(), why);
        }
        match self.settings.why_too_short(consumer.ack_wait, stream.duplicate_window) {
            Some(why) => config("duplicate_window", format!("{:?}", stream.duplicate_window), why),
            None => Ok(()),
        }
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
