//! One message on its way into a stream, until the stream says that it has it.

use super::gate::Attempts;
use super::streams::Streams;
use crate::transport::{Published, TransportError};
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::{self, Context, ErrorCode};
use bytes::Bytes;
use pipe_core::BoxError;
use std::error::Error;

/// A message, kept until it is acknowledged: the bytes are shared with each attempt.
pub(super) struct Publishing {
    pub(super) stream: String,
    pub(super) id: String,
    pub(super) payload: Bytes,
}

/// Why an attempt failed.
enum Failed {
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

impl Publishing {
    pub(super) async fn run(
        &self,
        context: &Context,
        streams: &Streams,
        mut attempts: Attempts,
    ) -> Result<Published, TransportError> {
        loop {
            // While there is no connection the client reads no more of its queue, and to send waits for room in it.
            let failed = match tokio::time::timeout(attempts.left(), self.attempt(context, streams)).await {
                Ok(Ok(published)) => return Ok(published),
                Ok(Err(Failed::ForGood(error))) => return Err(error),
                Ok(Err(failed)) => failed,
                Err(late) => Failed::Other(late.into()),
            };
            if let Failed::Other(error) = &failed {
                attempts.failed(error);
            }
            if attempts.again().await {
                continue;
            }
            let (stream, waited) = (self.stream.clone(), attempts.waited());
            return Err(match failed {
                Failed::Full => TransportError::Full { stream, waited },
                Failed::ForGood(error) => error,
                Failed::Other(last) => attempts.give_up(stream, last),
            });
        }
    }

    async fn attempt(&self, context: &Context, streams: &Streams) -> Result<Published, Failed> {
        streams.ensure(&self.stream).await?;
        let message = PublishMessage::build().message_id(&self.id).payload(self.payload.clone());
        let sent = context.send_publish(self.stream.clone(), message).await;
        let answer = match sent {
            Ok(acknowledged) => acknowledged.await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(stored) if stored.duplicate => Ok(Published::Duplicate),
            Ok(_) => Ok(Published::Stored),
            Err(error) if is_full(&error) => Err(Failed::Full),
            Err(error) if code(&error) == Some(ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM) => {
                let (stream, bytes) = (self.stream.clone(), self.payload.len() + self.id.len());
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
