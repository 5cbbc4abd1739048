//! What a failed item does, as data. The harness applies it at the end of the segment, so no stage can forget it.

/// What happens to the run when an item fails in a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ErrorPolicy {
    /// The run ends with the error of the first failed item, in input order.
    #[default]
    Fail,
    /// The item is dropped and counted in the report; its siblings and successors go on.
    Skip,
}

/// Drops failed items and counts them: [`ErrorPolicy::Skip`].
pub fn skip() -> ErrorPolicy {
    ErrorPolicy::Skip
}
