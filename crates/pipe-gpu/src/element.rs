//! The types of numbers that the device computes with, and what differs between them.

use crate::encode::EncodedOp;
use pipe_core::kernel::{FloatOp, KernelWorker, KernelWorkers, Number};

/// A type that there is a kernel for: all that programs are about.
pub(crate) trait Element: Number {
    /// The place of its kernel in [`KERNELS`].
    const KERNEL: usize;

    /// An operation that only this kind has, as the kernel takes it; `None` if the kernel does not know it.
    fn encode_only(op: Self::Only) -> Option<EncodedOp<Self>>;

    /// Of all workers the one for this type.
    fn of(all: &mut dyn KernelWorkers) -> &mut dyn KernelWorker<Self>;
}

/// The kernels by name, as `kernels/map.cu` has them.
pub(crate) const KERNELS: [&str; 6] =
    ["pipe_map_f32", "pipe_map_f64", "pipe_map_i32", "pipe_map_i64", "pipe_map_u8", "pipe_map_u16"];

macro_rules! elements {
    ($($type:ty: $kernel:literal, $only:expr;)+) => { $(
        impl Element for $type {
            const KERNEL: usize = $kernel;

            fn encode_only(op: Self::Only) -> Option<EncodedOp<Self>> {
                $only(op)
            }

            fn of(all: &mut dyn KernelWorkers) -> &mut dyn KernelWorker<Self> {
                all
            }
        }
    )+ };
}
// For example: impl Element for f32 { const KERNEL: usize = 0; .. }
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
