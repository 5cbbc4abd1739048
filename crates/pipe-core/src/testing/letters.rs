//! Dead letters that a test can read.

use crate::letters::{DeadLetter, DeadLetters};
use crate::policy::{ErrorPolicy, dead_letters};
use crate::stage::BoxError;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What one dead letter said.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Letter {
    /// The stage that failed.
    pub stage: String,
    /// Where the record was in the source.
    pub at: Option<u64>,
    /// The record, where it can be read again.
    pub record: Option<Vec<u8>>,
    /// The stage's error.
    pub error: String,
    /// How often the record was tried.
    pub attempts: u32,
    /// How many more failures it had.
    pub more: u64,
}

/// Keeps dead letters, and fails where it is told to. Clones write to the same place.
///
/// ```
/// use pipe_core::testing::LetterLog;
/// use pipe_core::{Inline, from_iter};
///
/// let log = LetterLog::new();
/// let numbers = from_iter(["1", "two"]).try_map(str::parse::<u8>).on_error(log.policy()).collect();
/// assert_eq!(numbers.run_on(&Inline)?.value, [1]);
/// assert_eq!((log.letters()[0].at, log.finishes()), (Some(1), 1));
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct LetterLog {
    kept: Arc<Mutex<Kept>>,
    fail_at: Option<usize>,
    fail_finish: bool,
}

#[derive(Debug, Default)]
struct Kept {
    letters: Vec<Letter>,
    finishes: usize,
}

impl LetterLog {
    /// Takes everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fails to write letter number `index` with the text `full`.
    #[must_use]
    pub fn failing_at(mut self, index: usize) -> Self {
        self.fail_at = Some(index);
        self
    }

    /// Fails to finish with the text `full`.
    #[must_use]
    pub fn failing_to_finish(mut self) -> Self {
        self.fail_finish = true;
        self
    }

    /// The policy that writes here.
    pub fn policy(&self) -> ErrorPolicy {
        dead_letters(self.clone())
    }

    /// The letters so far, sorted: workers write them in no particular order.
    pub fn letters(&self) -> Vec<Letter> {
        let mut letters = self.kept().letters.clone();
        letters.sort();
        letters
    }

    /// How often it was finished: once per policy.
    pub fn finishes(&self) -> usize {
        self.kept().finishes
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DeadLetters for LetterLog {
    fn write(&mut self, letter: &DeadLetter<'_>) -> Result<(), BoxError> {
        let mut kept = self.kept();
        if self.fail_at == Some(kept.letters.len()) {
            return Err("full".into());
        }
        kept.letters.push(Letter {
            stage: letter.stage.to_owned(),
            at: letter.at.map(|at| at.raw()),
            record: letter.record.map(<[u8]>::to_vec),
            error: letter.error.to_string(),
            attempts: letter.attempts,
            more: letter.more,
        });
        Ok(())
    }

    fn finish(&mut self) -> Result<(), BoxError> {
        self.kept().finishes += 1;
        if self.fail_finish { Err("full".into()) } else { Ok(()) }
    }
}
