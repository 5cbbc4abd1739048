//! `skew-*`: items of very different cost. Who hands out equal numbers of them waits for whoever got the heavy ones.

use super::costed::work;
use super::task::Task;
use crate::rng::mix;
use std::marker::PhantomData;

/// What the items cost, in nanoseconds.
pub(crate) trait Costs: Send + Sync + 'static {
    /// Of item `index` of `n`.
    fn cost(index: u64, n: u64) -> u64;
}

/// 6 us in the mean, with a long tail: Pareto with exponent 1.5 from 2 us on, cut at 20 ms.
pub(crate) struct Pareto;
/// One item in a thousand takes 1 ms, the others 1 us.
pub(crate) struct Rare;
/// The last one of a hundred takes 100 us, the others 1 us.
pub(crate) struct Tail;
/// One item in the middle takes half as long as all others together, which take 20 us each.
pub(crate) struct Giant;
/// The first item takes 20 ms, the others 6 us.
pub(crate) struct First;

impl Costs for Pareto {
    fn cost(index: u64, _: u64) -> u64 {
        // Not of the index itself: `mix(0)` is zero, and the first item would be the heaviest that there can be, however few there are.
        let even = ((mix(index + 1) >> 11) as f64 / (1u64 << 53) as f64).max(1e-9);
        (2_000.0 * even.powf(-1.0 / 1.5)).min(20e6) as u64
    }
}

impl Costs for Rare {
    fn cost(index: u64, _: u64) -> u64 {
        if index % 1_000 == 999 { 1_000_000 } else { 1_000 }
    }
}

impl Costs for Tail {
    fn cost(index: u64, n: u64) -> u64 {
        if index >= n - n / 100 { 100_000 } else { 1_000 }
    }
}

impl Costs for Giant {
    fn cost(index: u64, n: u64) -> u64 {
        if index == n / 2 { n * 10_000 } else { 20_000 }
    }
}

impl Costs for First {
    fn cost(index: u64, _: u64) -> u64 {
        if index == 0 { 20_000_000 } else { 6_000 }
    }
}

/// The task of items that cost as `C` says.
pub(crate) struct Skewed<C>(PhantomData<C>);

/// What the work starts from, and its rounds.
pub(crate) type Costly = (u64, u64);

impl<C: Costs> Task for Skewed<C> {
    type In = Costly;
    type Out = u64;
    const CHUNK: usize = 16;

    fn items(size: u64, _: u64) -> impl Iterator<Item = Costly> + Send + 'static {
        let mut indices = 0..size;
        // Not `map`, which tells how many there are.
        std::iter::from_fn(move || indices.next().map(|index| costly::<C>(index, size)))
    }

    #[inline]
    fn work((x, rounds): Costly) -> u64 {
        work(x, rounds)
    }

    #[inline]
    fn digest(output: &u64) -> u64 {
        *output
    }
}

/// Item `index` of `n`. Three rounds take about 4 ns; see [`ROUNDS`](super::costed::ROUNDS).
fn costly<C: Costs>(index: u64, n: u64) -> Costly {
    (mix(index), C::cost(index, n) * 3 / 4)
}

/// Who does what, so that all end at the same time, as far as that is possible: the heaviest item first, each to who has the
/// least by then (Graham 1969). Known beforehand, which no executor can.
pub(crate) fn even_split<C: Costs>(n: u64, workers: usize) -> Vec<Vec<(u64, Costly)>> {
    let mut items: Vec<(u64, Costly)> = (0..n).map(|index| (index, costly::<C>(index, n))).collect();
    items.sort_unstable_by_key(|(index, (_, rounds))| (std::cmp::Reverse(*rounds), *index));
    let mut shares = vec![(0, Vec::new()); workers];
    for item in items {
        if let Some((rounds, share)) = shares.iter_mut().min_by_key(|(rounds, _)| *rounds) {
            *rounds += item.1.1;
            share.push(item);
        }
    }
    shares.into_iter().map(|(_, share)| share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total<C: Costs>(n: u64) -> u64 {
        (0..n).map(|index| C::cost(index, n)).sum()
    }

    #[test]
    fn the_mean_cost_is_the_one_of_the_description() {
        let n = 20_000;
        assert_eq!(
            (total::<Rare>(n) / n, total::<Tail>(n) / n, total::<Giant>(n) / n),
            (1_999, 1_990, 29_999)
        );
        for n in [6_661, n, 50_000] {
            assert!((5_500..6_500).contains(&(total::<Pareto>(n) / n)), "{}", total::<Pareto>(n) / n);
        }
    }

    #[test]
    fn an_even_split_loses_nothing_and_is_even() {
        fn check<C: Costs>() {
            let shares = even_split::<C>(20_000, 2);
            let mut indices: Vec<u64> = shares.iter().flatten().map(|(index, _)| *index).collect();
            indices.sort_unstable();
            assert!(indices.into_iter().eq(0..20_000));
            let [one, other] =
                [0, 1].map(|at| shares[at].iter().map(|(_, (_, rounds))| *rounds).sum::<u64>());
            assert!(one.abs_diff(other) * 1_000 < one, "{one} {other}");
        }
        check::<Pareto>();
        check::<Rare>();
        check::<Tail>();
        check::<Giant>();
        check::<First>();
    }
}
