//! Messages from a consumer: requests, and what is heard of them.

use super::streams::Streams;
use crate::transport::{Delivery, Message, split};
use async_nats::jetstream;
use async_nats::jetstream::consumer::pull::Batch;
use futures_util::StreamExt;
use pipe_core::BoxError;
use std::time::Duration;

/// Those that are there; if there are none, the first one that comes.
///
/// A request for many that waits cannot be withdrawn: what the server sends to it after we have gone stays on loan to nobody. So only a
/// request for one message waits, and it is heard to its end.
pub(super) async fn fetch(
    streams: &Streams,
    name: &str,
    most: usize,
    wait: Duration,
) -> Result<Vec<Delivery>, BoxError> {
    let consumer = streams.consumer(name).await?;
    // The server's: the consumer may have been made by somebody with other settings.
    let lease = consumer.cached_info().config.ack_wait;
    if split(name).1.is_some() && !wait.is_zero() {
        // While one of its messages is on loan, the server would be silent about a partition, and tell of the next one only who waits.
        let first = consumer.batch().max_messages(1).expires(wait).messages().await?;
        let messages = heard(first, wait).await?;
        return in_hand(messages.into_iter().map(|message| delivery(message, name, lease)));
    }
    let there = consumer.fetch().max_messages(most).messages().await?;
    let mut messages = heard(there, Duration::ZERO).await?;
    if messages.is_empty() && !wait.is_zero() {
        let first = consumer.batch().max_messages(1).expires(wait).messages().await?;
        messages = heard(first, wait).await?;
    }
    in_hand(messages.into_iter().map(|message| delivery(message, name, lease)))
}

/// An error counts only if nothing came. What came is on loan, and thrown away it would use an attempt; the next request meets the error.
fn in_hand<T>(all: impl Iterator<Item = Result<T, BoxError>>) -> Result<Vec<T>, BoxError> {
    let mut first = None;
    let came: Vec<T> =
        all.filter_map(|one| one.map_err(|error| first = first.take().or(Some(error))).ok()).collect();
    match first {
        Some(error) if came.is_empty() => Err(error),
        _ => Ok(came),
    }
}

/// What the server sends for a request, until it says that this is all. It does not say so while as many messages are on loan as may be.
async fn heard(mut answers: Batch, wait: Duration) -> Result<Vec<jetstream::Message>, BoxError> {
    let late = wait + Duration::from_secs(1);
    let mut answered = Vec::new();
    while let Ok(Some(answer)) = tokio::time::timeout(late, answers.next()).await {
        let is_over = answer.is_err();
        answered.push(answer);
        if is_over {
            break;
        }
    }
    in_hand(answered.into_iter())
}

fn delivery(message: jetstream::Message, stream: &str, lease: Duration) -> Result<Delivery, BoxError> {
    let info = message.info()?;
    let (sequence, attempt) = (info.stream_sequence, u32::try_from(info.delivered).unwrap_or(u32::MAX));
    let headers = message.headers.as_ref();
    let id = headers.and_then(|headers| headers.get(async_nats::header::NATS_MESSAGE_ID));
    let id = id.map_or_else(|| format!("{stream}#{sequence}"), |id| id.as_str().to_owned());
    let token = message.reply.as_ref().map(|reply| reply.to_string()).unwrap_or_default();
    let payload = Vec::from(message.message.payload);
    Ok(Delivery { message: Message { id, payload }, stream: stream.into(), sequence, attempt, lease, token })
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
