//! When a worker without a job asks the others for a part of what they are in.

use crate::bells::NAP;
use crate::pieces::LONG;
use std::time::Duration;

/// Since a worker has found no job, and when it asks next.
///
/// Asking pauses the loops of all workers once, so it has to be rare however often a worker is woken for nothing: after it has waited for as
/// long as a batch was meant to take, and then each time that it has waited twice as long, at least every [`NAP`].
#[derive(Debug)]
pub(crate) struct Hunger {
    asks_at: Duration,
}

impl Hunger {
    pub(crate) fn new() -> Self {
        Hunger { asks_at: LONG }
    }

    /// Whether it asks now, having waited for this long.
    pub(crate) fn asks(&mut self, waited: Duration) -> bool {
        let due = waited >= self.asks_at;
        if due {
            self.asks_at = waited + waited.min(NAP);
        }
        due
    }

    /// How long it may sleep until it asks again.
    pub(crate) fn patience(&self, waited: Duration) -> Duration {
        self.asks_at.saturating_sub(waited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often one who is woken every `step` asks within `span`.
    fn times(step: Duration, span: Duration) -> usize {
        let mut hunger = Hunger::new();
        let looks = (0..).map(|n| step * n).take_while(|waited| *waited <= span);
        looks.filter(|waited| hunger.asks(*waited)).count()
    }

    #[test]
    fn who_is_woken_often_asks_no_more_than_who_is_not() {
        let (us, ms) = (Duration::from_micros, Duration::from_millis);
        // At 0.2, 0.4, .. 12.8 ms, then every 10 ms.
        assert_eq!([us(1), us(10), us(100)].map(|step| times(step, ms(100))), [15; 3]);
        assert_eq!(times(us(1), us(199)), 0);
        assert_eq!(times(ms(50), ms(100)), 2);
    }

    #[test]
    fn who_sleeps_for_its_patience_asks_when_it_wakes() {
        let (mut hunger, mut waited) = (Hunger::new(), Duration::ZERO);
        for _ in 0..20 {
            assert!(!hunger.asks(waited));
            let patience = hunger.patience(waited);
            assert!(patience > Duration::ZERO && patience <= NAP);
            waited += patience;
            assert!(hunger.asks(waited));
        }
    }
}
