//! How sockets fail.

use super::endpoint::Endpoint;
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Why a frame did not come, or did not go. `frames` are those that had passed on that connection in the same direction.
#[derive(Debug)]
#[non_exhaustive]
pub enum NetError {
    /// A setting makes no sense.
    Config {
        /// Which one.
        field: &'static str,
        /// What it was.
        value: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Nobody can listen there.
    Bind {
        /// Where.
        endpoint: Endpoint,
        /// What the system said.
        source: io::Error,
    },
    /// Connections could not be accepted for too long: there are no file descriptors left, say.
    Accept {
        /// Where.
        endpoint: Endpoint,
        /// For how long.
        waited: Duration,
        /// Attempts that failed in a row.
        attempts: u32,
        /// What the system said the last time.
        source: io::Error,
    },
    /// No connection.
    Connect {
        /// Where to.
        endpoint: Endpoint,
        /// After how long.
        waited: Duration,
        /// What the system said; a timeout is [`io::ErrorKind::TimedOut`].
        source: io::Error,
    },
    /// A frame that is larger than is allowed. It was not read, and nothing was reserved for it.
    TooLarge {
        /// Whose.
        peer: Arc<str>,
        /// Frames before it.
        frames: u64,
        /// Bytes that were announced; of a line, bytes that have come without an end.
        bytes: u64,
        /// Bytes that are allowed.
        limit: usize,
    },
    /// A line feed inside of what was to be sent as one line.
    NotALine {
        /// Where to.
        peer: Arc<str>,
        /// Frames before it.
        frames: u64,
        /// At which byte.
        at: usize,
    },
    /// The peer closed the connection inside of a frame.
    Truncated {
        /// Who.
        peer: Arc<str>,
        /// Whole frames before it.
        frames: u64,
        /// Bytes of the last one, prefix included.
        got: usize,
    },
    /// A frame began and did not end in time.
    Slow {
        /// Whose.
        peer: Arc<str>,
        /// Whole frames before it.
        frames: u64,
        /// Bytes that had come, prefix included.
        got: usize,
        /// How long it was waited for.
        waited: Duration,
    },
    /// Nothing came for too long.
    Idle {
        /// From whom.
        peer: Arc<str>,
        /// Frames that had come.
        frames: u64,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The peer does not read.
    Stalled {
        /// Who.
        peer: Arc<str>,
        /// Frames that were handed to the system; whether the peer has read them is not known.
        frames: u64,
        /// Bytes that were not.
        left: usize,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The peer has not closed the connection after the last frame, so whether it has read all of them is not known.
    Unconfirmed {
        /// Who.
        peer: Arc<str>,
        /// Frames that were sent.
        frames: u64,
        /// How long it was waited for.
        waited: Duration,
    },
    /// What reads from a peer, or accepts connections, panicked: a bug. What it would have read is lost, so the run ends.
    Panicked {
        /// The peer that was being read from; the address where it listens, if there was no connection yet.
        peer: Arc<str>,
        /// What the panic said.
        message: String,
    },
    /// The connection broke.
    Io {
        /// Whose.
        peer: Arc<str>,
        /// Frames that had passed.
        frames: u64,
        /// What the system said.
        source: io::Error,
    },
}

impl fmt::Display for NetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NetError::Config { field, value, why } => write!(f, "{field} = {value}: {why}"),
            NetError::Bind { endpoint, source } => write!(f, "cannot listen on {endpoint}: {source}"),
            NetError::Accept { endpoint, waited, attempts, source } => {
                write!(
                    f,
                    "no connection accepted on {endpoint} for {waited:?}, in {attempts} attempts: {source}"
                )
            }
            NetError::Connect { endpoint, waited, source } => {
                write!(f, "no connection to {endpoint}, after {waited:?}: {source}")
            }
            NetError::TooLarge { peer, frames, bytes, limit } => {
                write!(f, "{peer}: frame {frames} has {bytes} bytes or more, and at most {limit} are allowed")
            }
            NetError::NotALine { peer, frames, at } => {
                write!(f, "{peer}: frame {frames} is no line: there is a line feed at its byte {at}")
            }
            NetError::Truncated { peer, frames, got } => {
                write!(f, "{peer}: closed inside of frame {frames}, after {got} bytes of it")
            }
            NetError::Slow { peer, frames, got, waited } => {
                write!(f, "{peer}: {got} bytes of frame {frames} have come in {waited:?}, and not its end")
            }
            NetError::Idle { peer, frames, waited } => {
                write!(f, "{peer}: nothing has come for {waited:?}, after {frames} frames")
            }
            NetError::Stalled { peer, frames, left, waited } => {
                write!(
                    f,
                    "{peer}: does not read; {left} bytes after {frames} frames are left, after {waited:?}"
                )
            }
            NetError::Unconfirmed { peer, frames, waited } => {
                write!(
                    f,
                    "{peer}: has not closed within {waited:?}, so not all of {frames} frames may be read"
                )
            }
            NetError::Panicked { peer, message } => write!(f, "{peer}: its reader panicked: {message}"),
            NetError::Io { peer, frames, source } => write!(f, "{peer}: after {frames} frames: {source}"),
        }
    }
}

impl Error for NetError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            // The source is printed by `Display`, so the chain goes on below it.
            NetError::Bind { source, .. }
            | NetError::Accept { source, .. }
            | NetError::Connect { source, .. }
            | NetError::Io { source, .. } => source.source(),
            _ => None,
        }
    }
}
