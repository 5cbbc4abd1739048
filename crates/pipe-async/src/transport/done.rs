//! What a process did of a job, or why it could not.

use super::error::TransportError;
use super::stream_sink::Sent;
use super::worker::Worked;
use pipe_core::RunError;
use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

/// What this process did of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Done {
    /// What the source sent. `None`: it was not here, or was stopped before its end.
    pub sent: Option<Sent>,
    /// What the workers that were here did, by the names of their stages.
    pub worked: BTreeMap<String, Worked>,
}

impl Done {
    pub(super) fn and(mut self, other: Done) -> Done {
        self.worked.extend(other.worked);
        Done { sent: self.sent.or(other.sent), worked: self.worked }
    }

    /// Letters that were written here: items, or whole messages, that failed for good.
    pub fn letters(&self) -> u64 {
        self.worked.values().map(|worked| worked.letters).sum()
    }
}

/// Why a process could not do its part of a job.
#[derive(Debug)]
#[non_exhaustive]
pub enum DistributeError {
    /// The source failed. What it sent before is in the stream; started again, it sends the rest.
    Source(RunError),
    /// A setting makes no sense, or a stream was not to be reached.
    Transport(TransportError),
}

impl From<TransportError> for DistributeError {
    fn from(error: TransportError) -> Self {
        DistributeError::Transport(error)
    }
}

impl fmt::Display for DistributeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DistributeError::Source(error) => write!(f, "the source: {error}"),
            DistributeError::Transport(error) => write!(f, "{error}"),
        }
    }
}

impl Error for DistributeError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // Both are printed by `Display`, so the chain goes on below them.
        match self {
            DistributeError::Source(error) => error.source(),
            DistributeError::Transport(error) => error.source(),
        }
    }
}
