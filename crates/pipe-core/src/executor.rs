//! Who runs a plan.

use crate::error::RunError;
use crate::plan::Plan;

/// Runs plans. [`Inline`](crate::Inline) is the reference; every other executor gives the same outputs (as multisets where a segment's
/// order is [`Order::Any`](crate::Order::Any)), the same errors and the same accounts, and `testing::laws` checks that it does.
///
/// What an executor does with a plan:
/// 1. checks its own settings and returns `RunError::Config` before anything is pulled;
/// 2. pulls batches and runs each through the nodes, a batch at a time, in slices between which it looks at
///    [`RunState::is_cancelled`](crate::plan::RunState::is_cancelled);
/// 3. after an error at some batch still delivers every batch that the source gave before it, then what that batch had emitted;
/// 4. after the last batch finishes all workers, node by node, the sink last.
pub trait Executor<'p> {
    /// Runs the plan to its end.
    ///
    /// # Errors
    /// The failure at the lowest position; see [`RunError`].
    fn execute(&self, plan: Plan<'p>) -> Result<(), RunError>;
}
