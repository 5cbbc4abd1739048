//! What a server says that is there and does not do it.

use async_nats::jetstream::context::{CreateStreamError, CreateStreamErrorKind};
use async_nats::jetstream::stream::{ConsumerError, ConsumerErrorKind};
use async_nats::jetstream::{self, ErrorCode};
use std::error::Error;

/// No place on the disk or in memory, for a stream or for a message. "Full", which is a limit of the stream itself, has the same code as a disk
/// that cannot be written to.
const REFUSALS: [ErrorCode; 7] = [
    ErrorCode::ACCOUNT_RESOURCES_EXCEEDED,
    ErrorCode::INSUFFICIENT_RESOURCES,
    ErrorCode::STORAGE_RESOURCES_EXCEEDED,
    ErrorCode::MEMORY_RESOURCES_EXCEEDED,
    ErrorCode::MAXIMUM_STREAMS_LIMIT,
    ErrorCode::STREAM_STORE_FAILED,
    ErrorCode::CONSUMER_STORE_FAILED,
];

/// Whether the server has refused for want of means.
pub(super) fn is_refusal(error: &(dyn Error + 'static)) -> bool {
    code(error).is_some_and(|code| REFUSALS.contains(&code))
}

/// The code of the server's answer, wherever the client has put it.
fn code(error: &(dyn Error + 'static)) -> Option<ErrorCode> {
    if let Some(answer) = error.downcast_ref::<jetstream::Error>() {
        return Some(answer.error_code());
    }
    if let Some(CreateStreamErrorKind::JetStream(answer)) =
        error.downcast_ref::<CreateStreamError>().map(CreateStreamError::kind)
    {
        return Some(answer.error_code());
    }
    if let Some(ConsumerErrorKind::JetStream(answer)) =
        error.downcast_ref::<ConsumerError>().map(ConsumerError::kind)
    {
        return Some(answer.error_code());
    }
    error.source().and_then(code)
}
