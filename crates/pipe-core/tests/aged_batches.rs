//! Batches by age, where the time at which each item comes is known.
#![cfg(feature = "testing")]

use pipe_core::testing::{Pull, Rng, ScriptedSource, VirtualClock};
use pipe_core::{BoxError, Inline, Items, Own, Source, Want, from_source};
use std::time::Duration;

/// Gives one item at a time, after a while: each item is when it comes.
struct Late {
    clock: VirtualClock,
    pauses: Vec<Duration>,
}

impl Source for Late {
    type Item = Own<Duration>;
    type Batch = Items<Duration>;

    fn pull(&mut self, _: Want) -> Result<Option<Items<Duration>>, BoxError> {
        let Some(pause) = self.pauses.pop() else { return Ok(None) };
        self.clock.advance(pause);
        Ok(Some(Items::new(0, vec![self.clock.passed()])))
    }
}

/// A batch ends with its eighth item, or before the first one that comes when the batch is ten milliseconds old.
fn expected(times: impl IntoIterator<Item = Duration>) -> Vec<Vec<Duration>> {
    let mut batches: Vec<Vec<Duration>> = Vec::new();
    for at in times {
        match batches.last_mut().filter(|batch| batch.len() < 8 && at < batch[0] + AGE) {
            Some(batch) => batch.push(at),
            None => batches.push(vec![at]),
        }
    }
    batches
}

const AGE: Duration = Duration::from_millis(10);

#[test]
fn a_batch_has_what_came_while_it_was_young() {
    for seed in 0..50 {
        let mut rng = Rng::new(seed);
        let most = |rng: &mut Rng| if rng.below(4) == 0 { 9_000 } else { 1_000 };
        let pauses: Vec<_> = (0..200)
            .map(|_| {
                let most = most(&mut rng);
                Duration::from_micros(rng.below(most))
            })
            .collect();
        let times = pauses.iter().rev().scan(Duration::ZERO, |at, pause| {
            *at += *pause;
            Some(*at)
        });
        let expected = expected(times);
        assert!(
            expected.iter().any(|batch| batch.len() == 8) && expected.iter().any(|batch| batch.len() < 4)
        );
        let clock = VirtualClock::new();
        let chain = from_source(Late { clock: clock.clone(), pauses }).batch(8).or_after(AGE);
        let batches = chain.collect().clocked_by(clock).run_on(&Inline).expect("nothing fails").value;
        assert_eq!(batches, expected, "seed {seed}");
    }
}

#[test]
fn a_consumer_that_takes_its_time_makes_no_batch_smaller() {
    let clock = VirtualClock::new();
    let slow = clock.clone();
    let lengths = from_source(ScriptedSource::new([Pull::Give((0..64u32).collect())]))
        .batch(8)
        .or_after(AGE)
        .map(move |batch| {
            slow.advance(AGE);
            batch.len()
        })
        .collect();
    assert_eq!(lengths.clocked_by(clock).run_on(&Inline).expect("nothing fails").value, [8; 8]);
}
