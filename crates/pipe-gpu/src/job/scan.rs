//! Running totals of numbers that lie on the device: chunks are summed up, then their sums, until one chunk is left; then down again.

use crate::element::{Element, Family};
use crate::piece::Launch;

/// How many numbers a thread adds up, as `kernels/scan.cu` has it.
pub(crate) const CHUNK: usize = 16;

/// Where the numbers are: in the first of these regions, from this place on; sums of chunks are in region 1, behind each other, from that place on.
#[derive(Clone, Copy)]
pub(crate) struct Scan {
    pub(crate) regions: &'static [usize; 2],
    pub(crate) from: usize,
    pub(crate) sums: usize,
    pub(crate) len: usize,
}

/// How many sums of chunks there are on all levels above so many numbers.
pub(crate) fn sums(len: usize) -> usize {
    let (mut all, mut len) = (0, len);
    while len > CHUNK {
        len = len.div_ceil(CHUNK);
        all += len;
    }
    all
}

impl Scan {
    /// The launches over numbers, or words, of type `U`, of a piece of `T`.
    pub(crate) fn launches<'a, T: Element, U: Element>(self) -> Vec<Launch<'a, T>> {
        // Where each level begins, how long it is, and where the next one begins.
        let mut levels = vec![(self.from, self.len, self.sums)];
        while let Some((_, len, above)) = levels.last().copied().filter(|(_, len, _)| *len > CHUNK) {
            let chunks = len.div_ceil(CHUNK);
            levels.push((above, chunks, above + chunks));
        }
        let launch = |family, (at, (from, len, to)): (usize, &(usize, usize, usize))| {
            let regions: &'static [usize] = if at == 0 { self.regions } else { &[1, 1] };
            let launch = Launch::new(Family::PrefixUp, regions, *len, &[*from, *to]);
            launch.over::<U>(family).with_threads(len.div_ceil(CHUNK))
        };
        let (top, below) = (levels.len() - 1, levels.iter().enumerate());
        let up = below.clone().take(top).map(|level| launch(Family::PrefixUp, level));
        up.chain(below.rev().map(|level| launch(Family::PrefixDown, level))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_lie_behind_each_other_and_take_the_room_that_is_said() {
        for len in [0, 1, 15, 16, 17, 255, 256, 257, 4_096, 4_097, 1_000_000] {
            let scan = Scan { regions: &[0, 1], from: 0, sums: 7, len };
            let launches = scan.launches::<i32, i32>();
            assert_eq!(launches.len() % 2, 1, "up to the top, and down from it");
            let up = &launches[..launches.len() / 2];
            let mut end = 7;
            for launch in up {
                assert_eq!(launch.numbers[1] as usize, end);
                end += launch.len.div_ceil(CHUNK);
            }
            assert_eq!(end, 7 + sums(len));
        }
    }
}
