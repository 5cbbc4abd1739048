//! The numbers that columns are made of, and the cache line that they lie in.

#![expect(unsafe_code, reason = "a promise to bytemuck that a cache line is bytes and nothing else")]

use bytemuck::{Pod, Zeroable};
use std::fmt::Debug;

/// The numbers that an [`AlignedVec`](crate::AlignedVec) holds: `f32`, `f64`, and the integers of 8 to 64 bits. Any bytes are a value of
/// each, zero bytes are zero, and a cache line holds a whole number of them.
pub trait Plain:
    Copy + Default + PartialEq + PartialOrd + Debug + Send + Sync + 'static + sealed::Sealed
{
    /// How many there are to a cache line of 64 bytes.
    const PER_LINE: usize = LINE_BYTES / size_of::<Self>();
}

/// The bytes of a cache line on the processors that matter here, and of the widest vector register.
pub(crate) const LINE_BYTES: usize = 64;

/// Bytes that begin where a cache line does.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct CacheLine([u8; LINE_BYTES]);

impl CacheLine {
    pub(crate) const ZERO: CacheLine = CacheLine([0; LINE_BYTES]);
}

// SAFETY: 64 bytes, of which zero is a value.
unsafe impl Zeroable for CacheLine {}

// SAFETY: `repr(C)` over an array of bytes of the same size as its alignment: no padding, any bytes are a value, no interior mutability,
// no pointers, `Copy` and `'static`.
unsafe impl Pod for CacheLine {}

const _: () = assert!(size_of::<CacheLine>() == LINE_BYTES && align_of::<CacheLine>() == LINE_BYTES);

mod sealed {
    pub trait Sealed: bytemuck::Pod + crate::columns::Typed {}
}

macro_rules! plain {
    ($($t:ty),+) => { $( impl sealed::Sealed for $t {} impl Plain for $t {} )+ };
}
// For example: impl sealed::Sealed for f32 {} impl Plain for f32 {}
plain!(f32, f64, i8, i16, i32, i64, u8, u16, u32, u64);
