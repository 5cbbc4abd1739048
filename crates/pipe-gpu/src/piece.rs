//! A piece of a block on its way through a slot: what lies where, and which kernels run over it.

use crate::custom::{CudaFunction, PARAMETERS};
use crate::element::{Element, Family};
use crate::encode::Encoded;
use crate::job::Asked;

/// Buffers of a device are aligned like this, and kernels load as many bytes at once.
const ALIGNMENT: usize = 16;

/// How many numbers there are in each region of a slot; they lie one behind the other.
pub(crate) type Regions = [usize; 3];

/// A piece of a block.
pub(crate) struct Piece<'a, T> {
    pub(crate) regions: Regions,
    /// Copied to the first regions.
    pub(crate) inputs: &'a [&'a [T]],
    /// The region that comes back.
    pub(crate) output: usize,
    pub(crate) launches: &'a [Launch<'a, T>],
}

/// A kernel over some regions. Its parameters come in the order of these fields.
pub(crate) struct Launch<'a, T> {
    pub(crate) function: Function,
    /// The regions whose addresses it takes.
    pub(crate) regions: &'a [usize],
    pub(crate) len: usize,
    pub(crate) numbers: [u64; MOST_NUMBERS],
    /// How many of these it takes.
    pub(crate) takes: usize,
    pub(crate) table: Table<'a, T>,
    /// By value, too, behind the table.
    pub(crate) program: Option<&'a Encoded<T>>,
    /// Threads that have something to do.
    pub(crate) threads: usize,
}

/// The function of a launch.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Function {
    /// By its place among all kernels.
    Ours(usize),
    /// Of one's own.
    Own(CudaFunction),
}

/// The most numbers besides the length that a kernel takes.
pub(crate) const MOST_NUMBERS: usize = 4;

/// What a kernel takes by value, behind the numbers.
pub(crate) enum Table<'a, T> {
    None,
    Program(&'a Encoded<T>),
    Weights(&'a [T; 9]),
    Bound(&'a T),
    /// The lowest number of a range, the highest one, and the parts per unit.
    Range(&'a [f64; 3]),
    /// What is asked of a program's results.
    Asked(&'a Asked<T>),
    /// What a kernel of one's own is given.
    Parameters(&'a [T; PARAMETERS]),
}

impl<'a, T: Element> Launch<'a, T> {
    /// Without a table; as many threads as numbers.
    pub(crate) fn new(family: Family, regions: &'a [usize], len: usize, numbers: &[usize]) -> Self {
        let mut all = [0; MOST_NUMBERS];
        all.iter_mut().zip(numbers).for_each(|(all, number)| *all = *number as u64);
        let (function, takes) = (Function::Ours(family.kernel::<T>()), numbers.len());
        Launch {
            function,
            regions,
            len,
            numbers: all,
            takes,
            table: Table::None,
            program: None,
            threads: len,
        }
    }

    pub(crate) fn with(mut self, table: Table<'a, T>) -> Self {
        self.table = table;
        self
    }

    /// Of what this program makes of the numbers.
    pub(crate) fn behind(mut self, program: &'a Encoded<T>) -> Self {
        self.program = Some(program);
        self
    }

    /// Over numbers of another type: words that belong to them.
    pub(crate) fn over<U: Element>(mut self, family: Family) -> Self {
        self.function = Function::Ours(family.kernel::<U>());
        self
    }

    /// With a kernel of one's own.
    pub(crate) fn of_own(mut self, function: CudaFunction) -> Self {
        self.function = Function::Own(function);
        self
    }

    pub(crate) fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// The launches of a program over a region, in place.
    pub(crate) fn programs(
        programs: &'a [Encoded<T>],
        region: &'a [usize],
        len: usize,
    ) -> impl Iterator<Item = Self> {
        let launch = move |program| Launch::new(Family::Map, region, len, &[]).with(Table::Program(program));
        programs.iter().map(launch)
    }
}

/// Where each region begins, in bytes, and where the last one ends.
pub(crate) fn places<T: Element>(regions: &Regions) -> ([usize; 3], usize) {
    let (mut places, mut end) = ([0; 3], 0_usize);
    for (place, numbers) in places.iter_mut().zip(regions) {
        if *numbers > 0 {
            *place = end.checked_next_multiple_of(ALIGNMENT).unwrap_or(usize::MAX);
            end = place.saturating_add(numbers.saturating_mul(size_of::<T>()));
        }
    }
    (places, end)
}

/// The most units, up to `limit`, whose regions have room in this many bytes.
pub(crate) fn most_units<T: Element>(
    limit: usize,
    bytes: usize,
    regions: impl Fn(usize) -> Regions,
) -> usize {
    let (mut fits, mut too_many) = (0, limit + 1);
    while fits + 1 < too_many {
        let middle = fits + (too_many - fits) / 2;
        match places::<T>(&regions(middle)).1 <= bytes {
            true => fits = middle,
            false => too_many = middle,
        }
    }
    fits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_begin_at_whole_vectors_and_those_of_nothing_take_no_room() {
        assert_eq!(places::<f32>(&[3, 2, 5]), ([0, 16, 32], 52));
        assert_eq!(places::<u8>(&[3, 0, 5]), ([0, 0, 16], 21));
        assert_eq!(places::<u8>(&[0, 0, 0]).1, 0);
        assert_eq!(places::<f64>(&[usize::MAX, 1, 1]).1, usize::MAX);
    }

    #[test]
    fn as_many_units_as_have_room_and_one_more_has_none() {
        for bytes in 0..200 {
            let regions = |units| [units + 2, 3, units];
            let most = most_units::<f32>(1_000, bytes, regions);
            assert!(most == 0 || places::<f32>(&regions(most)).1 <= bytes);
            assert!(places::<f32>(&regions(most + 1)).1 > bytes);
        }
        assert_eq!(most_units::<u8>(7, 100, |units| [units, 0, 0]), 7);
    }
}
