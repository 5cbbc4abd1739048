//! What a failed item does, as data. The harness applies it, so no stage can forget it.

use crate::letters::{DeadLetters, Letters};
use std::fmt;

/// What happens to the run when an item fails in a stage: the run ends ([`fail`], the default), the item is dropped and counted
/// ([`skip`]), or it is written down ([`dead_letters`]).
///
/// Whatever the policy, a failed item never reaches the next stage. Attempts come before it: see
/// [`Pipeline::retry`](crate::Pipeline::retry).
#[derive(Clone, Default)]
pub struct ErrorPolicy {
    pub(crate) then: Then,
    pub(crate) abort_above: Option<f64>,
}

#[derive(Clone, Default)]
pub(crate) enum Then {
    #[default]
    Fail,
    Skip,
    DeadLetter(Letters),
}

/// The run ends with the error of the first failed item, in input order. The default.
pub fn fail() -> ErrorPolicy {
    ErrorPolicy::default()
}

/// The item is dropped and counted in the report; its siblings and successors go on.
pub fn skip() -> ErrorPolicy {
    ErrorPolicy { then: Then::Skip, abort_above: None }
}

/// As [`skip`], and a [`DeadLetter`](crate::DeadLetter) about it is written: to a file (`pipe-stream` has one), or to a closure.
///
/// ```
/// use pipe_core::{DeadLetter, Inline, dead_letters, from_iter};
/// use std::sync::mpsc::channel;
///
/// let (sender, letters) = channel();
/// let policy = dead_letters(move |letter: &DeadLetter<'_>| sender.send(letter.to_string()).unwrap());
/// let numbers = from_iter(["1", "two", "3"]).try_map(str::parse::<u8>).named("parse").on_error(policy).collect();
/// let report = numbers.run_on(&Inline)?;
/// assert_eq!((report.value.len(), report.dead_lettered()), (2, 1));
/// assert_eq!(letters.recv()?, "stage parse failed at 1: invalid digit found in string");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn dead_letters(letters: impl DeadLetters + 'static) -> ErrorPolicy {
    ErrorPolicy { then: Then::DeadLetter(Letters::new(letters)), abort_above: None }
}

impl ErrorPolicy {
    /// Ends the run with [`RunError::TooManyFailures`](crate::RunError::TooManyFailures) if a larger share of the items that the stage's
    /// segment took, and of 1,000, has failed in it: so a few failures at the start end nothing. At the end, before the sink commits, the
    /// share counts of those that were taken.
    ///
    /// A ratio that is not between 0 and 1 is a `Config` error.
    pub fn abort_above(mut self, ratio: f64) -> Self {
        self.abort_above = Some(ratio);
        self
    }
}

impl fmt::Display for ErrorPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.then {
            Then::Fail => "fail",
            Then::Skip => "skip",
            Then::DeadLetter(_) => "dead letter",
        })?;
        self.abort_above.map_or(Ok(()), |ratio| write!(f, ", abort above {}%", ratio * 100.0))
    }
}

impl fmt::Debug for ErrorPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErrorPolicy({self})")
    }
}
