//! How a pool fails.

use pipe_core::BoxError;
use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Why nothing was lent.
#[derive(Debug)]
#[non_exhaustive]
pub enum PoolError {
    /// The turn did not come in time, or the connection did not open in time.
    TimedOut {
        /// How long this one waited.
        waited: Duration,
        /// How many there may be.
        limit: usize,
        /// Of these, how many others had on loan.
        lent: usize,
        /// How many were being opened.
        connecting: usize,
        /// How many others waited as well.
        waiting: usize,
    },
    /// No connection could be opened.
    Connect {
        /// How long this one had waited.
        waited: Duration,
        /// What the connector said.
        source: BoxError,
    },
    /// More than the pool lends at once.
    TooLarge {
        /// Bytes asked for.
        wanted: usize,
        /// Bytes of the largest class.
        limit: usize,
    },
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PoolError::TimedOut { waited, limit, lent, connecting, waiting } => write!(
                f,
                "nothing was lent within {waited:?}: of {limit}, {lent} are out and {connecting} being opened, and {waiting} others wait"
            ),
            PoolError::Connect { waited, source } => write!(f, "no connection, after {waited:?}: {source}"),
            PoolError::TooLarge { wanted, limit } => {
                write!(f, "{wanted} bytes wanted, and the largest buffers have {limit}")
            }
        }
    }
}

impl Error for PoolError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // The source is printed by `Display`, so the chain goes on below it.
            PoolError::Connect { source, .. } => source.source(),
            _ => None,
        }
    }
}
