//! How a branch fails.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Why a branch could not go on. In a failed run [`RunError::stage_error`](crate::RunError::stage_error) gives it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchError {
    branch: String,
    kind: BranchErrorKind,
}

/// What went wrong with a branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BranchErrorKind {
    /// The run that wrote into it ended without a commit: it failed, panicked or was cancelled. So the run that reads from it does not
    /// commit half an output.
    Abandoned,
    /// The run that read from it is over, and this one must not lose items.
    Closed {
        /// Items that it had not read.
        unread: usize,
    },
    /// A wait saw no progress.
    Stalled {
        /// For how long.
        waited: Duration,
        /// Items on the edge.
        items: usize,
        /// Their bytes.
        bytes: usize,
    },
}

impl BranchError {
    pub(super) fn new(branch: &str, kind: BranchErrorKind) -> Self {
        BranchError { branch: branch.to_owned(), kind }
    }

    /// The name of the branch, as given to [`branch`](crate::branch); for a merge, how many sources it has.
    pub fn branch(&self) -> &str {
        &self.branch
    }

    /// What went wrong.
    pub fn kind(&self) -> BranchErrorKind {
        self.kind
    }
}

impl fmt::Display for BranchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "branch {}: ", self.branch)?;
        match self.kind {
            BranchErrorKind::Abandoned => write!(f, "its writer ended without a commit"),
            BranchErrorKind::Closed { unread } => {
                write!(f, "its reader has ended, with {unread} items unread")
            }
            BranchErrorKind::Stalled { waited, items, bytes } => {
                write!(f, "nothing moved for {waited:?}, with {items} items ({bytes} bytes) on the edge")
            }
        }
    }
}

impl Error for BranchError {}
