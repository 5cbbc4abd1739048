//! How a fetch fails.

use crate::pool::PoolError;
use pipe_core::BoxError;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Why there is no answer. What a server answers, `404` for one, is no error here: see [`Response::status`](crate::Response::status).
#[derive(Debug)]
#[non_exhaustive]
pub enum HttpError {
    /// It is no address that can be fetched.
    BadUrl {
        /// The address.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Connections to as many other origins are in use as are allowed.
    TooManyOrigins {
        /// The address.
        url: String,
        /// How many are allowed.
        limit: usize,
    },
    /// There was no connection.
    Connect {
        /// The address.
        url: String,
        /// What the pool said.
        source: PoolError,
    },
    /// It took too long.
    TimedOut {
        /// The address.
        url: String,
        /// How long.
        waited: Duration,
    },
    /// The answer is larger than is allowed.
    TooLarge {
        /// The address.
        url: String,
        /// Bytes that it has at least.
        bytes: u64,
        /// Bytes that are allowed.
        limit: usize,
    },
    /// The connection broke, or what came is not HTTP.
    Exchange {
        /// The address.
        url: String,
        /// What was said.
        source: BoxError,
    },
    /// An answer whose status is not a success, where that was asked for.
    Status {
        /// The address.
        url: String,
        /// The status.
        status: u16,
    },
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HttpError::BadUrl { url, why } => write!(f, "{url:?} cannot be fetched: {why}"),
            HttpError::TooManyOrigins { url, limit } => {
                write!(f, "{url}: connections to {limit} other origins are in use, and no more are allowed")
            }
            HttpError::Connect { url, source } => write!(f, "{url}: {source}"),
            HttpError::TimedOut { url, waited } => write!(f, "{url}: not answered within {waited:?}"),
            HttpError::TooLarge { url, bytes, limit } => {
                write!(f, "{url}: the answer has {bytes} bytes or more, and at most {limit} are allowed")
            }
            HttpError::Exchange { url, source } => write!(f, "{url}: {source}"),
            HttpError::Status { url, status } => write!(f, "{url}: answered with {status}"),
        }
    }
}

impl Error for HttpError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // The source is printed by `Display`, so the chain goes on below it.
            HttpError::Connect { source, .. } => source.source(),
            HttpError::Exchange { source, .. } => source.source(),
            _ => None,
        }
    }
}
