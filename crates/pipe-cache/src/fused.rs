//! Chains that are known when the program is compiled.

use crate::simd::Simd;
use pipe_core::kernel::Number;
use pipe_core::{Emit, Flow, Sharing, Stage, Step};
use std::marker::PhantomData;

/// A closure over each number of a block, as a stage: its whole arithmetic is one pass, in registers of the widest level.
///
/// Faster than a [`Program`](pipe_core::kernel::Program) of as many operations, which goes over each tile once per operation. In return a
/// device cannot run it, nor print it. What it calls has to be inlined, see [`Simd::map`].
///
/// ```
/// use pipe_cache::{fused, math};
/// use pipe_core::kernel::Blocks;
/// use pipe_core::{Inline, from_source};
///
/// let blocks = Blocks::new(vec![0.0_f32, 0.5, 1.0], 2);
/// let gauss = from_source(blocks).stage(fused(|x: f32| math::exp(-0.5 * x * x) * 0.398_942_3));
/// let curve = gauss.collect().run_on(&Inline)?.value.concat();
/// assert_eq!(curve[0], 0.398_942_3);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
pub fn fused<T: Number, F: Fn(T) -> T + Send + Sync>(f: F) -> Fused<T, F> {
    Fused { f, number: PhantomData }
}

/// What [`fused()`] makes.
pub struct Fused<T, F> {
    f: F,
    number: PhantomData<fn(T) -> T>,
}

impl<T: Number, F: Fn(T) -> T + Send + Sync> Stage for Fused<T, F> {
    type State = Simd;

    const SHARING: Sharing = Sharing::Stateless;

    fn state(&self) -> Simd {
        Simd::best()
    }
}

impl<T: Number, F: Fn(T) -> T + Send + Sync, In: Into<Vec<T>>> Step<In> for Fused<T, F> {
    type Out = Vec<T>;

    #[inline(always)]
    fn push<O: Emit<Vec<T>>>(&self, simd: &mut Simd, block: In, out: &mut O) -> Flow {
        let mut block = block.into();
        simd.map(&mut block, &self.f);
        out.emit(block)
    }
}
