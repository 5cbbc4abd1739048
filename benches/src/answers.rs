//! The answers seen so far of one workload: a time counts only after all contenders agree.

use std::collections::HashMap;
use std::fmt;

/// Instance and size decide what the answer is.
type Task = (usize, u64);

/// Who gave the answer to a task first, and what it was.
#[derive(Default)]
pub(crate) struct Answers(HashMap<Task, (String, String)>);

/// Two that should say the same, and do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Disagreement {
    size: u64,
    first: (String, String),
    other: (String, String),
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { size, first: (first, one), other: (other, two) } = self;
        write!(f, "on {size} items `{first}` answers `{one}`, but `{other}` answers `{two}`")
    }
}

impl std::error::Error for Disagreement {}

impl Answers {
    /// Notes what `who` answers, and compares it with what is known.
    pub(crate) fn check(&mut self, who: &str, task: Task, answer: &str) -> Result<(), Disagreement> {
        let first = self.0.entry(task).or_insert_with(|| (who.to_owned(), answer.to_owned()));
        if first.1 == answer {
            return Ok(());
        }
        Err(Disagreement { size: task.1, first: first.clone(), other: (who.to_owned(), answer.to_owned()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_answer_to_a_task_must_be_the_first() {
        let mut answers = Answers::default();
        assert_eq!(answers.check("generator", (0, 10), "x"), Ok(()));
        assert_eq!(answers.check("ours", (0, 10), "x"), Ok(()));
        assert_eq!(answers.check("ours", (1, 10), "y"), Ok(()));
        let wrong = answers.check("peer", (0, 10), "z").unwrap_err().to_string();
        assert_eq!(wrong, "on 10 items `generator` answers `x`, but `peer` answers `z`");
    }
}
