//! One message on its way into a stream, until the stream says that it has it.

use super::gate::Attempts;
use super::streams::Streams;
use crate::transport::{Published, TransportError};
use async_nats::Subject;
use async_nats::jetstream::context::{PublishAckFuture, PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::{self, Context, ErrorCode};
use bytes::Bytes;
use futures_util::FutureExt;
use pipe_core::BoxError;
use std::error::Error;
use std::time::Duration;
use tokio::time::error::Elapsed;

/// A message, kept until it is acknowledged: the bytes are shared with each attempt.
pub(super) struct Publishing {
    pub(super) stream: Subject,
    pub(super) id: String,
    pub(super) payload: Bytes,
}

/// What became of an attempt.
pub(super) type Attempted = Result<Published, Failed>;

/// Why an attempt failed.
pub(super) enum Failed {
    /// The stream has no room; the connection is fine.
    Full,
    /// It will not do at another time.
    ForGood(TransportError),
    Other(BoxError),
}

impl From<BoxError> for Failed {
    fn from(error: BoxError) -> Self {
        error.downcast().map_or_else(Failed::Other, |error| Failed::ForGood(*error))
    }
}

impl From<Elapsed> for Failed {
    fn from(late: Elapsed) -> Self {
        Failed::Other(late.into())
    }
}

impl Publishing {
    /// Attempts until the stream has it or patience is over; `first` is what became of the first attempt, if there was one.
    pub(super) async fn run(
        &self,
        context: &Context,
        streams: &Streams,
        mut attempts: Attempts,
        mut first: Option<Attempted>,
    ) -> Result<Published, TransportError> {
        loop {
            let attempted = match first.take() {
                Some(attempted) => attempted,
                None => self.attempt(context, streams, attempts.left()).await,
            };
            let failed = match attempted {
                Ok(published) => return Ok(published),
                Err(Failed::ForGood(error)) => return Err(error),
                Err(failed) => failed,
            };
            if let Failed::Other(error) = &failed {
                attempts.failed(error);
            }
            if attempts.again().await {
                continue;
            }
            let (stream, waited) = (self.stream.to_string(), attempts.waited());
            return Err(match failed {
                Failed::Full => TransportError::Full { stream, waited },
                Failed::ForGood(error) => error,
                Failed::Other(last) => attempts.give_up(stream, last),
            });
        }
    }

    /// While there is no connection the client reads no more of its queue, and to send waits for room in it; so an attempt has a limit.
    async fn attempt(&self, context: &Context, streams: &Streams, limit: Duration) -> Attempted {
        let attempt = async {
            streams.ensure(&self.stream).await?;
            let answer = match self.send(context).await {
                Ok(acknowledged) => acknowledged.await,
                Err(error) => Err(error),
            };
            self.answer(answer, streams)
        };
        tokio::time::timeout(limit, attempt).await.map_err(Failed::from)?
    }

    /// The first attempt, if it can begin without waiting. Within the runtime of the client.
    pub(super) fn send_now(&self, context: &Context, streams: &Streams) -> Option<PublishAckFuture> {
        // What fails is tried again by `run`, which knows what to do about it.
        streams.is_known(&self.stream).then(|| self.send(context).now_or_never())??.ok()
    }

    async fn send(&self, context: &Context) -> Result<PublishAckFuture, PublishError> {
        let message = PublishMessage::build().message_id(&self.id).payload(self.payload.clone());
        context.send_publish(self.stream.clone(), message).await
    }

    /// What an answer of the server means.
    pub(super) fn answer(&self, answer: Result<PublishAck, PublishError>, streams: &Streams) -> Attempted {
        match answer {
            Ok(stored) if stored.duplicate => Ok(Published::Duplicate),
            Ok(_) => Ok(Published::Stored),
            Err(error) if is_full(&error) => Err(Failed::Full),
            Err(error) if code(&error) == Some(ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM) => {
                let (stream, bytes) = (self.stream.to_string(), self.payload.len() + self.id.len());
                // It may have been set since we looked; then all that is known is that this is too much.
                let limit = streams.largest(&stream).unwrap_or(bytes - 1);
                Err(Failed::ForGood(TransportError::TooLarge { stream, bytes, limit }))
            }
            Err(error) => {
                if error.kind() == PublishErrorKind::StreamNotFound {
                    streams.forget(&self.stream);
                }
                Err(Failed::Other(Box::new(error)))
            }
        }
    }
}

fn refused(error: &PublishError) -> Option<&jetstream::Error> {
    error.source().and_then(|source| source.downcast_ref())
}

fn code(error: &PublishError) -> Option<ErrorCode> {
    refused(error).map(jetstream::Error::error_code)
}

/// The server says "maximum bytes exceeded", under a code that it has for all that its store refuses.
fn is_full(error: &PublishError) -> bool {
    let says = |refused: &jetstream::Error| refused.to_string().contains("maximum");
    code(error) == Some(ErrorCode::STREAM_STORE_FAILED) && refused(error).is_some_and(says)
}
