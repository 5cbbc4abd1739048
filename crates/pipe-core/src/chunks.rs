//! A slice in parts: what a loop over each of them does, the compiler sees.

use crate::adapters::Identity;
use crate::indices::FromRange;
use crate::item::Own;
use crate::lower::Start;
use crate::opaque::opaque;
use crate::pipeline::Pipeline;
use crate::settings::Emits;
use crate::stage::{Emit, Flow, Sharing, Stage, Step, Then};

/// Starts a pipeline over a slice, whose items are parts of it: of `size` items each, the last one of what is left. They are borrowed; nothing is
/// copied. Positions are the numbers of the parts.
///
/// For work of a few nanoseconds on each element. A pipeline looks whether it was stopped after each of *its* items, which keeps the compiler from
/// making vectors of a loop over elements: a sum over a slice then takes 1.6 times as long. A loop over a part is a loop like any other. Some
/// 10 us of work are a good part: it is what a worker still does when the run was stopped, and what cannot be halved.
///
/// ```
/// use pipe_core::{Inline, from_chunks};
///
/// let prices = vec![3, 1, 4, 1, 5];
/// let total = from_chunks(&prices, 2).map(|part| part.iter().sum::<i32>()).fold(|| 0, |all, sum| *all += sum, |all, sum| *all += sum);
/// assert_eq!(total.run_on(&Inline)?.value, 14);
/// # Ok::<(), pipe_core::RunError>(())
/// ```
///
/// A size of zero is a config error when the pipeline is run.
pub fn from_chunks<'p, T: Sync>(
    items: &'p [T],
    size: usize,
) -> Pipeline<Start<FromRange>, Then<Identity, Chunks<'p, T>>, Own<&'p [T]>> {
    let mut start = Pipeline::start(FromRange::new(0..items.len().div_ceil(size.max(1))));
    if size == 0 {
        start.settings.refuse("from_chunks", size, "a part of a slice has at least one item");
    }
    start.then("from_chunks", Emits::One, Chunks { items, size })
}

/// Turns a number into a part of a slice; made by [`from_chunks`].
pub struct Chunks<'p, T> {
    items: &'p [T],
    size: usize,
}

opaque!(['p, T] Chunks['p, T]);

impl<T: Sync> Stage for Chunks<'_, T> {
    type State = ();

    const SHARING: Sharing = Sharing::Stateless;

    fn state(&self) {}
}

impl<'p, T: Sync> Step<usize> for Chunks<'p, T> {
    type Out = &'p [T];

    #[inline(always)]
    fn push<O: Emit<&'p [T]>>(&self, (): &mut (), number: usize, out: &mut O) -> Flow {
        let start = number * self.size;
        let end = start.saturating_add(self.size).min(self.items.len());
        out.emit(&self.items[start..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Inline, RunError};

    #[test]
    fn parts_are_those_of_a_slice_in_order() {
        let items: Vec<u32> = (0..100).collect();
        for len in [0, 1, 2, 7, 100] {
            for size in [1, 2, 3, 7, 99, 100, 101, usize::MAX] {
                let items = &items[..len];
                let ours = from_chunks(items, size).map(<[u32]>::to_vec).collect().run_on(&Inline).unwrap();
                assert_eq!(ours.value, items.chunks(size).map(<[u32]>::to_vec).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_size_of_zero_is_refused_before_the_run() {
        let refused = from_chunks(&[1, 2], 0).for_each(|_: &[i32]| unreachable!()).run_on(&Inline);
        assert!(matches!(refused, Err(RunError::Config { field: "from_chunks", .. })), "{refused:?}");
    }

    #[test]
    fn a_failure_names_the_number_of_its_part() {
        let fail = |part: &[u32]| if part.contains(&7) { Err("seven") } else { Ok(part.len()) };
        let items: Vec<u32> = (0..10).collect();
        let error = from_chunks(&items, 3).try_map(fail).for_each(drop).run_on(&Inline).unwrap_err();
        let RunError::Stage { at, .. } = error else { panic!("{error}") };
        assert_eq!(at.map(|at| at.place()), Some(2));
    }
}
