//! How a transport fails.

use super::frame::FrameError;
use pipe_core::BoxError;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Why a message was not sent, fetched or settled.
#[derive(Debug)]
#[non_exhaustive]
pub enum TransportError {
    /// A setting makes no sense. Reported before anything is sent.
    Config {
        /// Which setting.
        field: &'static str,
        /// What it was.
        value: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A server was not reached, or refused us.
    Connect {
        /// Its address, without user and password.
        server: String,
        /// What went wrong.
        source: BoxError,
    },
    /// A stream had no room for a message during the whole patience. What has been sent before is safe.
    Full {
        /// The stream.
        stream: String,
        /// How long the message waited for room.
        waited: Duration,
    },
    /// A message that the stream would take at no time.
    TooLarge {
        /// The stream.
        stream: String,
        /// Bytes of the message.
        bytes: usize,
        /// Bytes that are allowed.
        limit: usize,
    },
    /// It was tried again and again, and then given up.
    Unavailable {
        /// The stream.
        stream: String,
        /// How often it was tried.
        attempts: u32,
        /// For how long.
        waited: Duration,
        /// What went wrong the last time.
        source: BoxError,
    },
    /// The server is there and does not do it: it has no place for a stream of this size, or its disk is full. Tried again for a few seconds,
    /// since others may make room.
    Refused {
        /// The stream.
        stream: String,
        /// How often it was tried.
        attempts: u32,
        /// For how long.
        waited: Duration,
        /// What the server says.
        source: BoxError,
    },
    /// It had to wait, and its job was stopped. A message may get into its stream yet, or not; who sends it again does so under the same id.
    Stopped,
    /// What is to be sent makes no frame.
    Frame {
        /// The stream.
        stream: String,
        /// Why not.
        source: FrameError,
    },
    /// The transport has ended while something was under way.
    Closed,
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TransportError::Config { field, value, why } => write!(f, "{field} = {value}: {why}"),
            TransportError::Connect { server, source } => write!(f, "no connection to {server}: {source}"),
            TransportError::Full { stream, waited } => {
                write!(f, "stream {stream} had no room for a message for {waited:?}")
            }
            TransportError::TooLarge { stream, bytes, limit } => {
                write!(f, "a message of {bytes} bytes for stream {stream}, and at most {limit} are allowed")
            }
            TransportError::Unavailable { stream, attempts, waited, source } => {
                write!(f, "stream {stream}: given up after {attempts} attempts in {waited:?}: {source}")
            }
            TransportError::Refused { stream, attempts, waited, source } => {
                write!(f, "stream {stream}: refused by the server, {attempts} times in {waited:?}: {source}")
            }
            TransportError::Stopped => f.write_str("stopped while it waited"),
            TransportError::Frame { stream, source } => write!(f, "for stream {stream}: {source}"),
            TransportError::Closed => f.write_str("the transport has ended"),
        }
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // The source is printed by `Display`, so the chain goes on below it.
            TransportError::Connect { source, .. }
            | TransportError::Unavailable { source, .. }
            | TransportError::Refused { source, .. } => source.source(),
            _ => None,
        }
    }
}
