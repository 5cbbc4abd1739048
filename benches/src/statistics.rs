//! Medians, and the interval in which a paired ratio lies.
//!
//! Contenders run in turn within a round, so that what disturbs the machine disturbs a round as a whole; the ratio is
//! therefore taken within each round, and the interval is that of the median of these ratios.

use crate::rng::Rng;

/// With fewer pairs not even "all of them on one side" is rarer than 1 in 20: `2 * 0.5^5 = 0.0625`.
pub(crate) const PAIRS_MIN: usize = 6;

/// The interval's ends move by less than 0.1 % of the ratio when this is doubled.
const RESAMPLES: usize = 10_000;

/// The middle value; the mean of the middle two where there are two.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    middle(&sorted)
}

fn middle(sorted: &[f64]) -> Option<f64> {
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        n if n % 2 == 1 => Some(sorted[half]),
        _ => Some((sorted[half - 1] + sorted[half]) / 2.0),
    }
}

/// What a comparison comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Better,
    Worse,
    NoDifference,
    /// Too few rounds to say anything.
    Unjudged,
}

/// The median of paired ratios with its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) pairs: usize,
}

impl Ratio {
    /// From one ratio a round; `None` without any. The bootstrap draws rounds with replacement and takes the 2.5 and
    /// the 97.5 percentile of the medians.
    pub(crate) fn of(pairs: &[f64], seed: u64) -> Option<Self> {
        let median = median(pairs)?;
        let mut rng = Rng::new(seed);
        let mut sample = vec![0.0; pairs.len()];
        let mut medians: Vec<f64> = (0..RESAMPLES)
            .filter_map(|_| {
                sample.fill_with(|| pairs[rng.below(pairs.len() as u64) as usize]);
                sample.sort_by(f64::total_cmp);
                middle(&sample)
            })
            .collect();
        medians.sort_by(f64::total_cmp);
        let at = |share: f64| medians[((RESAMPLES - 1) as f64 * share).round() as usize];
        Some(Self { median, low: at(0.025), high: at(0.975), pairs: pairs.len() })
    }

    /// Better or worse only where the interval leaves 1 out, and only from `pairs_min` rounds on.
    pub(crate) fn verdict(&self, pairs_min: usize) -> Verdict {
        match self {
            _ if self.pairs < pairs_min => Verdict::Unjudged,
            _ if self.low > 1.0 => Verdict::Better,
            _ if self.high < 1.0 => Verdict::Worse,
            _ => Verdict::NoDifference,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_of_none_one_two_three() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[4.0]), Some(4.0));
        assert_eq!(median(&[4.0, 1.0]), Some(2.5));
        assert_eq!(median(&[9.0, 1.0, 4.0]), Some(4.0));
    }

    #[test]
    fn equal_pairs_have_an_interval_of_no_width() {
        let ratio = Ratio::of(&[2.0; 8], 1).unwrap();
        assert_eq!((ratio.median, ratio.low, ratio.high), (2.0, 2.0, 2.0));
        assert_eq!(ratio.verdict(PAIRS_MIN), Verdict::Better);
    }

    #[test]
    fn an_interval_that_holds_one_is_no_difference() {
        let pairs = [0.9, 1.1, 0.95, 1.05, 0.97, 1.04, 1.0, 0.99];
        let ratio = Ratio::of(&pairs, 1).unwrap();
        assert!(ratio.low < 1.0 && ratio.high > 1.0, "{ratio:?}");
        assert_eq!(ratio.verdict(PAIRS_MIN), Verdict::NoDifference);
    }

    #[test]
    fn slower_in_all_rounds_is_worse_and_few_rounds_say_nothing() {
        let pairs = [0.80, 0.82, 0.79, 0.81, 0.80, 0.83];
        assert_eq!(Ratio::of(&pairs, 1).unwrap().verdict(PAIRS_MIN), Verdict::Worse);
        assert_eq!(Ratio::of(&pairs[..PAIRS_MIN - 1], 1).unwrap().verdict(PAIRS_MIN), Verdict::Unjudged);
    }

    /// For the median of 1..=11 the exact 95 % interval by order statistics is from the 2nd to the 10th value; the
    /// percentile bootstrap must come out near it, one rank inside.
    #[test]
    fn the_interval_is_near_the_exact_one() {
        let pairs: Vec<f64> = (1..=11).map(f64::from).collect();
        let ratio = Ratio::of(&pairs, 7).unwrap();
        assert_eq!(ratio.median, 6.0);
        assert!((2.0..=4.0).contains(&ratio.low) && (8.0..=10.0).contains(&ratio.high), "{ratio:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_interval() {
        let pairs = [0.9, 1.3, 1.1, 0.7, 1.2, 1.0, 0.8];
        assert_eq!(Ratio::of(&pairs, 5), Ratio::of(&pairs, 5));
    }
}
