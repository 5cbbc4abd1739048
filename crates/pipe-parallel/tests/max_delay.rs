//! Batches that end by age, by a clock that the source moves.

use pipe_core::testing::VirtualClock;
use pipe_core::{from_iter, from_range};
use pipe_parallel::Parallel;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const ITEMS: u64 = 2_000;

/// How many items came out.
#[derive(Default)]
struct Out {
    items: Mutex<u64>,
    changed: Condvar,
}

impl Out {
    fn add(&self) {
        *self.items.lock().unwrap() += 1;
        self.changed.notify_all();
    }

    /// Until this many are out.
    fn wait_for(&self, items: u64) {
        let few = |out: &mut u64| *out < items;
        let waited =
            self.changed.wait_timeout_while(self.items.lock().unwrap(), Duration::from_secs(30), few);
        assert!(!waited.unwrap().1.timed_out(), "item {} is held back", items - 1);
    }
}

/// Gives an item each millisecond, and before it does, waits until those are out that are older than five.
fn source<'a>(clock: &'a VirtualClock, out: &'a Out) -> impl Iterator<Item = u64> + Send + 'a {
    (0..ITEMS).inspect(|n| {
        out.wait_for(n.saturating_sub(5));
        clock.advance(MS);
    })
}

#[test]
fn no_item_of_a_source_waits_longer_than_the_delay_until_its_batch_goes_on() {
    for workers in [1, 3] {
        let (clock, out) = (VirtualClock::new(), Out::default());
        let parallel = Parallel::new().workers(workers).max_delay(5 * MS).spread_at_once();
        let worked = from_iter(source(&clock, &out)).map(|n| n + 1).for_each(|_| out.add());
        let report = worked.clocked_by(clock.clone()).run_on(&parallel);
        assert_eq!(report.expect("nothing fails").written, ITEMS);
    }
}

#[test]
fn nor_where_only_serial_stages_follow() {
    let (clock, out) = (VirtualClock::new(), Out::default());
    let serial = from_iter(source(&clock, &out)).scan(|| 0, std::mem::replace).for_each(|_| out.add());
    let report = serial.clocked_by(clock.clone()).run_on(&Parallel::new().workers(3).max_delay(5 * MS));
    assert_eq!(report.expect("nothing fails").written, ITEMS);
}

#[test]
fn without_a_delay_a_batch_of_such_a_source_grows_beyond_it() {
    // The law above can fail: here the source is asked for more than fits, and notes how many it has not seen come out.
    let (clock, out, most) = (VirtualClock::new(), Out::default(), Mutex::new(0));
    let numbers = (0..ITEMS).inspect(|n| {
        let held = n - *out.items.lock().unwrap();
        let mut most = most.lock().unwrap();
        *most = held.max(*most);
        clock.advance(MS);
    });
    let worked = from_iter(numbers).map(|n| n + 1).for_each(|_| out.add()).clocked_by(clock.clone());
    worked.run_on(&Parallel::new().workers(1).spread_at_once()).expect("nothing fails");
    assert!(*most.lock().unwrap() > 5);
}

#[test]
fn no_delay_at_all_is_one_item_a_batch() {
    let (clock, out) = (VirtualClock::new(), Out::default());
    let numbers = (0..ITEMS).inspect(|n| out.wait_for(*n));
    let worked = from_iter(numbers).map(|n| n + 1).for_each(|_| out.add()).clocked_by(clock.clone());
    let parallel = Parallel::new().workers(2).max_delay(Duration::ZERO).spread_at_once();
    assert_eq!(worked.run_on(&parallel).expect("nothing fails").written, ITEMS);
}

#[test]
fn items_that_come_quickly_still_travel_together_and_none_is_lost() {
    // The clock stands still: no batch is too old.
    let parallel = Parallel::new().workers(3).max_delay(MS).spread_at_once();
    let clock = VirtualClock::new();
    let strings = (0..ITEMS).map(|n| n.to_string());
    let report = from_iter(strings).map(|s| s.len()).collect().clocked_by(clock.clone()).run_on(&parallel);
    assert!(report.expect("nothing fails").value.into_iter().eq((0..ITEMS).map(|n| n.to_string().len())));
    let range = from_range(0..100_000).map(|n| n + 1).collect().clocked_by(clock).run_on(&parallel);
    assert!(range.expect("nothing fails").value.into_iter().eq(1..=100_000));
}
