//! Whether outputs keep the order of their inputs.

/// The order of a segment's outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The same order as a loop on one thread would give. The default.
    #[default]
    Preserve,
    /// Any order: nothing waits for a slow predecessor.
    Any,
}
