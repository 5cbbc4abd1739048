//! What a kernel computes, as data.

use crate::kernel::number::{Float, Number};
use crate::kernel::op::{Compare, FloatOp, Op};

/// A numeric program over a block: one operation after the other on each number.
///
/// ```
/// use pipe_core::kernel::{Op, Program};
///
/// let program = Program::new().scale(0.5).add(1.0).clamp(0.0, 2.0);
/// assert_eq!(program.ops(), [Op::Scale(0.5), Op::Add(1.0), Op::Clamp(0.0, 2.0)]);
/// assert_eq!(program.apply(7.0), 2.0);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Program<T: Number> {
    ops: Vec<Op<T>>,
}

impl<T: Number> Program<T> {
    /// The empty program: leaves every number as it is. Each method below returns the program with one operation more at its end.
    pub const fn new() -> Self {
        Program { ops: Vec::new() }
    }

    /// Then adds `term` to each number.
    #[expect(
        clippy::should_implement_trait,
        reason = "it adds a step to the program, not a program to a program"
    )]
    pub fn add(self, term: T) -> Self {
        self.then(Op::Add(term))
    }

    /// Then subtracts `term` from each number.
    #[expect(clippy::should_implement_trait, reason = "as for `add`")]
    pub fn sub(self, term: T) -> Self {
        self.then(Op::Sub(term))
    }

    /// Then multiplies each number by `factor`.
    pub fn scale(self, factor: T) -> Self {
        self.then(Op::Scale(factor))
    }

    /// Then multiplies each number by `factor` and adds `term`, rounded once (a fused multiply-add).
    pub fn mul_add(self, factor: T, term: T) -> Self {
        self.then(Op::MulAdd(factor, term))
    }

    /// Then squares each number.
    pub fn square(self) -> Self {
        self.then(Op::Square)
    }

    /// Then takes the absolute value.
    pub fn abs(self) -> Self {
        self.then(Op::Abs)
    }

    /// Then negates each number.
    #[expect(clippy::should_implement_trait, reason = "as for `add`")]
    pub fn neg(self) -> Self {
        self.then(Op::Neg)
    }

    /// Then limits each number to the range from `low` to `high`.
    pub fn clamp(self, low: T, high: T) -> Self {
        self.then(Op::Clamp(low, high))
    }

    /// Then keeps the numbers that compare this way with `bound`, and replaces all others by `other`.
    pub fn keep(self, compare: Compare, bound: T, other: T) -> Self {
        self.then(Op::Keep(compare, bound, other))
    }

    /// Then applies any other operation.
    pub fn then(mut self, op: Op<T>) -> Self {
        self.ops.push(op);
        self
    }

    /// The operations, in the order in which they are applied.
    pub fn ops(&self) -> &[Op<T>] {
        &self.ops
    }

    /// The result of the whole program for one number. It defines what the program means; to compute many numbers, run it on a block.
    pub fn apply(&self, x: T) -> T {
        self.ops.iter().fold(x, |x, op| op.apply(x))
    }
}

impl<T: Float> Program<T> {
    /// Then divides each number by `divisor`.
    #[expect(clippy::should_implement_trait, reason = "as for `add`")]
    pub fn div(self, divisor: T) -> Self {
        self.then(Op::Only(FloatOp::Div(divisor)))
    }

    /// Then takes the square root.
    pub fn sqrt(self) -> Self {
        self.then(Op::Only(FloatOp::Sqrt))
    }

    /// Then raises e to the power of each number.
    pub fn exp(self) -> Self {
        self.then(Op::Only(FloatOp::Exp))
    }

    /// Then takes the natural logarithm.
    pub fn log(self) -> Self {
        self.then(Op::Only(FloatOp::Log))
    }

    /// Then takes the hyperbolic tangent.
    pub fn tanh(self) -> Self {
        self.then(Op::Only(FloatOp::Tanh))
    }

    /// Then applies the logistic function, `1 / (1 + exp(-x))`.
    pub fn sigmoid(self) -> Self {
        self.then(Op::Only(FloatOp::Sigmoid))
    }

    /// Then raises each number to the power of `exponent`.
    pub fn pow(self, exponent: T) -> Self {
        self.then(Op::Only(FloatOp::Pow(exponent)))
    }

    /// Then rounds down.
    pub fn floor(self) -> Self {
        self.then(Op::Only(FloatOp::Floor))
    }

    /// Then rounds up.
    pub fn ceil(self) -> Self {
        self.then(Op::Only(FloatOp::Ceil))
    }

    /// Then rounds to the nearest, half to even.
    pub fn round(self) -> Self {
        self.then(Op::Only(FloatOp::Round))
    }

    /// Then rounds towards zero.
    pub fn trunc(self) -> Self {
        self.then(Op::Only(FloatOp::Trunc))
    }
}

impl<T: Number> Default for Program<T> {
    fn default() -> Self {
        Self::new()
    }
}
