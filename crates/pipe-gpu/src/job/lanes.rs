//! The sum of floats that are on the device already, lane by lane.

use super::mapped::Before;
use crate::element::{Element, Family};
use crate::piece::Launch;
use pipe_core::kernel::LANES;

/// Numbers that are added up as one block, as `kernels/totals.cu` has it: enough for a thread to add up some hundred, and few enough that there
/// are many threads.
pub(crate) const CHUNK: usize = 16_384;

/// The lanes of each chunk.
pub(crate) struct Lanes {
    len: usize,
}

impl Lanes {
    /// Of so many numbers.
    pub(crate) fn new(len: usize) -> Self {
        Lanes { len }
    }

    /// How many lanes there are.
    pub(crate) fn len(&self) -> usize {
        self.len.div_ceil(CHUNK) * LANES
    }

    /// Leaves them in the second region: of the numbers, or of what the program before makes of them.
    pub(crate) fn launches<'l, T: Element>(&self, before: Option<&'l Before<'l, T>>) -> Vec<Launch<'l, T>> {
        let launch = |family| Launch::new(family, &[0, 1], self.len, &[]).with_threads(self.len());
        match before {
            Some(before) => before.up_to(launch(Family::MappedLanes)),
            None => vec![launch(Family::Lanes)],
        }
    }

    /// The lanes of a chunk become one as those of a block do in pipe-core; the sums of chunks are added in their order, as those of blocks are.
    pub(crate) fn total<T: Element>(&self, lanes: &[T]) -> T::Total {
        let chunk = |lanes: &[T; LANES]| {
            let (mut lanes, mut half) = (*lanes, LANES / 2);
            while half > 0 {
                (0..half).for_each(|lane| lanes[lane] = lanes[lane].plus(lanes[lane + half]));
                half /= 2;
            }
            lanes[0].as_total()
        };
        let sums = lanes.as_chunks::<LANES>().0.iter().map(chunk);
        sums.reduce(T::add_totals).unwrap_or_else(|| T::default().as_total())
    }
}
