//! Large blocks piece by piece, with the next pieces fetched while this one is computed.
//!
//! A loop whose numbers come from memory waits for them, and what depends on them waits in the processor and takes the room that the next
//! loads need. So the more operations a number takes, the fewer lines are on their way at once, and the less of the bandwidth is used. The
//! processor's own prefetching is not enough for one loop to use all of it; asking for lines early is.

use crate::plain::LINE_BYTES;
use crate::prefetch::prefetch;

/// Blocks of this many bytes are beyond the second level of most processors. Below, asking would only cost.
const LARGE: usize = 4 << 20;

/// Bytes that are asked for at once, before the loop over as many begins.
const PIECE: usize = 1 << 10;

/// How far ahead of the piece that is computed.
const AHEAD: usize = 4 << 10;

/// Calls `work` with the block in pieces: all of it at once if it is small.
#[inline(always)]
pub(crate) fn in_pieces<T>(block: &mut [T], mut work: impl FnMut(&mut [T])) {
    let piece = if is_large(block) { numbers_in::<T>(PIECE) } else { block.len() };
    let mut rest = block;
    while !rest.is_empty() {
        let (now, behind) = rest.split_at_mut(piece.min(rest.len()));
        fetch(behind, numbers_in::<T>(AHEAD), piece);
        work(now);
        rest = behind;
    }
}

/// Whether it pays to ask.
#[inline(always)]
pub(crate) fn is_large<T>(block: &[T]) -> bool {
    size_of_val(block) >= LARGE
}

/// Asks for the lines of so many numbers, that far behind the first.
#[inline(always)]
pub(crate) fn fetch<T>(behind: &[T], far: usize, count: usize) {
    if let Some(piece) = behind.get(far..far + count) {
        piece.iter().step_by(numbers_in::<T>(LINE_BYTES)).for_each(prefetch);
    }
}

/// At least one.
fn numbers_in<T>(bytes: usize) -> usize {
    (bytes / size_of::<T>().max(1)).max(1)
}
