//! From one type of numbers to another.

use crate::kernel::number::Number;
use crate::kernel::runner::KernelWorker;
use crate::kernel::transform::Kernel;
use crate::opaque::opaque;
use crate::stage::BoxError;
use std::marker::PhantomData;

/// Numbers that can be made of others, as `as` does it: the nearest one where a float is too narrow; a float becomes an integer without
/// what is behind its point, and beyond the range the last one there; an integer that is too wide loses its upper bits; what is not a
/// number becomes 0.
pub trait FromNumber<T>: Number {
    /// What becomes of it.
    fn from_number(x: T) -> Self;
}

macro_rules! from_all {
    ($($to:ident)+) => { $( from_each!($to: f32 f64 i32 i64 u8 u16); )+ };
}
macro_rules! from_each {
    ($to:ident: $($from:ident)+) => { $(
        impl FromNumber<$from> for $to {
            #[inline(always)]
            #[expect(clippy::allow_attributes, reason = "the cast does nothing where both are the same")]
            #[allow(clippy::unnecessary_cast, clippy::cast_lossless, reason = "see above")]
            fn from_number(x: $from) -> $to {
                x as $to
            }
        }
    )+ };
}
// For example: impl FromNumber<u8> for f32 { fn from_number(x: u8) -> f32 { x as f32 } }
from_all!(f32 f64 i32 i64 u8 u16);

/// Makes of each number one of another type, as [`FromNumber`] says. Round floats before, with a program, if you want them rounded and not
/// cut. A plain loop on every runner: the compiler does it in registers, and it moves as much memory as it computes.
///
/// ```
/// use pipe_core::kernel::{Blocks, Cast};
/// use pipe_core::{Inline, from_source};
///
/// let levels = from_source(Blocks::new(vec![0.9_f32, 300.0, -1.0], 3)).transform(Cast::to::<u8>());
/// assert_eq!(levels.collect().run_on(&Inline)?.value, [[0, 255, 0]]);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Cast<U> {
    to: PhantomData<fn() -> U>,
}

opaque!([U] Cast[U]);

impl Cast<()> {
    /// To numbers of this type.
    pub fn to<U: Number>() -> Cast<U> {
        Cast { to: PhantomData }
    }
}

impl<T: Number, U: FromNumber<T>> Kernel<T> for Cast<U> {
    type Out = U;

    fn compute(&self, _: &mut dyn KernelWorker<T>, block: &[T], out: &mut Vec<U>) -> Result<(), BoxError> {
        out.extend(block.iter().map(|x| U::from_number(*x)));
        Ok(())
    }
}
