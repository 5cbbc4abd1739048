//! How much memory the runs of an executor may use.

use crate::budget::Budget;
use crate::error::RunError;
use crate::executor::Profile;
use crate::limit::default_memory_limit;

/// The memory settings of an executor. Every executor embeds one of these, so that the two settings have the same names and meaning on all:
///
/// | setting | what it is | unless set |
/// | --- | --- | --- |
/// | `.memory_limit(bytes)` | how many bytes one run may have in flight | the limit of the shared budget, or else [`default_memory_limit`] |
/// | `.budget(&budget)` | the [`Budget`] that all of its runs take from, together with others: each is a child of it | each run has its own |
///
/// With both, the lower limit counts. Zero in either is a `Config` error when the pipeline is run, before anything is pulled; it names
/// `memory_limit` or `budget`. `testing::laws::memory_settings_mean_the_same` checks all of this on an executor.
#[derive(Debug, Clone, Default)]
pub struct MemorySettings {
    limit: Option<usize>,
    budget: Option<Budget>,
}

impl MemorySettings {
    /// Sets how many bytes each run may have in flight.
    pub fn set_limit(&mut self, bytes: usize) {
        self.limit = Some(bytes);
    }

    /// Sets the budget that all runs take from together; each run is a child of it.
    pub fn set_budget(&mut self, budget: &Budget) {
        self.budget = Some(budget.clone());
    }

    /// The limit of a run: its own, else that of the shared budget, else [`default_memory_limit`]; never more than the shared budget has.
    pub fn limit(&self) -> usize {
        let most = self.budget.as_ref().map(Budget::limit);
        self.limit.or(most).unwrap_or_else(default_memory_limit).min(most.unwrap_or(usize::MAX))
    }

    /// The profile of an executor with these settings.
    ///
    /// # Errors
    /// `Config`: a limit of zero bytes.
    pub fn profile(&self, name: &'static str, workers: usize) -> Result<Profile, RunError> {
        let memory_limit = self.limit();
        if memory_limit == 0 {
            let field = if self.limit == Some(0) { "memory_limit" } else { "budget" };
            return Err(RunError::Config { field, value: "0".to_owned(), why: "no batch could be read" });
        }
        Ok(Profile { name, workers, memory_limit, budget: self.budget.clone() })
    }
}
