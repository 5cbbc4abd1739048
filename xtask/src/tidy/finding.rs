//! What a rule found: a place, and a sentence that says what to do.

use std::fmt;

/// Sorts by place, which is the order in which one repairs.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Finding {
    file: String,
    /// From 1, as editors count.
    line: usize,
    what: String,
}

impl Finding {
    pub(super) fn new(file: impl Into<String>, line: usize, what: impl Into<String>) -> Self {
        Self { file: file.into(), line, what: what.into() }
    }
}

/// `file:line: what`, which editors and terminals turn into a link.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}

/// What each finding says, for tests: `file:line`, then words that must be in the sentence.
#[cfg(test)]
pub(super) fn assert_found(findings: &[Finding], expected: &[(&str, &str)]) {
    let places: Vec<_> = findings.iter().map(|found| format!("{}:{}", found.file, found.line)).collect();
    let wanted: Vec<_> = expected.iter().map(|(place, _)| (*place).to_owned()).collect();
    assert_eq!(places, wanted, "{findings:#?}");
    for (found, (_, words)) in findings.iter().zip(expected) {
        assert!(found.what.contains(words), "{found} does not say {words:?}");
    }
}
