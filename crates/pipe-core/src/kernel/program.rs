//! What a kernel computes, as data.

/// A numeric program over a block: one operation after the other on each number.
///
/// ```
/// use pipe_core::kernel::{Op, Program};
///
/// let program = Program::new().scale(0.5).add(1.0).clamp(0.0, 2.0);
/// assert_eq!(program.ops(), [Op::Scale(0.5), Op::Add(1.0), Op::Clamp(0.0, 2.0)]);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Program<T> {
    ops: Vec<Op<T>>,
}

/// One operation on a number `x`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Op<T> {
    /// `x * factor`.
    Scale(T),
    /// `x + term`.
    Add(T),
    /// `low` if `x < low`, else `high` if `x > high`, else `x`; not a number stays what it is.
    Clamp(T, T),
}

impl<T> Program<T> {
    /// Leaves every number as it is.
    pub const fn new() -> Self {
        Program { ops: Vec::new() }
    }

    /// Then multiplies.
    pub fn scale(self, factor: T) -> Self {
        self.then(Op::Scale(factor))
    }

    /// Then adds.
    #[expect(
        clippy::should_implement_trait,
        reason = "it adds a step to the program, not a program to a program"
    )]
    pub fn add(self, term: T) -> Self {
        self.then(Op::Add(term))
    }

    /// Then bounds.
    pub fn clamp(self, low: T, high: T) -> Self {
        self.then(Op::Clamp(low, high))
    }

    /// Then does this.
    pub fn then(mut self, op: Op<T>) -> Self {
        self.ops.push(op);
        self
    }

    /// The operations, first one first.
    pub fn ops(&self) -> &[Op<T>] {
        &self.ops
    }
}

impl<T> Default for Program<T> {
    fn default() -> Self {
        Self::new()
    }
}
