//! How the parts of a run ended, and whether all have.

use crate::edges::Edges;
use crate::stretch::End;
use pipe_core::RunError;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

/// How each part ended, in order.
pub(crate) struct Ends {
    ends: Mutex<Vec<Option<End>>>,
    /// Threads of parts in the task that have not ended.
    present: AtomicUsize,
}

/// A thread that a part of the run in the task has.
pub(crate) struct Present {
    ends: Arc<Ends>,
    edges: Arc<Edges>,
}

impl Drop for Present {
    fn drop(&mut self) {
        self.ends.present.fetch_sub(1, SeqCst);
        self.edges.ring();
    }
}

impl Ends {
    pub(crate) fn new(parts: usize) -> Self {
        let ends = std::iter::repeat_with(|| None).take(parts).collect();
        Ends { ends: Mutex::new(ends), present: AtomicUsize::new(0) }
    }

    /// A thread of a part in the task, until what is returned is dropped.
    pub(crate) fn enter(self: &Arc<Self>, edges: &Arc<Edges>) -> Present {
        self.present.fetch_add(1, SeqCst);
        Present { ends: self.clone(), edges: edges.clone() }
    }

    pub(crate) fn set(&self, place: usize, end: End) {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)[place].get_or_insert(end);
    }

    /// The result of the run, once all its parts have ended.
    pub(crate) fn result(&self, stopped: &mut Option<RunError>) -> Option<Result<(), RunError>> {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        if ends.iter().any(Option::is_none) || self.present.load(SeqCst) > 0 {
            return None;
        }
        // The sink has been committed. What happened before it after it had enough is nobody's business any more.
        if matches!(ends.last(), Some(Some(End::Finished))) {
            return Some(Ok(()));
        }
        let failed = ends.drain(..).rev().find_map(|end| match end {
            Some(End::Failed(error)) => Some(error),
            _ => None,
        });
        // A part stops by itself only where another one, or the run, has a reason.
        Some(Err(failed.or_else(|| stopped.take()).unwrap_or(RunError::Cancelled)))
    }
}
