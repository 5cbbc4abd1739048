//! The types of numbers that the device computes with, and what differs between them.

use crate::encode::EncodedOp;
use pipe_core::kernel::{FloatOp, KernelWorker, KernelWorkers, Number};

/// The numbers that a device computes with: all that pipe-core has.
pub trait Element: Number {
    // Its place in `TYPES`.
    #[doc(hidden)]
    const TYPE: usize;

    // An operation that only this kind has, as the kernel takes it; `None` if the kernel does not know it.
    #[doc(hidden)]
    fn encode_only(op: Self::Only) -> Option<EncodedOp<Self>>;

    #[doc(hidden)]
    fn to_bytes(self) -> Vec<u8>;

    // The number that has these bytes, as many as it has.
    #[doc(hidden)]
    fn of_bytes(bytes: &[u8]) -> Self;

    // The number that the kernel has made this word of, so that words compare as numbers do.
    #[doc(hidden)]
    fn of_key(key: u64) -> Self;

    // The total of the two words of a sum; `None` where a device does not add up in any order.
    #[doc(hidden)]
    fn total_of(words: [u64; 2]) -> Option<Self::Total>;

    // Of all workers the one for this type.
    #[doc(hidden)]
    fn of(all: &mut dyn KernelWorkers) -> &mut dyn KernelWorker<Self>;
}

/// The types that there are kernels for, as their names end.
const TYPES: [&str; 6] = ["f32", "f64", "i32", "i64", "u8", "u16"];

/// What kernels do; there is one for each type, or for each of some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Map,
    Pair,
    Grey,
    Stencil,
    Fir,
    WindowSums,
    Count,
    MinMax,
    Sum,
    Histogram,
    Lanes,
    PrefixUp,
    PrefixDown,
    RetainCount,
    Retain,
    Mapped,
    MappedLanes,
    /// Kernels of one's own, which are in no image of this crate.
    Custom,
}

/// The types that a family has kernels for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Types {
    All,
    Integers,
    Floats,
    None,
}

impl Family {
    /// All of them, as their names begin in the sources, with the place of the image that has them.
    pub(crate) const ALL: [(&str, usize, Types); 18] = [
        ("map", 0, Types::All),
        ("pair", 1, Types::All),
        ("grey", 1, Types::All),
        ("stencil", 1, Types::All),
        ("fir", 1, Types::All),
        ("window_sums", 1, Types::All),
        ("count", 2, Types::All),
        ("min_max", 2, Types::All),
        ("sum", 2, Types::Integers),
        ("histogram", 2, Types::All),
        ("lanes", 2, Types::Floats),
        ("prefix_up", 3, Types::Integers),
        ("prefix_down", 3, Types::Integers),
        ("retain_count", 3, Types::All),
        ("retain", 3, Types::All),
        ("mapped", 4, Types::All),
        ("mapped_lanes", 4, Types::Floats),
        ("custom", 0, Types::None),
    ];

    /// The place of its kernel for a type among all kernels.
    pub(crate) fn kernel<T: Element>(self) -> usize {
        self as usize * TYPES.len() + T::TYPE
    }
}

/// The kernels by name, each with the place of the image that has it; `None` where a family has none for a type.
pub(crate) fn kernels() -> impl Iterator<Item = Option<(String, usize)>> {
    let named = |(family, image, types)| {
        TYPES.map(|of| {
            let is_there = match types {
                Types::All => true,
                Types::Integers => !of.starts_with('f'),
                Types::Floats => of.starts_with('f'),
                Types::None => false,
            };
            is_there.then(|| (format!("pipe_{family}_{of}"), image))
        })
    };
    Family::ALL.into_iter().flat_map(named)
}

macro_rules! elements {
    ($($type:ty: $place:literal, $only:expr, $key:expr, $total:expr;)+) => { $(
        impl Element for $type {
            const TYPE: usize = $place;

            fn encode_only(op: Self::Only) -> Option<EncodedOp<Self>> {
                $only(op)
            }

            fn to_bytes(self) -> Vec<u8> {
                self.to_ne_bytes().to_vec()
            }

            fn of_bytes(bytes: &[u8]) -> Self {
                let mut own = [0; size_of::<$type>()];
                own.copy_from_slice(bytes);
                <$type>::from_ne_bytes(own)
            }

            fn of_key(key: u64) -> Self {
                $key(key) as $type
            }

            fn total_of(words: [u64; 2]) -> Option<Self::Total> {
                $total(words)
            }

            fn of(all: &mut dyn KernelWorkers) -> &mut dyn KernelWorker<Self> {
                all
            }
        }
    )+ };
}
// For example: impl Element for f32 { const TYPE: usize = 0; .. }
elements! {
    f32: 0, float, float_of, |_| None;
    f64: 1, float, float_of, |_| None;
    i32: 2, |op| match op {}, integer_of, total;
    i64: 3, |op| match op {}, integer_of, total;
    u8: 4, |op| match op {}, integer_of, total;
    u16: 5, |op| match op {}, integer_of, total;
}

fn integer_of(key: u64) -> i64 {
    (key ^ 1 << 63).cast_signed()
}

/// Of `f32`, too: each is an `f64`, exactly.
fn float_of(key: u64) -> f64 {
    f64::from_bits(if key >> 63 == 0 { !key } else { key ^ 1 << 63 })
}

/// The lower halves of all numbers, and their upper halves with the signs.
#[expect(clippy::unnecessary_wraps, reason = "there is none for floats")]
fn total([low, high]: [u64; 2]) -> Option<i128> {
    Some((i128::from(high.cast_signed()) << 32) + i128::from(low))
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
