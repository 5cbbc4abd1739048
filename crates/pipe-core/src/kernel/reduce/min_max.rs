//! The least and the greatest number, and where they are.

use crate::kernel::number::Number;
use crate::kernel::program::Program;
use crate::kernel::reduce::Reduction;
use crate::kernel::runner::KernelWorker;
use crate::stage::BoxError;

/// The least and the greatest number. What is not a number is passed over: `None` if there is nothing else. Zeros of both signs are
/// equal, and either may be told.
///
/// ```
/// use pipe_core::kernel::{Blocks, MinMax};
/// use pipe_core::{Inline, from_source};
///
/// let range = from_source(Blocks::new(vec![3, -1, 4, 1], 3)).reduce(MinMax).run_on(&Inline)?;
/// assert_eq!(range.value.flatten(), Some((-1, 4)));
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MinMax;

impl<T: Number> Reduction<T> for MinMax {
    type Partial = Option<(T, T)>;

    fn reduce(&self, worker: &mut dyn KernelWorker<T>, block: &[T]) -> Result<Self::Partial, BoxError> {
        worker.min_max(block)
    }

    fn reduce_mapped(
        &self,
        worker: &mut dyn KernelWorker<T>,
        program: &Program<T>,
        block: &[T],
    ) -> Result<Self::Partial, BoxError> {
        worker.mapped_min_max(program, block)
    }

    fn merge(&self, all: &mut Self::Partial, next: Self::Partial) {
        *all = match (*all, next) {
            (Some((low, high)), Some((least, most))) => {
                Some((if least < low { least } else { low }, if most > high { most } else { high }))
            }
            (all, next) => all.or(next),
        };
    }
}

/// As [`MinMax`], with the first place of each.
///
/// ```
/// use pipe_core::kernel::{ArgMinMax, Blocks};
/// use pipe_core::{Inline, from_source};
///
/// let at = from_source(Blocks::new(vec![3, -1, 4, 4], 3)).reduce(ArgMinMax).run_on(&Inline)?.value.expect("two blocks");
/// assert_eq!((at.min, at.max), (Some((1, -1)), Some((2, 4))));
/// # Ok::<(), pipe_core::RunError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ArgMinMax;

/// Numbers, and where they are.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct At<T> {
    /// How many numbers there were.
    pub count: u64,
    /// The first place of the least one, counted from the first number of all blocks, and the number.
    pub min: Option<(u64, T)>,
    /// The first place of the greatest one, and the number.
    pub max: Option<(u64, T)>,
}

impl<T: Number> Reduction<T> for ArgMinMax {
    type Partial = At<T>;

    fn reduce(&self, worker: &mut dyn KernelWorker<T>, block: &[T]) -> Result<At<T>, BoxError> {
        let place = |x| Some((first(block, x)?, x));
        let found = worker.min_max(block)?;
        Ok(At {
            count: block.len() as u64,
            min: found.and_then(|(min, _)| place(min)),
            max: found.and_then(|(_, max)| place(max)),
        })
    }

    fn merge(&self, all: &mut At<T>, next: At<T>) {
        let behind = |found: Option<(u64, T)>| found.map(|(at, x)| (all.count + at, x));
        let (min, max) = (behind(next.min), behind(next.max));
        if let Some((_, x)) = min
            && all.min.is_none_or(|(_, least)| x < least)
        {
            all.min = min;
        }
        if let Some((_, x)) = max
            && all.max.is_none_or(|(_, most)| x > most)
        {
            all.max = max;
        }
        all.count += next.count;
    }
}

/// Where the number is first: whole pieces are compared at once, which the compiler does in vectors, until one of them has it.
fn first<T: Number>(block: &[T], wanted: T) -> Option<u64> {
    const PIECE: usize = 256;
    let has = |piece: &[T]| piece.iter().fold(false, |found, x| found | (*x == wanted));
    let start = block.chunks(PIECE).position(has)? * PIECE;
    let inside = block[start..].iter().position(|x| *x == wanted)?;
    Some((start + inside) as u64)
}

/// The reference of [`MinMax`].
pub(crate) fn extremes<T: Number>(block: &[T]) -> Option<(T, T)> {
    let mut numbers = block.iter().copied().filter(|x| x.partial_cmp(x).is_some());
    let first = numbers.next()?;
    Some(numbers.fold((first, first), |(low, high), x| {
        (if x < low { x } else { low }, if x > high { x } else { high })
    }))
}
