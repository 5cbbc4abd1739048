//! The streams of a server, and the consumer that all workers of a stream share.

use super::fetching::Inbox;
use super::options::Storage;
use crate::transport::{StreamSettings, TransportError, split};
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use async_nats::jetstream::{Context, consumer};
use futures_util::StreamExt;
use pipe_core::BoxError;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The durable consumer of a work queue. There is one, since a message goes to one worker; and one for each partition.
const CONSUMER: &str = "workers";

/// The subjects of the partitions of a stream.
fn partitions(stream: &str) -> String {
    format!("{stream}.*")
}

/// Makes streams and consumers that are not there, and remembers those that are.
pub(super) struct Streams {
    pub(super) context: Context,
    settings: StreamSettings,
    replicas: usize,
    storage: Storage,
    known: Mutex<HashMap<String, Known>>,
    /// By stream: those that no fetch has at the moment.
    inboxes: Mutex<HashMap<String, Vec<Inbox>>>,
}

#[derive(Clone)]
struct Known {
    consumer: PullConsumer,
    /// The largest message that the stream takes, if somebody has set one.
    largest: Option<usize>,
}

impl Streams {
    pub(super) fn new(context: Context, settings: StreamSettings, replicas: usize, storage: Storage) -> Self {
        Streams { context, settings, replicas, storage, known: Mutex::default(), inboxes: Mutex::default() }
    }

    /// The consumer of a stream, or of a partition. An error that is a [`TransportError`] stays, however often it is tried.
    pub(super) async fn consumer(&self, name: &str) -> Result<PullConsumer, BoxError> {
        if let Some(known) = self.known().get(name) {
            return Ok(known.consumer.clone());
        }
        let (base, partition) = split(name);
        let stream = self.context.get_or_create_stream(self.stream(base)).await?;
        let (consumer, max_ack_pending) = match partition {
            None => (CONSUMER.to_owned(), self.settings.max_on_loan),
            // The server gives nothing more before this one is acknowledged, whoever asks: that is what keeps the order.
            Some(partition) => (format!("{CONSUMER}-{partition}"), 1),
        };
        let config = pull::Config {
            durable_name: Some(consumer.clone()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.settings.lease,
            max_ack_pending: i64::from(max_ack_pending),
            // Without limit: the server would keep what is beyond it in the stream and deliver it to nobody. Workers count, and write a letter.
            max_deliver: -1,
            filter_subject: name.to_owned(),
            ..consumer::pull::Config::default()
        };
        let consumer = stream.get_or_create_consumer(&consumer, config).await?;
        self.check(name, &stream.cached_info().config, &consumer.cached_info().config)?;
        let largest =
            usize::try_from(stream.cached_info().config.max_message_size).ok().filter(|most| *most > 0);
        self.known().insert(name.to_owned(), Known { consumer: consumer.clone(), largest });
        Ok(consumer)
    }

    /// Sees to it that a stream is there.
    pub(super) async fn ensure(&self, name: &str) -> Result<(), BoxError> {
        if self.is_known(name) { Ok(()) } else { self.consumer(name).await.map(drop) }
    }

    /// Whether it was there when it was asked for last.
    pub(super) fn is_known(&self, name: &str) -> bool {
        self.known().contains_key(name)
    }

    /// The largest message that a stream takes, if it is known and has such a limit.
    pub(super) fn largest(&self, name: &str) -> Option<usize> {
        self.known().get(name).and_then(|known| known.largest)
    }

    /// How many messages are in a stream, or in a partition.
    pub(super) async fn left(&self, name: &str) -> Result<u64, BoxError> {
        self.ensure(name).await?;
        let stream = self.context.get_stream(split(name).0).await?;
        let mut subjects = stream.info_with_subjects(name).await?;
        let mut left = 0;
        while let Some(subject) = subjects.next().await {
            left += subject?.1 as u64;
        }
        Ok(left)
    }

    pub(super) fn take_inbox(&self, name: &str) -> Option<Inbox> {
        self.inboxes.lock().unwrap_or_else(PoisonError::into_inner).get_mut(name)?.pop()
    }

    /// For the next fetch: of those that go on at once, each has one.
    pub(super) fn keep_inbox(&self, name: &str, inbox: Inbox) {
        let mut inboxes = self.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        inboxes.entry(name.to_owned()).or_default().push(inbox);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was there already may be of somebody who wanted something else.
    fn check(&self, name: &str, stream: &Config, consumer: &consumer::Config) -> Result<(), TransportError> {
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
        if let Some(waits) = Some(&consumer.backoff).filter(|waits| !waits.is_empty()) {
            let why = "there may be no list of waits, which stands in the place of the lease and makes it another one at each attempt";
            return config("backoff", format!("{waits:?}"), why);
        }
        if split(name).1.is_some() {
            if !stream.subjects.iter().any(|subject| *subject == partitions(&stream.name)) {
                let why = "a stream with partitions has to take what is sent to NAME.*";
                return config("subjects", format!("{:?}", stream.subjects), why);
            }
            if consumer.max_ack_pending != 1 {
                let why = "of a partition one message is on loan at a time, or there is no order";
                return config("max_ack_pending", consumer.max_ack_pending.to_string(), why);
            }
        }
        match self.settings.why_too_short(consumer.ack_wait, stream.duplicate_window) {
            Some(why) => config("duplicate_window", format!("{:?}", stream.duplicate_window), why),
            None => Ok(()),
        }
    }

    /// After a failure: the stream may be gone.
    pub(super) fn forget(&self, name: &str) {
        self.known().remove(name);
    }

    fn stream(&self, name: &str) -> Config {
        Config {
            name: name.to_owned(),
            subjects: vec![name.to_owned(), partitions(name)],
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
