//! The types of numbers that the device computes with, and what differs between them.

use crate::encode::EncodedOp;
use pipe_core::kernel::{FloatOp, KernelWorker, KernelWorkers, Number};

/// A type that there is a kernel for: all that programs are about.
pub(crate) trait Element: Number {
    /// Its place in [`TYPES`].
    const TYPE: usize;

    /// An operation that only this kind has, as the kernel takes it; `None` if the kernel does not know it.
    fn encode_only(op: Self::Only) -> Option<EncodedOp<Self>>;

    /// Of all workers the one for this type.
    fn of(all: &mut dyn KernelWorkers) -> &mut dyn KernelWorker<Self>;
}

/// The types that there are kernels for, as their names end.
const TYPES: [&str; 6] = ["f32", "f64", "i32", "i64", "u8", "u16"];

/// What kernels do; there is one for each type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Map,
    Pair,
    Grey,
    Stencil,
    Fir,
    WindowSums,
}

impl Family {
    /// All of them, as their names begin in the sources, and the place of the image that has them.
    pub(crate) const ALL: [(&str, usize); 6] =
        [("map", 0), ("pair", 1), ("grey", 1), ("stencil", 1), ("fir", 1), ("window_sums", 1)];

    /// The place of its kernel for a type among all kernels.
    pub(crate) fn kernel<T: Element>(self) -> usize {
        self as usize * TYPES.len() + T::TYPE
    }
}

/// The kernels by name, each with the place of the image that has it.
pub(crate) fn kernels() -> impl Iterator<Item = (String, usize)> {
    let named = |(family, image)| TYPES.map(|of| (format!("pipe_{family}_{of}"), image));
    Family::ALL.into_iter().flat_map(named)
}

macro_rules! elements {
    ($($type:ty: $place:literal, $only:expr;)+) => { $(
        impl Element for $type {
            const TYPE: usize = $place;

            fn encode_only(op: Self::Only) -> Option<EncodedOp<Self>> {
                $only(op)
            }

            fn of(all: &mut dyn KernelWorkers) -> &mut dyn KernelWorker<Self> {
                all
            }
        }
    )+ };
}
// For example: impl Element for f32 { const TYPE: usize = 0; .. }
elements! {
    f32: 0, float;
    f64: 1, float;
    i32: 2, |op| match op {};
    i64: 3, |op| match op {};
    u8: 4, |op| match op {};
    u16: 5, |op| match op {};
}

fn float<T: Number>(op: FloatOp<T>) -> Option<EncodedOp<T>> {
    let none = T::default();
    let (code, a) = match op {
        FloatOp::Div(by) => (14, by),
        FloatOp::Sqrt => (15, none),
        FloatOp::Exp => (16, none),
        FloatOp::Log => (17, none),
        FloatOp::Tanh => (18, none),
        FloatOp::Sigmoid => (19, none),
        FloatOp::Pow(exponent) => (20, exponent),
        FloatOp::Floor => (21, none),
        FloatOp::Ceil => (22, none),
        FloatOp::Round => (23, none),
        FloatOp::Trunc => (24, none),
        _ => return None,
    };
    Some(EncodedOp { code, a, b: none })
}
