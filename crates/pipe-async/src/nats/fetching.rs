//! Messages from a consumer: requests, and what is heard of them.

use super::streams::Streams;
use crate::transport::{Delivery, Message, split};
use async_nats::jetstream::consumer::pull::BatchConfig;
use async_nats::jetstream::{self, Context};
use async_nats::{StatusCode, Subject, Subscriber};
use futures_util::StreamExt;
use pipe_core::BoxError;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// After this long without a word a request counts as answered, though the server has not said that this is all.
const SILENCE: Duration = Duration::from_secs(1);

/// Where the server sends what was asked for; kept from one request to the next, so what comes late is there for the next one.
pub(super) struct Inbox {
    name: String,
    messages: Subscriber,
    /// How many requests were made: the server's words about one before the last are none about the last.
    requests: u64,
}

/// Those that are there; if there are none, the first that come.
///
/// A request that does not wait and yet has a time is both in one: the server answers with what is there, or waits for that long, and says
/// when it was all. One that goes on to wait cannot be withdrawn: what the server sends to it after we have gone stays on loan to nobody.
pub(super) async fn fetch(
    streams: &Streams,
    name: &str,
    most: usize,
    wait: Duration,
) -> Result<Vec<Delivery>, BoxError> {
    let consumer = streams.consumer(name).await?;
    let context = &streams.context;
    // The server's: the consumer may have been made by somebody with other settings.
    let lease = consumer.cached_info().config.ack_wait;
    let expires = Some(wait).filter(|wait| !wait.is_zero());
    // While one of its messages is on loan, the server would be silent about a partition, and tell of the next one only who waits.
    let request = match split(name).1.and(expires) {
        Some(_) => BatchConfig { batch: 1, expires, ..BatchConfig::default() },
        None => BatchConfig { batch: most, expires, no_wait: true, ..BatchConfig::default() },
    };
    let mut inbox = match streams.take_inbox(name) {
        Some(inbox) => inbox,
        None => Inbox::open(context).await?,
    };
    let batch = request.batch;
    let (reply, began) = (inbox.next_reply(), Instant::now());
    consumer.request_batch(request, reply.clone()).await?;
    let (messages, is_told) = inbox.hear(&reply, batch, wait).await?;
    // One that is still open would bring messages that nobody may ask for.
    if is_told || began.elapsed() >= wait {
        streams.keep_inbox(name, inbox);
    }
    let stream: Arc<str> = name.into();
    let delivery = |message| {
        let message = jetstream::Message { message, context: context.clone() };
        delivery(message, stream.clone(), lease)
    };
    in_hand(messages.into_iter().map(delivery))
}

impl Inbox {
    async fn open(context: &Context) -> Result<Self, BoxError> {
        let client = context.client();
        let name = client.new_inbox();
        let messages = client.subscribe(format!("{name}.*")).await?;
        Ok(Inbox { name, messages, requests: 0 })
    }

    fn next_reply(&mut self) -> Subject {
        self.requests += 1;
        format!("{}.{}", self.name, self.requests).into()
    }

    /// What the server sends for a request, and whether it has told that this is all. It does not tell so at once while as many messages are
    /// on loan as may be.
    async fn hear(
        &mut self,
        reply: &Subject,
        most: usize,
        wait: Duration,
    ) -> Result<(Vec<async_nats::Message>, bool), BoxError> {
        let (mut heard, mut patience) = (Vec::new(), wait + SILENCE);
        while heard.len() < most {
            let Ok(next) = tokio::time::timeout(patience, self.messages.next()).await else {
                return Ok((heard, false));
            };
            let message = next.ok_or("the client has ended")?;
            match message.status {
                None | Some(StatusCode::OK) => {
                    heard.push(message);
                    patience = SILENCE;
                }
                Some(_) if message.subject != *reply => {}
                Some(StatusCode::IDLE_HEARTBEAT) => {}
                Some(StatusCode::NOT_FOUND | StatusCode::TIMEOUT) => break,
                // What came is on loan, and thrown away it would use an attempt; the next request meets the error.
                Some(_) if !heard.is_empty() => break,
                Some(status) => {
                    let why = message.description.unwrap_or_default();
                    return Err(format!("the server answers {status} {why}").into());
                }
            }
        }
        Ok((heard, true))
    }
}

/// An error counts only if nothing came: what came is on loan.
fn in_hand<T>(all: impl Iterator<Item = Result<T, BoxError>>) -> Result<Vec<T>, BoxError> {
    let mut first = None;
    let came: Vec<T> =
        all.filter_map(|one| one.map_err(|error| first = first.take().or(Some(error))).ok()).collect();
    match first {
        Some(error) if came.is_empty() => Err(error),
        _ => Ok(came),
    }
}

fn delivery(message: jetstream::Message, stream: Arc<str>, lease: Duration) -> Result<Delivery, BoxError> {
    let info = message.info()?;
    let (sequence, attempt) = (info.stream_sequence, u32::try_from(info.delivered).unwrap_or(u32::MAX));
    let headers = message.headers.as_ref();
    let id = headers.and_then(|headers| headers.get(async_nats::header::NATS_MESSAGE_ID));
    let id = id.map_or_else(|| format!("{stream}#{sequence}"), |id| id.as_str().to_owned());
    let token = message.reply.as_ref().map(|reply| reply.to_string()).unwrap_or_default();
    let payload = Vec::from(message.message.payload);
    Ok(Delivery { message: Message { id, payload }, stream, sequence, attempt, lease, token })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_before_an_error_is_kept_and_an_error_alone_is_told() {
        let all = |all: Vec<Result<u32, BoxError>>| in_hand(all.into_iter()).ok();
        assert_eq!(all(vec![Ok(1), Ok(2), Err("gone".into())]), Some(vec![1, 2]));
        assert_eq!(all(vec![Err("gone".into())]), None);
        assert_eq!(all(vec![]), Some(vec![]));
    }
}
