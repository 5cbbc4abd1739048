//! How far a run is.

use crate::run::RunState;
use std::time::Duration;

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Progress {
    /// Items that the first segment took.
    pub taken: u64,
    /// Bytes that the source gave.
    pub bytes: u64,
    /// Items that the sink took.
    pub written: u64,
    /// Items that failed and were skipped or written down.
    pub failed: u64,
    /// Since the run began.
    pub elapsed: Duration,
}

impl RunState {
    pub(crate) fn progress(&self) -> Progress {
        let segments = self.segment_reports();
        Progress {
            taken: self.first_taken(),
            bytes: self.pulled_bytes(),
            written: self.written(),
            failed: segments.iter().map(|segment| segment.skipped() + segment.dead_lettered()).sum(),
            elapsed: self.elapsed(),
        }
    }
}
