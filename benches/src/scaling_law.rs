//! The universal scalability law (Gunther, 2007), fitted to the throughputs on one worker, two, and so on.
//!
//! ```text
//! throughput(n) = rate * n / (1 + sigma * (n - 1) + kappa * n * (n - 1))
//! ```
//!
//! `sigma` is the share of the work that one worker at a time can do: with it alone this is Amdahl's law. `kappa` is what each pair of workers costs
//! each other, lines of cache that go to and fro: with it more workers are slower from some number on.

/// See the module's text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Law {
    /// Of one worker.
    pub(crate) rate: f64,
    pub(crate) sigma: f64,
    pub(crate) kappa: f64,
}

/// `n / throughput(n)` is a sum of these, each with a factor: `1 / rate`, `sigma / rate` and `kappa / rate`.
fn terms(workers: usize) -> [f64; 3] {
    let n = workers as f64;
    [1.0, n - 1.0, n * (n - 1.0)]
}

impl Law {
    /// The law of the least relative squares, neither factor below zero. Two numbers of workers tell `sigma` alone. `None` for fewer.
    pub(crate) fn fit(points: &[(usize, f64)]) -> Option<Self> {
        let mut counts: Vec<usize> = points.iter().map(|(workers, _)| *workers).collect();
        counts.sort_unstable();
        counts.dedup();
        let usable = points.iter().all(|(workers, rate)| *workers > 0 && *rate > 0.0);
        if counts.len() < 2 || !usable {
            return None;
        }
        // A factor that would be negative is left out: that is the least within the bound, as the sum is convex.
        let both: &[usize] = if counts.len() > 2 { &[0, 1, 2] } else { &[0, 1] };
        let fits = [both, &[0, 1], &[0, 2], &[0]].into_iter().filter_map(|kept| squares(points, kept));
        let sound = fits.filter(|factors| factors[0] > 0.0 && factors[1] >= 0.0 && factors[2] >= 0.0);
        let [one, sigma, kappa] =
            sound.min_by(|one, other| error(points, one).total_cmp(&error(points, other)))?;
        Some(Law { rate: 1.0 / one, sigma: sigma / one, kappa: kappa / one })
    }

    pub(crate) fn throughput(&self, workers: usize) -> f64 {
        let [one, pairs, both] = terms(workers);
        self.rate * workers as f64 / (one + self.sigma * pairs + self.kappa * both)
    }

    /// From how many workers on more would be slower, if there is such a number.
    pub(crate) fn peak(&self) -> Option<f64> {
        (self.kappa > 0.0).then(|| ((1.0 - self.sigma).max(0.0) / self.kappa).sqrt().max(1.0))
    }
}

/// Relative: a point counts for as much at two workers as at sixty.
fn rows<'p>(points: &'p [(usize, f64)]) -> impl Iterator<Item = [f64; 3]> + 'p {
    points.iter().map(|(workers, rate)| terms(*workers).map(|term| term * rate / *workers as f64))
}

fn error(points: &[(usize, f64)], factors: &[f64; 3]) -> f64 {
    let miss = |row: [f64; 3]| row.iter().zip(factors).map(|(term, factor)| term * factor).sum::<f64>() - 1.0;
    rows(points).map(|row| miss(row).powi(2)).sum()
}

/// The factors of the least squares among those that are `kept`; the others are zero. By the normal equations, which at three unknowns and
/// figures of three digits are exact enough.
fn squares(points: &[(usize, f64)], kept: &[usize]) -> Option<[f64; 3]> {
    let size = kept.len();
    let mut system = vec![vec![0.0; size + 1]; size];
    for row in rows(points) {
        for (equation, &one) in system.iter_mut().zip(kept) {
            for (cell, &other) in equation.iter_mut().zip(kept) {
                *cell += row[one] * row[other];
            }
            equation[size] += row[one];
        }
    }
    for column in 0..size {
        let pivot =
            (column..size).max_by(|&a, &b| system[a][column].abs().total_cmp(&system[b][column].abs()))?;
        system.swap(column, pivot);
        if system[column][column].abs() < 1e-12 {
            return None;
        }
        let lead = system[column].clone();
        for equation in system.iter_mut().skip(column + 1) {
            let times = equation[column] / lead[column];
            equation.iter_mut().zip(&lead).for_each(|(cell, lead)| *cell -= times * lead);
        }
    }
    let mut factors = [0.0; 3];
    for at in (0..size).rev() {
        let known: f64 = (at + 1..size).map(|other| system[at][other] * factors[kept[other]]).sum();
        factors[kept[at]] = (system[at][size] - known) / system[at][at];
    }
    Some(factors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn points(law: Law, counts: &[usize]) -> Vec<(usize, f64)> {
        counts.iter().map(|n| (*n, law.throughput(*n))).collect()
    }

    fn is_close(one: Law, other: Law, within: f64) -> bool {
        let near = |one: f64, other: f64| (one - other).abs() <= within;
        near(one.rate / other.rate, 1.0) && near(one.sigma, other.sigma) && near(one.kappa, other.kappa)
    }

    #[test]
    fn the_law_that_made_the_points_is_found_again() {
        for (sigma, kappa) in [(0.0, 0.0), (0.05, 0.0), (0.0, 0.001), (0.02, 0.0005), (0.3, 0.01)] {
            let law = Law { rate: 2.5e6, sigma, kappa };
            for counts in [&[1, 2, 3][..], &[1, 2, 4, 8, 16], &[2, 4, 64]] {
                let found = Law::fit(&points(law, counts)).unwrap();
                assert!(is_close(found, law, 1e-6), "{found:?} of {law:?} at {counts:?}");
            }
        }
    }

    #[test]
    fn with_noise_it_is_found_nearly() {
        let (law, mut rng) = (Law { rate: 1e6, sigma: 0.03, kappa: 0.0004 }, Rng::new(1));
        let mut noisy = points(law, &(1..=32).collect::<Vec<_>>());
        noisy.iter_mut().for_each(|(_, rate)| *rate *= 0.99 + 0.02 * (rng.below(1_000) as f64 / 1_000.0));
        let found = Law::fit(&noisy).unwrap();
        assert!(is_close(found, law, 0.01), "{found:?}");
    }

    #[test]
    fn two_counts_tell_the_serial_share_and_one_tells_nothing() {
        let law = Law { rate: 10.0, sigma: 0.1, kappa: 0.0 };
        assert!(is_close(Law::fit(&points(law, &[1, 2])).unwrap(), law, 1e-9));
        assert_eq!(Law::fit(&points(law, &[2, 2, 2])), None);
        assert_eq!(Law::fit(&[]), None);
        assert_eq!(Law::fit(&[(1, 1.0), (2, 0.0)]), None);
    }

    #[test]
    fn more_than_in_proportion_is_no_negative_share() {
        let found = Law::fit(&[(1, 1.0), (2, 2.2), (4, 4.6)]).unwrap();
        assert!(found.sigma >= 0.0 && found.kappa >= 0.0, "{found:?}");
        assert_eq!(found.peak(), None);
    }

    #[test]
    fn at_the_peak_more_workers_are_slower() {
        let law = Law { rate: 1.0, sigma: 0.05, kappa: 0.001 };
        let peak = law.peak().unwrap();
        assert!((30.0..32.0).contains(&peak), "{peak}");
        let [before, at, after] = [25, 31, 40].map(|n| law.throughput(n));
        assert!(at > before && at > after);
        assert_eq!(Law { kappa: 0.0, ..law }.peak(), None);
    }
}
