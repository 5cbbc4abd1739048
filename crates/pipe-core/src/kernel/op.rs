//! One operation of a program.

use crate::kernel::number::Number;

/// One operation on a number `x`.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Op<T: Number> {
    /// `x + term`.
    Add(T),
    /// `x - term`.
    Sub(T),
    /// `x * factor`.
    Scale(T),
    /// `x * factor + term`; of floats rounded once, at the end.
    MulAdd(T, T),
    /// `x * x`.
    Square,
    /// `|x|`; the least integer stays what it is.
    Abs,
    /// `-x`; the least integer stays what it is, unsigned ones wrap around.
    Neg,
    /// `low` if `x < low`, else `high` if `x > high`, else `x`; not a number stays what it is.
    Clamp(T, T),
    /// `x` where it compares so with the bound, else the other number: `Keep(Greater, 0, 0)` is max(x, 0). What is not a number compares
    /// with nothing, except that it is not equal to it.
    Keep(Compare, T, T),
    /// An operation that only floats have.
    Only(T::Only),
}

/// An operation that only floats have.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum FloatOp<T> {
    /// `x / divisor`.
    Div(T),
    /// The square root, correctly rounded.
    Sqrt,
    /// e to the `x`; the last two digits in binary may differ between runners, as for all behind it up to `Pow`: at most 2 ulp from the truth.
    Exp,
    /// The natural logarithm.
    Log,
    /// The hyperbolic tangent.
    Tanh,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// `x` to the exponent; at most 4 ulp from the truth.
    Pow(T),
    /// Rounds down.
    Floor,
    /// Rounds up.
    Ceil,
    /// Rounds to the nearest; half to even.
    Round,
    /// Rounds towards zero.
    Trunc,
}

/// How two numbers compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// `x < bound`.
    Less,
    /// `x <= bound`.
    LessOrEqual,
    /// `x == bound`.
    Equal,
    /// `x != bound`.
    NotEqual,
    /// `x >= bound`.
    GreaterOrEqual,
    /// `x > bound`.
    Greater,
}

impl<T: Number> Op<T> {
    /// The result of the operation for `x`. It defines the operation: runners are tested against it.
    ///
    /// ```
    /// use pipe_core::kernel::{Compare, FloatOp, Op};
    ///
    /// assert_eq!(Op::Keep(Compare::Greater, 0.0, 0.0).apply(-3.0_f32), 0.0);
    /// assert_eq!(Op::Only(FloatOp::Sqrt).apply(9.0_f64), 3.0);
    /// assert_eq!(Op::Add(1).apply(255_u8), 0);
    /// ```
    pub fn apply(self, x: T) -> T {
        match self {
            Op::Add(term) => x.plus(term),
            Op::Sub(term) => x.minus(term),
            Op::Scale(factor) => x.times(factor),
            Op::MulAdd(factor, term) => x.times_plus(factor, term),
            Op::Square => x.times(x),
            Op::Abs => x.magnitude(),
            Op::Neg => x.negated(),
            // Not `clamp`, which panics for `low > high`.
            Op::Clamp(low, _) if x < low => low,
            Op::Clamp(_, high) if x > high => high,
            Op::Clamp(..) => x,
            Op::Keep(compare, bound, other) => {
                if compare.holds(x, bound) {
                    x
                } else {
                    other
                }
            }
            Op::Only(op) => x.only(op),
        }
    }
}

impl Compare {
    /// Whether `x` compares this way with the bound.
    pub fn holds<T: PartialOrd>(self, x: T, bound: T) -> bool {
        match self {
            Compare::Less => x < bound,
            Compare::LessOrEqual => x <= bound,
            Compare::Equal => x == bound,
            Compare::NotEqual => x != bound,
            Compare::GreaterOrEqual => x >= bound,
            Compare::Greater => x > bound,
        }
    }
}
